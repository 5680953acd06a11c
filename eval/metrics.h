// Small numbers about many: the interval of a share, such as an accuracy; the median.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "eval/bootstrap.h"

namespace avsr::eval {

// Wilson's score interval of a proportion (Wilson 1927). total = 0 gives [0, 1]. z = 1.96 is 95 %.
Interval wilson_interval(int64_t correct, int64_t total, double z = 1.959964);

// The value in the middle; of an even number of values the mean of the two. None of none.
std::optional<double> median(std::vector<double> values);

}  // namespace avsr::eval
