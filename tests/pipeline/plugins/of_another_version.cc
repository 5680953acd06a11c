// Stands in for a CUDA plug-in of another build, whose classes are laid out in another way.
#include <cstdlib>

#include "models/backend/backend.h"

extern "C" const char* avsr_cuda_interface() { return "another"; }

extern "C" avsr::backend::Backend* avsr_open_cuda(const avsr::backend::GpuSettings*, char*, size_t) { std::abort(); }
