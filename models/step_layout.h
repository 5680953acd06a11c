// Small helpers on ragged batches shared by the streams.
#pragma once

#include <algorithm>
#include <numeric>

#include "models/backend/backend.h"

namespace avsr::models {

inline int longest(const backend::Lengths& steps) { return *std::max_element(steps.begin(), steps.end()); }
inline int64_t total(const backend::Lengths& steps) { return std::accumulate(steps.begin(), steps.end(), int64_t{0}); }
inline bool is_ragged(const backend::Lengths& steps, int64_t padded) {
  return std::any_of(steps.begin(), steps.end(), [&](int n) { return n != padded; });
}

// Rows [first, first + count) of the first axis of a channels-last tensor, as a view.
inline backend::Tensor rows_of(const backend::Tensor& t, int64_t first, int64_t count) {
  backend::Tensor view = t;
  const int64_t row = t.shape.count() / std::max<int64_t>(t.shape[0], 1);
  view.shape[0] = count;
  view.offset_bytes += static_cast<size_t>(first * row) * backend::bytes_of(t.dtype);
  return view;
}

// (N, C) packed steps -> (B, T, C), T the longest clip. In `storage`, or the same memory when all clips are equally
// long.
inline backend::Tensor spread(backend::Backend& backend, const backend::Tensor& packed, const backend::Lengths& steps,
                              backend::Tensor& storage) {
  const int64_t clips = static_cast<int64_t>(steps.size());
  if (!is_ragged(steps, longest(steps))) return packed.reshaped({clips, longest(steps), packed.shape.back()});
  backend.pad(packed, steps, longest(steps), storage);
  return storage;
}

// Features (B, T', C) of which each clip's first steps are valid -> (B, T, C), T the longest clip, zero beyond. In
// `padded`, or the same memory when all steps are valid.
inline backend::Tensor valid_steps(backend::Backend& backend, const backend::Tensor& features,
                                   const backend::Lengths& steps, backend::Tensor& packed, backend::Tensor& padded) {
  if (!is_ragged(steps, features.shape[1])) return features;
  backend.pack(features, steps, packed);
  return spread(backend, packed, steps, padded);
}

// The inverse of spread().
inline backend::Tensor gather(backend::Backend& backend, const backend::Tensor& padded, const backend::Lengths& steps,
                              backend::Tensor& storage) {
  if (!is_ragged(steps, longest(steps))) return padded.reshaped({total(steps), padded.shape.back()});
  backend.pack(padded, steps, storage);
  return storage;
}

}  // namespace avsr::models
