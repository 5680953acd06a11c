// Inner loops over bf16, which has no arithmetic of its own: load as f32, compute, round. Note [One source, three
// instruction sets], simd_kernels.h, on why there is no library code here.
#ifdef __AVX512BF16__  // elsewhere nobody asks for them

#include "models/backend/cpu/simd_kernels.h"
#include "models/backend/cpu/vectors.h"

namespace avsr::backend::cpu {
namespace {

#include "models/backend/cpu/batch_norm_strips.inc"

constexpr int64_t kWide = kLanes<Wide<4>>;

template <typename From, typename To>
void convert(const From* x, int64_t count, To* y) {
  int64_t i = 0;
  for (; i + kWide <= count; i += kWide) store<Wide<4>>(y + i, load<Wide<4>>(x + i));
  for (; i < count; ++i) store<float>(y + i, load<float>(x + i));
}

void add(const uint16_t* x, int64_t count, uint16_t* y) {
  int64_t i = 0;
  for (; i + kWide <= count; i += kWide) store<Wide<4>>(y + i, load<Wide<4>>(y + i) + load<Wide<4>>(x + i));
  for (; i < count; ++i) store<float>(y + i, load<float>(y + i) + load<float>(x + i));
}

void from_blocked(const float* blocked, int64_t positions, int64_t channels, uint16_t* y) {
  for (int64_t p = 0; p < positions; ++p, blocked += 16, y += channels) {
    int64_t c = 0;
    for (; c + 16 <= channels; c += 16) store<Vector16>(y + c, load<Vector16>(blocked + c * positions));
    for (int64_t lane = 0; c + lane < channels; ++lane) store<float>(y + c + lane, blocked[c * positions + lane]);
  }
}

void to_blocked(const uint16_t* x, int64_t positions, int64_t channels, float* blocked) {
  for (int64_t p = 0; p < positions; ++p, blocked += 16, x += channels) {
    int64_t c = 0;
    for (; c + 16 <= channels; c += 16) store<Vector16>(blocked + c * positions, load<Vector16>(x + c));
    if (c == channels) continue;
    float* last = blocked + c * positions;
    for (int64_t lane = 0; lane < 16; ++lane) last[lane] = c + lane < channels ? load<float>(x + c + lane) : 0;
  }
}

}  // namespace

extern const Bf16Kernels kSimdBf16;
const Bf16Kernels kSimdBf16{
    kStripKernels<uint16_t>, convert<float, uint16_t>, convert<uint16_t, float>, add, from_blocked, to_blocked};

}  // namespace avsr::backend::cpu

#endif
