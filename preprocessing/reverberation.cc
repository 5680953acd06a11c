#include "preprocessing/reverberation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "preprocessing/spectrum.h"

namespace avsr::preprocessing {
namespace {

double energy(const io::Waveform& wave) {
  return std::accumulate(wave.samples.begin(), wave.samples.end(), 0.0,
                         [](double sum, float value) { return sum + double{value} * value; });
}

}  // namespace

io::Waveform reverberated(const io::Waveform& speech, const io::Waveform& response, const std::string& name) {
  for (const float value : response.samples)
    if (!std::isfinite(value))
      throw std::runtime_error(fmt::format("[reverberation] {}: a sample is not a number", name));
  const auto direct = std::max_element(response.samples.begin(), response.samples.end(),
                                       [](float a, float b) { return std::abs(a) < std::abs(b); });
  if (direct == response.samples.end() || *direct == 0)
    throw std::runtime_error(
        fmt::format("[reverberation] {}: expected a room's impulse response, found silence", name));
  const double wanted = energy(speech);
  if (wanted == 0) return speech;
  const io::Waveform whole = convolved(speech, response);
  io::Waveform heard;
  const auto first = whole.samples.begin() + (direct - response.samples.begin());
  heard.samples.assign(first, first + static_cast<std::ptrdiff_t>(speech.samples.size()));
  const double found = energy(heard);
  const auto gain = static_cast<float>(std::sqrt(wanted / std::max(found, 1e-300)));
  for (float& value : heard.samples) value *= gain;
  return heard;
}

}  // namespace avsr::preprocessing
