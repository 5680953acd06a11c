// The interval of a share, such as an accuracy.
#pragma once

#include <cstdint>

#include "eval/bootstrap.h"

namespace avsr::eval {

// Wilson's score interval of a proportion (Wilson 1927). total = 0 gives [0, 1]. z = 1.96 is 95 %.
Interval wilson_interval(int64_t correct, int64_t total, double z = 1.959964);

}  // namespace avsr::eval
