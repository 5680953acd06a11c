// Times on a device that may compute behind the program's back.
#pragma once

#include <functional>
#include <vector>

#include "models/backend/backend.h"

namespace avsr::bench {

double median(std::vector<double> values);  // the upper one of two; throws std::invalid_argument when there is none

// Milliseconds of one call of `work`, `repeats` times. Each is the mean over as many calls in a row as take 100 ms,
// between two synchronisations. Three calls go before: they choose algorithms, allocate and, on a GPU, record.
std::vector<double> time_ms(backend::Backend& backend, const std::function<void()>& work, int repeats);

}  // namespace avsr::bench
