#include "models/backend/cuda/ctc.h"
#include "models/backend/host_ctc.h"

namespace avsr::backend::cuda {

std::shared_ptr<CtcLoss> make_ctc_loss(CudaBackend& backend) { return std::make_shared<HostCtcLoss>(backend); }

}  // namespace avsr::backend::cuda
