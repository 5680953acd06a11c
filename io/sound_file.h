// Sound files (wav, flac, ogg, … whatever libsndfile reads) and FLAC in memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/clip.h"

namespace avsr::io {

// Any format libsndfile knows, mixed to mono (average of the channels) and resampled to 16 kHz: round(n x 16000 / rate)
// samples. Throws std::runtime_error naming the file.
Waveform read_sound(const std::string& path);

// 16-bit wav at 16 kHz, written atomically; samples beyond [-1, 1] are clipped.
void write_wav(const std::string& path, const Waveform& audio);

// 16-bit FLAC at 16 kHz in memory, of at least one sample. What decode_flac() gives back is round(32768 x) / 32768,
// within [-1, 32767/32768].
std::vector<uint8_t> encode_flac(const Waveform& audio);
// `name` is for the error text only.
Waveform decode_flac(std::span<const uint8_t> bytes, const std::string& name = "flac");

}  // namespace avsr::io
