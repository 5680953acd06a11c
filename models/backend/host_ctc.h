// CTC in host memory, for every back end that has no kernel of its own for it.
#pragma once

#include <vector>

#include "models/backend/backend.h"

namespace avsr::backend {

// Waits for the device: logits come down, their gradient goes up. The arithmetic is decoding/ctc.h.
class HostCtcLoss final : public CtcLoss {
 public:
  explicit HostCtcLoss(Backend& backend) : backend_(backend) {}
  void run(const Tensor& logits, const Lengths* lengths, const std::vector<std::vector<int>>& labels,
           const std::vector<std::vector<decoding::StepWindow>>& windows, Tensor& losses, Tensor& dlogits) override;

 private:
  Backend& backend_;
  std::vector<float> gradient_;
};

}  // namespace avsr::backend
