// What every back end checks before it computes, and the shapes that follow from specifications.
#pragma once

#include <initializer_list>
#include <string_view>

#include "models/backend/kernels.h"

namespace avsr::backend {

// Throws std::invalid_argument: "[operation] " and the parts, one after the other. (nvcc cannot compile fmt.)
[[noreturn]] void reject(const char* operation, std::initializer_list<std::string_view> parts);

// Throws std::invalid_argument unless there is one length in [0, steps] for each clip.
void check_lengths(const char* operation, const Lengths& lengths, int64_t batch, int64_t steps);
// Throws std::invalid_argument naming the operation, what it is, and both shapes.
void check_shape(const char* operation, const char* what, const Shape& got, const Shape& expected);
// Throws std::invalid_argument unless t is channels last, f32 or bf16, and of this rank or more.
void check_channels_last(const char* operation, const Tensor& t, size_t least_rank);

void check_spec(const CrossEntropySpec& spec);  // throws std::invalid_argument on what no loss can be

Shape with_columns(const Shape& shape, int64_t columns);  // the last axis of this size
// (N, D, H, W, C) or (N, H, W, C); a 3-D output of depth 1 loses its depth axis. Throws std::invalid_argument where x
// does not fit.
Shape conv_output_shape(const ConvSpec& spec, const Shape& x);
Shape pool_output_shape(const PoolSpec& spec, const Shape& x);

}  // namespace avsr::backend
