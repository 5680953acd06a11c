#include "preprocessing/spectrum.h"

#include <opencv2/core.hpp>

namespace avsr::preprocessing {
namespace {

// One row of doubles, zeros up to a length that transforms fast.
cv::Mat1d padded(const io::Waveform& wave, size_t least) {
  cv::Mat1d row(1, cv::getOptimalDFTSize(static_cast<int>(least)), 0.0);
  for (size_t i = 0; i < wave.samples.size(); ++i) row(0, static_cast<int>(i)) = wave.samples[i];
  return row;
}

io::Waveform back(const cv::Mat1d& spectrum, size_t samples) {
  cv::Mat1d row;
  cv::dft(spectrum, row, cv::DFT_INVERSE | cv::DFT_SCALE | cv::DFT_REAL_OUTPUT);
  io::Waveform wave;
  wave.samples.resize(samples);
  for (size_t i = 0; i < samples; ++i) wave.samples[i] = static_cast<float>(row(0, static_cast<int>(i)));
  return wave;
}

}  // namespace

io::Waveform filtered(const io::Waveform& wave, const std::function<double(double hertz)>& amplitude) {
  if (wave.samples.empty()) return {};
  cv::Mat1d row = padded(wave, wave.samples.size()), spectrum;
  cv::dft(row, spectrum);  // packed: re 0, re 1, im 1, re 2, …, and of an even length re n / 2 at the end
  const int n = spectrum.cols;
  for (int i = 0; i < n; ++i) {
    const int k = (i + 1) / 2;
    spectrum(0, i) *= amplitude(static_cast<double>(k) * io::kSampleRate / n);
  }
  return back(spectrum, wave.samples.size());
}

io::Waveform convolved(const io::Waveform& wave, const io::Waveform& kernel) {
  if (wave.samples.empty() || kernel.samples.empty()) return {};
  const size_t samples = wave.samples.size() + kernel.samples.size() - 1;
  cv::Mat1d a, b, product;
  cv::dft(padded(wave, samples), a);
  cv::dft(padded(kernel, samples), b);
  cv::mulSpectrums(a, b, product, 0);
  return back(product, samples);
}

std::vector<double> power_spectra(std::vector<double> rows, int length) {
  const int count = static_cast<int>(rows.size()) / length, bins = length / 2 + 1;
  std::vector<double> powers(static_cast<size_t>(count) * bins);
  if (count == 0) return powers;
  cv::Mat1d spectra;
  cv::dft(cv::Mat1d(count, length, rows.data()), spectra, cv::DFT_ROWS);  // packed as above
  for (int i = 0; i < count; ++i) {
    const double* packed = spectra[i];
    double* power = powers.data() + static_cast<size_t>(i) * bins;
    power[0] = packed[0] * packed[0];
    for (int k = 1; k < bins - 1; ++k) power[k] = packed[2 * k - 1] * packed[2 * k - 1] + packed[2 * k] * packed[2 * k];
    power[bins - 1] = packed[length - 1] * packed[length - 1];
  }
  return powers;
}

}  // namespace avsr::preprocessing
