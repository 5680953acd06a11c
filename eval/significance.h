// Whether two systems differ by more than chance.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace avsr::eval {

// Clips that one system alone had right, and the probability of a difference at least as large were both equally good.
struct McNemar {
  int64_t only_a = 0, only_b = 0;
  double p = 1;
};

// McNemar's test (McNemar 1947), exact and two-sided: under equality the only_a of the n discordant clips are
// binomial (n, 1/2), and p = min(1, 2 P(X <= min(only_a, only_b))); 1 where n is 0. Assumes independent clips: where
// they come in groups, read bootstrap_difference beside it.
// a, b (N): whether each system was right on clip i, not 0 meaning yes. Throws std::invalid_argument on different
// lengths.
McNemar mcnemar(std::span<const uint8_t> a, std::span<const uint8_t> b);
// Its p, to about 12 digits. Throws std::invalid_argument on negative counts.
double mcnemar_p(int64_t only_a, int64_t only_b);

// The matched-pairs test of word error rates (Gillick and Cox 1989), two-sided: a, b (N) are two systems' errors in the
// same sentences. Were both equally good, either could have made either number of errors in a sentence: the probability
// that the difference of all errors is at least as large when each sentence's difference gets its sign by a fair coin
// (Fisher's randomization test), exact. With 0 and 1 as errors it is McNemar's test. Beyond some 10^8 steps of work,
// where it makes no more difference, by the normal distribution, as in the paper. 1 where no sentence differs. Assumes
// independent sentences. Throws std::invalid_argument on different lengths.
double matched_pairs_p(std::span<const int64_t> a, std::span<const int64_t> b);

// p-values of several comparisons, each adjusted for their number, in the order given (Holm 1979): those below 0.05
// hold together with a chance of at most 5 % that any of them is a false alarm. The i-th smallest of m, from 0, is
// multiplied by m - i; none is above 1 or below a smaller one's. Throws std::invalid_argument on numbers outside 0
// .. 1.
std::vector<double> holm(std::span<const double> p_values);

}  // namespace avsr::eval
