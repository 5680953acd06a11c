// Adding noise to speech at an exact signal-to-noise ratio.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "io/clip.h"

namespace avsr::preprocessing {

inline constexpr double kLargestSnr = 100;  // dB, up and down: beyond it there is nothing left of one of the two

// Over what part of a clip the ratio is taken, of speech and noise alike.
//   clip:          all of it.
//   active_speech: where there is speech: the stretches of 20 ms (the last may be shorter) whose power is at most 35 dB
//                  below that of the loudest one. A word in a long silence then gets as much noise as one without.
enum class SnrOver : uint8_t { clip, active_speech };
inline constexpr std::pair<SnrOver, const char*> kSnrOverNames[] = {{SnrOver::clip, "clip"},
                                                                    {SnrOver::active_speech, "active_speech"}};

enum class MixResult {
  mixed,
  silent_speech,  // the speech has no power: any SNR is undefined; left unchanged
  silent_noise,   // the noise has no power; left unchanged
};
// speech += g * noise with g chosen so that 10 log10(sum speech^2 / sum (g noise)^2) = snr_db over the clip or its
// active speech. Noise shorter than the speech repeats, longer noise is cut; its power is taken over what is used.
// Samples may pass +-1: nothing is lost in floating point, and z-normalisation follows. `clip` names the clip in
// errors. Throws std::runtime_error on a sample that is not finite, std::invalid_argument on a non-finite snr_db.
MixResult mix_noise(io::Waveform& speech, const io::Waveform& noise, double snr_db, const std::string& clip,
                    SnrOver over = SnrOver::clip);

// 1 where a sample is of active speech (SnrOver), else 0; all 0 where the speech is silent.
std::vector<uint8_t> active_samples(const io::Waveform& speech);

// Gaussian white noise of power 1.
io::Waveform white_noise(uint64_t key, size_t samples);

// Linear-interpolated resampling: plays `factor` times faster (pitch and speed rise together). factor in [0.25, 4].
io::Waveform change_speed(const io::Waveform& wave, double factor);

}  // namespace avsr::preprocessing
