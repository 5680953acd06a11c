// Elements of a tensor that may be f32 or bf16, read and written as float, one or several neighbours at a time.
#pragma once

#include "models/backend/bf16.h"
#include "models/backend/tensor.h"

namespace avsr::backend::cuda {

template <int kCount>
struct Lanes {
  float of[kCount];
};

template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Packet {  // one load or store of the device
  T of[kCount];
};

// The type is the same for all threads of a kernel, so the branch costs next to nothing.
struct Elements {
  void* data = nullptr;
  bool bf16 = false;

  Elements() = default;
  explicit Elements(const Tensor& t) : data(t.empty() ? nullptr : t.data<void>()), bf16(t.dtype == DType::bf16) {}

  AVSR_HOST_DEVICE explicit operator bool() const { return data != nullptr; }
  AVSR_HOST_DEVICE float load(int64_t i) const {
    return bf16 ? float_of_bf16(static_cast<const uint16_t*>(data)[i]) : static_cast<const float*>(data)[i];
  }
  AVSR_HOST_DEVICE void store(int64_t i, float value) const {
    if (bf16)
      static_cast<uint16_t*>(data)[i] = bf16_of_float(value);
    else
      static_cast<float*>(data)[i] = value;
  }
  // i: a multiple of kCount.
  template <int kCount>
  AVSR_HOST_DEVICE Lanes<kCount> load_lanes(int64_t i) const {
    Lanes<kCount> lanes;
    if (bf16) {
      const auto packet = *reinterpret_cast<const Packet<uint16_t, kCount>*>(static_cast<const uint16_t*>(data) + i);
      for (int k = 0; k < kCount; ++k) lanes.of[k] = float_of_bf16(packet.of[k]);
    } else {
      const auto packet = *reinterpret_cast<const Packet<float, kCount>*>(static_cast<const float*>(data) + i);
      for (int k = 0; k < kCount; ++k) lanes.of[k] = packet.of[k];
    }
    return lanes;
  }
  template <int kCount>
  AVSR_HOST_DEVICE void store_lanes(int64_t i, const Lanes<kCount>& lanes) const {
    if (bf16) {
      Packet<uint16_t, kCount> packet;
      for (int k = 0; k < kCount; ++k) packet.of[k] = bf16_of_float(lanes.of[k]);
      *reinterpret_cast<Packet<uint16_t, kCount>*>(static_cast<uint16_t*>(data) + i) = packet;
    } else {
      Packet<float, kCount> packet;
      for (int k = 0; k < kCount; ++k) packet.of[k] = lanes.of[k];
      *reinterpret_cast<Packet<float, kCount>*>(static_cast<float*>(data) + i) = packet;
    }
  }
};

}  // namespace avsr::backend::cuda
