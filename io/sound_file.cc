#include "io/sound_file.h"

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "io/atomic_file.h"
#include "io/mono_resampler.h"

namespace avsr::io {

namespace {

struct CloseSound {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using SoundHandle = std::unique_ptr<SNDFILE, CloseSound>;

// A growing buffer, or a constant one, behind libsndfile's file functions.
struct MemoryFile {
  std::vector<uint8_t> written;
  std::span<const uint8_t> given;
  bool writing = false;
  sf_count_t position = 0;

  sf_count_t size() const { return static_cast<sf_count_t>(writing ? written.size() : given.size()); }
};

sf_count_t memory_size(void* user) { return static_cast<MemoryFile*>(user)->size(); }

sf_count_t memory_seek(sf_count_t offset, int whence, void* user) {
  auto& file = *static_cast<MemoryFile*>(user);
  const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file.position : file.size();
  if (base + offset < 0) return -1;
  return file.position = base + offset;
}

sf_count_t memory_read(void* out, sf_count_t count, void* user) {
  auto& file = *static_cast<MemoryFile*>(user);
  const sf_count_t part = std::clamp<sf_count_t>(file.size() - file.position, 0, count);
  const uint8_t* data = file.writing ? file.written.data() : file.given.data();
  if (part > 0) std::memcpy(out, data + file.position, static_cast<size_t>(part));
  file.position += part;
  return part;
}

sf_count_t memory_write(const void* data, sf_count_t count, void* user) {
  auto& file = *static_cast<MemoryFile*>(user);
  if (count <= 0) return 0;
  const size_t end = static_cast<size_t>(file.position + count);
  if (end > file.written.size()) file.written.resize(end);
  std::memcpy(file.written.data() + file.position, data, static_cast<size_t>(count));
  file.position += count;
  return count;
}

sf_count_t memory_tell(void* user) { return static_cast<MemoryFile*>(user)->position; }

SF_VIRTUAL_IO memory_functions() { return {memory_size, memory_seek, memory_read, memory_write, memory_tell}; }

std::vector<int16_t> to_16_bit(const Waveform& audio) {
  std::vector<int16_t> values(audio.samples.size());
  std::transform(audio.samples.begin(), audio.samples.end(), values.begin(), [](float x) {
    return static_cast<int16_t>(std::isfinite(x) ? std::clamp(std::lrintf(x * 32768.f), -32768l, 32767l) : 0);
  });
  return values;
}

void write_16_bit(SNDFILE* file, const Waveform& audio, const std::string& name) {
  const std::vector<int16_t> values = to_16_bit(audio);
  const sf_count_t count = static_cast<sf_count_t>(values.size());
  if (count > 0 && sf_write_short(file, values.data(), count) != count) {
    throw std::runtime_error(name + ": cannot write: " + sf_strerror(file));
  }
}

// Mixes and resamples block by block.
Waveform read_mono(SNDFILE* file, const SF_INFO& info, const std::string& name) {
  constexpr sf_count_t kBlock = 16384;
  if (info.channels < 1 || info.samplerate < 1000 || info.samplerate > 768000) {
    throw std::runtime_error(name + ": expected a sample rate from 1000 to 768000, got " +
                             std::to_string(info.samplerate));
  }
  const size_t channels = static_cast<size_t>(info.channels);
  std::vector<float> block(static_cast<size_t>(kBlock) * channels), mono;
  MonoResampler resampler(info.samplerate);
  Waveform audio;
  sf_count_t total = 0;
  while (true) {
    const sf_count_t got = sf_readf_float(file, block.data(), kBlock);
    if (sf_error(file) != SF_ERR_NO_ERROR) throw std::runtime_error(name + ": cannot decode: " + sf_strerror(file));
    if (got <= 0) break;
    mono.assign(static_cast<size_t>(got), 0.f);
    for (size_t i = 0; i < mono.size(); ++i) {
      for (size_t channel = 0; channel < channels; ++channel) mono[i] += block[i * channels + channel];
      mono[i] = std::isfinite(mono[i]) ? mono[i] / static_cast<float>(channels) : 0.f;
    }
    resampler.push(mono.data(), mono.size(), audio.samples);
    total += got;
  }
  if (info.frames > 0 && info.frames != SF_COUNT_MAX && total < info.frames) {
    throw std::runtime_error(name + ": ends after " + std::to_string(total) + " of " + std::to_string(info.frames) +
                             " samples");
  }
  resampler.finish(audio.samples);
  return audio;
}

}  // namespace

Waveform read_sound(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    throw std::runtime_error(path + ": is a folder, expected a sound file");
  SF_INFO info{};
  SoundHandle file(sf_open(path.c_str(), SFM_READ, &info));
  if (!file) throw std::runtime_error(path + ": cannot open as sound: " + sf_strerror(nullptr));
  return read_mono(file.get(), info, path);
}

void write_wav(const std::string& path, const Waveform& audio) {
  AtomicFile atomic(path);
  SF_INFO info{};
  info.samplerate = kSampleRate;
  info.channels = 1;
  info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
  SoundHandle file(sf_open(atomic.temporary_path().c_str(), SFM_WRITE, &info));
  if (!file) throw std::runtime_error(path + ": cannot create: " + sf_strerror(nullptr));
  write_16_bit(file.get(), audio, path);
  if (const int code = sf_close(file.release()))
    throw std::runtime_error(path + ": cannot write: " + sf_error_number(code));
  atomic.commit();
}

std::vector<uint8_t> encode_flac(const Waveform& audio) {
  if (audio.samples.empty()) throw std::invalid_argument("[flac] expected at least one sample, got none");
  MemoryFile memory;
  memory.writing = true;
  SF_INFO info{};
  info.samplerate = kSampleRate;
  info.channels = 1;
  info.format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
  SF_VIRTUAL_IO functions = memory_functions();
  SoundHandle file(sf_open_virtual(&functions, SFM_WRITE, &info, &memory));
  if (!file) throw std::runtime_error(std::string("flac: cannot encode: ") + sf_strerror(nullptr));
  write_16_bit(file.get(), audio, "flac");
  if (const int code = sf_close(file.release()))
    throw std::runtime_error(std::string("flac: ") + sf_error_number(code));
  return std::move(memory.written);
}

Waveform decode_flac(std::span<const uint8_t> bytes, const std::string& name) {
  MemoryFile memory;
  memory.given = bytes;
  SF_INFO info{};
  SF_VIRTUAL_IO functions = memory_functions();
  SoundHandle file(sf_open_virtual(&functions, SFM_READ, &info, &memory));
  if (!file) throw std::runtime_error(name + ": is not FLAC: " + sf_strerror(nullptr));
  return read_mono(file.get(), info, name);
}

}  // namespace avsr::io
