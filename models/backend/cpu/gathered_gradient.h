// The weight gradient of a bf16 convolution over small maps, as one matrix product of its gathered input.
#pragma once

#include <map>

#include "models/backend/cpu/matrix_product.h"

namespace avsr::backend::cpu {

// Note [Weight gradients over small maps]
// oneDNN's kernel for bf16 adds up the whole weight gradient image by image: of maps of 3 x 3 pixels that is some 60 ms
// where the product of the gathered input takes 8 (512 channels, 232 frames, AMX). From about 8 pixels on, gathering
// costs more than it saves.
class GatheredGradient {
 public:
  // x: (N, H, W, I), y: (N, H', W', O), channels last.
  GatheredGradient(CpuBackend& backend, const ConvSpec& spec, const Shape& x, const Shape& y);
  static bool pays(const ConvSpec& spec, const Shape& x, const Shape& y);

  // dw (O, kh, kw, I) += the gradient, from x and dy in bf16.
  void add(const uint16_t* x, const uint16_t* dy, float* dw);

 private:
  void gather(const uint16_t* x, int64_t frames, uint16_t* rows) const;
  MatrixProduct& product(int64_t rows);

  CpuBackend& backend_;
  ConvSpec spec_;
  Shape x_, y_;
  int64_t frames_at_once_ = 1;
  std::map<int64_t, MatrixProduct> products_;  // by rows
};

}  // namespace avsr::backend::cpu
