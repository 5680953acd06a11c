#include "preprocessing/mfcc.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "preprocessing/fft.h"

namespace avsr::preprocessing {
namespace {

double mel_of_hz(double hz) { return 2595 * std::log10(1 + hz / 700); }
double hz_of_mel(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

// One triangular filter: weights of the bins from `first` on.
struct Band {
  int first = 0;
  std::vector<double> weights;
};

// Triangles whose corners are equally spaced in mel, evaluated at each bin's exact frequency.
std::vector<Band> mel_filters(const MfccSettings& settings, int fft_size) {
  const double low = mel_of_hz(settings.lowest_hz), high = mel_of_hz(settings.highest_hz);
  const double bin_hz = static_cast<double>(settings.windows.sample_rate) / fft_size;
  const auto corner = [&](int i) { return hz_of_mel(low + (high - low) * i / (settings.mel_bands + 1)); };
  std::vector<Band> bands(settings.mel_bands);
  for (int b = 0; b < settings.mel_bands; ++b) {
    const double left = corner(b), centre = corner(b + 1), right = corner(b + 2);
    for (int k = 0; k <= fft_size / 2; ++k) {
      const double hz = k * bin_hz;
      const double weight = std::min((hz - left) / (centre - left), (right - hz) / (right - centre));
      if (weight <= 0) continue;
      if (bands[b].weights.empty()) bands[b].first = k;
      bands[b].weights.push_back(weight);
    }
  }
  return bands;
}

// Orthonormal DCT-II rows 0 … coefficients - 1, times the lifter.
std::vector<double> cosine_rows(const MfccSettings& settings) {
  const int bands = settings.mel_bands;
  std::vector<double> rows(static_cast<size_t>(settings.coefficients) * bands);
  for (int k = 0; k < settings.coefficients; ++k) {
    const double norm = std::sqrt((k == 0 ? 1.0 : 2.0) / bands);
    const double lifter =
        settings.lifter > 0 ? 1 + settings.lifter / 2.0 * std::sin(std::numbers::pi * k / settings.lifter) : 1.0;
    for (int b = 0; b < bands; ++b) {
      rows[static_cast<size_t>(k) * bands + b] = lifter * norm * std::cos(std::numbers::pi * k * (b + 0.5) / bands);
    }
  }
  return rows;
}

// Writes the regression derivative of columns [from, from + width) to columns [to, to + width):
// d[t] = sum_{n=1,2} n (c[t+n] - c[t-n]) / (2 (1 + 4)), ends repeated.
void add_deltas(Features& features, int from, int to, int width) {
  const auto at = [&](int row, int column) {
    return features.values[static_cast<size_t>(std::clamp(row, 0, features.count - 1)) * features.dimension + column];
  };
  for (int t = 0; t < features.count; ++t) {
    for (int c = 0; c < width; ++c) {
      double sum = 0;
      for (int n = 1; n <= 2; ++n) sum += n * (double{at(t + n, from + c)} - at(t - n, from + c));
      features.values[static_cast<size_t>(t) * features.dimension + to + c] = static_cast<float>(sum / 10);
    }
  }
}

}  // namespace

void MfccSettings::validate() const {
  windows.validate();
  const auto require = [](bool ok, const char* what) {
    if (!ok) throw std::invalid_argument(fmt::format("[mfcc] {}", what));
  };
  require(mel_bands >= 1, "mel_bands must be at least 1");
  require(coefficients >= 1 && coefficients <= mel_bands, "coefficients must lie between 1 and mel_bands");
  require(lowest_hz >= 0 && lowest_hz < highest_hz, "lowest_hz must lie below highest_hz");
  require(highest_hz <= windows.sample_rate / 2.0, "highest_hz lies above half the sample rate");
  require(log_floor > 0, "log_floor must be positive");
  require(lifter >= 0, "lifter must not be negative");
}

struct Mfcc::Tables {
  explicit Tables(const MfccSettings& chosen)
      : settings(chosen),
        window(chosen.windows.window_samples()),
        fft(RealFft::size_for(window)),
        hamming(window),
        bands(mel_filters(chosen, fft.size())),
        cosines(cosine_rows(chosen)) {
    for (int i = 0; i < window; ++i) {
      hamming[i] = window > 1 ? 0.54 - 0.46 * std::cos(2 * std::numbers::pi * i / (window - 1)) : 1.0;
    }
  }
  void band_logs(const float* samples, std::vector<double>& work, double* logs) const;

  MfccSettings settings;
  int window;
  RealFft fft;
  std::vector<double> hamming;
  std::vector<Band> bands;
  std::vector<double> cosines;
};

void Mfcc::Tables::band_logs(const float* samples, std::vector<double>& work, double* logs) const {
  work.assign(fft.size(), 0.0);
  for (int i = 0; i < window; ++i) {
    // HTK's rule for the first sample: it is its own predecessor.
    const double previous = samples[i == 0 ? 0 : i - 1];
    work[i] = (samples[i] - settings.pre_emphasis * previous) * hamming[i];
  }
  fft.power_spectrum(work);
  for (size_t b = 0; b < bands.size(); ++b) {
    double energy = 0;
    for (size_t k = 0; k < bands[b].weights.size(); ++k) energy += bands[b].weights[k] * work[bands[b].first + k];
    logs[b] = std::log(energy + settings.log_floor);
  }
}

Mfcc::Mfcc(const MfccSettings& settings) {
  settings.validate();
  tables_ = std::make_unique<Tables>(settings);
}

Mfcc::~Mfcc() = default;

const MfccSettings& Mfcc::settings() const { return tables_->settings; }

Features Mfcc::log_mel(const io::Waveform& wave) const {
  const WindowSettings& windows = settings().windows;
  Features features;
  features.count = count_windows(windows, wave.samples.size());
  features.dimension = settings().mel_bands;
  features.values.resize(static_cast<size_t>(features.count) * features.dimension);
  std::vector<float> window(tables_->window);
  std::vector<double> work, logs(features.dimension);
  for (int i = 0; i < features.count; ++i) {
    copy_window(windows, wave, i, window.data());
    tables_->band_logs(window.data(), work, logs.data());
    std::transform(logs.begin(), logs.end(), features.values.begin() + static_cast<size_t>(i) * features.dimension,
                   [](double v) { return static_cast<float>(v); });
  }
  return features;
}

Features Mfcc::compute(const io::Waveform& wave) const {
  const Features mel = log_mel(wave);
  const int coefficients = settings().coefficients, bands = settings().mel_bands;
  Features features;
  features.count = mel.count;
  features.dimension = settings().features();
  features.values.resize(static_cast<size_t>(features.count) * features.dimension);
  for (int i = 0; i < features.count; ++i) {
    for (int k = 0; k < coefficients; ++k) {
      const double* row = tables_->cosines.data() + static_cast<size_t>(k) * bands;
      double sum = 0;
      for (int b = 0; b < bands; ++b) sum += row[b] * mel.row(i)[b];
      features.values[static_cast<size_t>(i) * features.dimension + k] = static_cast<float>(sum);
    }
  }
  if (settings().deltas) {
    add_deltas(features, 0, coefficients, coefficients);
    add_deltas(features, coefficients, 2 * coefficients, coefficients);
  }
  return features;
}

}  // namespace avsr::preprocessing
