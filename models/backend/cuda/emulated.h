// The CUDA back end's sources compiled for the host: for tests (Note [Emulation] in stream.h).
#pragma once

#include <memory>

#include "models/backend/backend.h"

namespace avsr::backend::cuda {

std::unique_ptr<Backend> make_emulated_backend(Precision precision);

}  // namespace avsr::backend::cuda
