// Intervals of means over clips that are not independent: of one speaker, of one sentence.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace avsr::eval {

struct Interval {
  double low = 0, high = 0;
};

// 95 % interval of the mean of values (N), such as 1 for a clip that was recognised and 0 for another. groups (N): any
// number for each clip, the same for clips of one speaker or sentence; clips that are independent have numbers of their
// own. Each of `rounds` times as many groups are drawn, with replacement, as there are, and the mean is taken over all
// their clips; the interval goes from the 2.5th to the 97.5th percentile of these means (Efron 1979; whole groups:
// Davison and Hinkley 1997, section 3.8). With few groups, under some 20, it is too narrow (Cameron, Gelbach and Miller
// 2008). Fixed by the seed.
// None with fewer than two groups: one group does not tell how much groups differ.
// Throws std::invalid_argument on different lengths, values that are not finite and rounds < 1.
std::optional<Interval> bootstrap_mean(std::span<const double> values, std::span<const int> groups, int rounds = 2000,
                                       uint64_t seed = 1);

// The same for a ratio of sums, values over weights (N, 0 or more): of errors to words for a word error rate over
// sentences (Bisani and Ney 2004). With the difference of two systems' errors as values, it is the paired interval of
// the difference of their rates. What is drawn without any weight is drawn again. Throws also on weights that are below
// 0, not finite or all 0.
std::optional<Interval> bootstrap_ratio(std::span<const double> values, std::span<const double> weights,
                                        std::span<const int> groups, int rounds = 2000, uint64_t seed = 1);

// The same as bootstrap_mean for mean(a) - mean(b), where a[i] and b[i] are two systems' values on the same clip i:
// both means are taken over the same drawn clips (paired bootstrap), so that what makes a clip hard for both is no
// difference.
std::optional<Interval> bootstrap_difference(std::span<const double> a, std::span<const double> b,
                                             std::span<const int> groups, int rounds = 2000, uint64_t seed = 1);

}  // namespace avsr::eval
