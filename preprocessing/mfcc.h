// Mel-frequency cepstral coefficients with their first and second derivatives.
#pragma once

#include <memory>

#include "io/clip.h"
#include "preprocessing/audio_windows.h"
#include "preprocessing/features.h"

namespace avsr::preprocessing {

// Davis and Mermelstein 1980 as HTK computes it: pre-emphasis inside each window, Hamming, power spectrum, triangular
// filters equally spaced in mel (2595 log10(1 + f / 700)), log, DCT-II (orthonormal), lifter 1 + L/2 sin(pi k / L).
struct MfccSettings {
  WindowSettings windows;  // 40 ms every 10 ms: 100 a second, 4 to a video frame
  int coefficients = 13;   // c0 … c12
  int mel_bands = 26;
  double lowest_hz = 20, highest_hz = 8000;
  double pre_emphasis = 0.97;
  int lifter = 22;           // 0 = none
  double log_floor = 1e-10;  // added to each band's energy (samples in [-1, 1]): silence stays finite
  bool deltas = true;        // appends first and second derivatives (regression over +-2 windows, ends repeated)
  int features() const { return deltas ? 3 * coefficients : coefficients; }
  void validate() const;  // throws std::invalid_argument
};

// Tables made once for the settings; compute() may be called from many threads.
class Mfcc {
 public:
  explicit Mfcc(const MfccSettings& settings = {});
  ~Mfcc();
  Features compute(const io::Waveform& wave) const;  // (N, features())
  Features log_mel(const io::Waveform& wave) const;  // (N, mel_bands): natural log of the band energies
  const MfccSettings& settings() const;

 private:
  struct Tables;
  std::unique_ptr<Tables> tables_;
};

}  // namespace avsr::preprocessing
