#include "preprocessing/mfcc.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <utility>

#include "preprocessing/spectrum.h"

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

// The DCT's rows 0 … coefficients - 1, times the lifter.
std::vector<double> cosine_rows(const MfccSettings& settings) {
  const int bands = settings.mel_bands;
  std::vector<double> rows = dct_rows(settings.coefficients, bands);
  if (settings.lifter == 0) return rows;
  for (int k = 0; k < settings.coefficients; ++k) {
    const double lifter = 1 + settings.lifter / 2.0 * std::sin(std::numbers::pi * k / settings.lifter);
    for (int b = 0; b < bands; ++b) rows[static_cast<size_t>(k) * bands + b] *= lifter;
  }
  return rows;
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
        fft_size(static_cast<int>(std::bit_ceil(static_cast<unsigned>(std::max(window, 2))))),
        hamming(window),
        bands(mel_filters(chosen, fft_size)),
        cosines(cosine_rows(chosen)) {
    for (int i = 0; i < window; ++i) {
      hamming[i] = window > 1 ? 0.54 - 0.46 * std::cos(2 * std::numbers::pi * i / (window - 1)) : 1.0;
    }
  }
  void emphasise(const float* samples, double* out) const;
  void band_logs(const double* power, float* logs) const;

  MfccSettings settings;
  int window;
  int fft_size;
  std::vector<double> hamming;
  std::vector<Band> bands;
  std::vector<double> cosines;
};

void Mfcc::Tables::emphasise(const float* samples, double* out) const {
  for (int i = 0; i < window; ++i) {
    // HTK's rule for the first sample: it is its own predecessor.
    const double previous = samples[i == 0 ? 0 : i - 1];
    out[i] = (samples[i] - settings.pre_emphasis * previous) * hamming[i];
  }
}

void Mfcc::Tables::band_logs(const double* power, float* logs) const {
  for (size_t b = 0; b < bands.size(); ++b) {
    double energy = 0;
    for (size_t k = 0; k < bands[b].weights.size(); ++k) energy += bands[b].weights[k] * power[bands[b].first + k];
    logs[b] = static_cast<float>(std::log(energy + settings.log_floor));
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
  const auto size = static_cast<size_t>(tables_->fft_size), bins = size / 2 + 1;
  std::vector<double> rows(size * static_cast<size_t>(features.count));  // zeros behind each window
  for (int i = 0; i < features.count; ++i) {
    copy_window(windows, wave, i, window.data());
    tables_->emphasise(window.data(), rows.data() + static_cast<size_t>(i) * size);
  }
  const std::vector<double> powers = power_spectra(std::move(rows), tables_->fft_size);
  for (int i = 0; i < features.count; ++i)
    tables_->band_logs(powers.data() + static_cast<size_t>(i) * bins,
                       features.values.data() + static_cast<size_t>(i) * features.dimension);
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
  if (settings().deltas) fill_derivatives(features);
  return features;
}

}  // namespace avsr::preprocessing
