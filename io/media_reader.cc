#include "io/media_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "io/audio_track.h"
#include "io/video_track.h"

namespace avsr::io {

namespace {

constexpr double kNotableSeconds = 0.1;
constexpr int64_t kNoEnd = INT64_MAX;

int64_t to_frame(double seconds) { return std::llround(seconds * kFramesPerSecond); }

// 0 where the file does not say. Without probing, FFmpeg 7 leaves the container's length open: then a track's own.
double duration_of(const AVFormatContext& input) {
  if (input.duration != AV_NOPTS_VALUE && input.duration > 0) return static_cast<double>(input.duration) / AV_TIME_BASE;
  for (const AVMediaType type : {AVMEDIA_TYPE_VIDEO, AVMEDIA_TYPE_AUDIO}) {
    const int index = pick_stream(input, type);
    if (index < 0) continue;
    const AVStream& stream = *input.streams[index];
    if (stream.duration != AV_NOPTS_VALUE && stream.duration > 0)
      return static_cast<double>(stream.duration) * av_q2d(stream.time_base);
  }
  return 0;
}

}  // namespace

void MediaOptions::validate() const {
  const auto require = [](bool good, const std::string& text) {
    if (!good) throw std::invalid_argument("[media reader] " + text);
  };
  require(video || audio, "neither video nor audio is asked for");
  require(start_seconds >= 0 && start_seconds < 1e7,
          fmt::format("expected a start of 0 s or later, got {} s", start_seconds));
  require(!end_seconds || (*end_seconds > start_seconds && *end_seconds < 1e7),
          fmt::format("expected an end after the start at {} s, got {} s", start_seconds, end_seconds.value_or(0)));
  require(threads >= 0 && threads <= 64, fmt::format("expected 0 to 64 threads, got {}", threads));
  require(chunk_frames >= 1 && chunk_frames <= 10000,
          fmt::format("expected 1 to 10000 frames a chunk, got {}", chunk_frames));
}

struct MediaReader::Impl {
  Impl(const std::string& path, const MediaOptions& reader_options);

  void open_tracks(ffmpeg::Input first);
  void describe_video(const AVStream& stream);
  void describe_audio(const AVStream& stream);
  bool next_chunk(MediaChunk& chunk);
  void read_frames(MediaChunk& chunk);
  void read_sound(MediaChunk& chunk);
  void finish();
  void check_file_length(TrackDecoder& decoder, const char* which);
  void check_damage(TrackDecoder& decoder, const char* which);
  void note(std::string text) { info.notes.push_back(std::move(text)); }

  MediaOptions options;
  MediaInfo info;
  std::unique_ptr<VideoTrack> video;
  std::unique_ptr<AudioTrack> audio;
  int64_t position = 0, end = kNoEnd;  // next grid frame, and the one not to be read any more
  int64_t missing_sound = 0;           // samples of silence put in place of sound that the track lacks
  bool video_ended = false, audio_ended = false, finished = false, anything = false;
};

MediaReader::Impl::Impl(const std::string& path, const MediaOptions& reader_options) : options(reader_options) {
  info.path = path;
  ffmpeg::Input input = open_input(path);
  info.format = input->iformat->name;
  info.duration_seconds = duration_of(*input);
  open_tracks(std::move(input));
  position = to_frame(options.start_seconds);
  if (options.end_seconds) end = std::max(position + 1, to_frame(*options.end_seconds));
}

void MediaReader::Impl::open_tracks(ffmpeg::Input first) {
  const std::string& path = info.path;
  const int video_index = pick_stream(*first, AVMEDIA_TYPE_VIDEO),
            audio_index = pick_stream(*first, AVMEDIA_TYPE_AUDIO);
  info.has_video = video_index >= 0;
  info.has_audio = audio_index >= 0;
  if (!info.has_video && !info.has_audio) throw std::runtime_error(path + ": holds neither video nor sound");
  if (info.has_video) describe_video(*first->streams[video_index]);
  if (info.has_audio) describe_audio(*first->streams[audio_index]);
  const bool want_audio = options.audio && info.has_audio;
  if (!want_audio && !(options.video && info.has_video)) {
    throw std::runtime_error(path + (options.video ? ": holds no video" : ": holds no sound"));
  }
  double zero = 0;
  if (info.has_video) {  // also where only sound is wanted: its first frame sets time 0
    video = std::make_unique<VideoTrack>(std::move(first), video_index, path, options.threads);
    zero = video->zero_seconds();
    info.width = video->width();
    info.height = video->height();
    info.rotation_degrees = video->rotation_degrees();
    info.source_fps = video->source_fps();
    info.pixel_format = video->pixel_format();
    if (!options.video) video.reset();
  }
  if (!want_audio) return;
  audio = std::make_unique<AudioTrack>(first ? std::move(first) : open_input(path), audio_index, path);
  if (!audio->has_sound()) {
    const std::string& damage = audio->decoder().damage();
    if (!damage.empty() && (!options.allow_damaged || !video)) {
      throw std::runtime_error(path + ": no sound can be decoded: " + damage);
    }
    if (!video) throw std::runtime_error(path + ": its sound track is empty");
    note(damage.empty() ? "the sound track is empty" : "no sound can be decoded: " + damage);
    info.damaged |= !damage.empty();
    info.has_audio = false;
    audio.reset();
    return;
  }
  if (audio->rate() > 0) {
    info.audio_rate = audio->rate();
    info.audio_channels = audio->channels();
  }
  audio->start_at((info.has_video ? zero : audio->first_seconds()) +
                  static_cast<double>(to_frame(options.start_seconds)) / kFramesPerSecond);
}

void MediaReader::Impl::describe_video(const AVStream& stream) {
  info.video_codec = avcodec_get_name(stream.codecpar->codec_id);
}

void MediaReader::Impl::describe_audio(const AVStream& stream) {
  info.audio_codec = avcodec_get_name(stream.codecpar->codec_id);
  info.audio_rate = stream.codecpar->sample_rate;
  info.audio_channels = stream.codecpar->ch_layout.nb_channels;
}

void MediaReader::Impl::read_frames(MediaChunk& chunk) {
  const int64_t wanted = std::min<int64_t>(options.chunk_frames, end - position);
  chunk.frames.height = video->height();
  chunk.frames.width = video->width();
  const size_t size = chunk.frames.frame_size();
  chunk.frames.pixels.resize(static_cast<size_t>(wanted) * size);
  while (chunk.frames.count < wanted && video->advance(position + chunk.frames.count)) {
    video->copy(chunk.frames.frame(chunk.frames.count));
    ++chunk.frames.count;
  }
  chunk.frames.pixels.resize(static_cast<size_t>(chunk.frames.count) * size);
  if (chunk.frames.count < wanted) video_ended = true;
  check_damage(video->decoder(), "video");
}

void MediaReader::Impl::read_sound(MediaChunk& chunk) {
  std::vector<float>& samples = chunk.audio.samples;
  const int64_t frames = !video ? std::min<int64_t>(options.chunk_frames, end - position) : chunk.frames.count;
  const size_t wanted = static_cast<size_t>(frames) * kSamplesPerFrame;
  const size_t got = audio_ended ? 0 : audio->read(samples, wanted);
  if (got < wanted) audio_ended = true;
  // Up to the last frame sound goes on as silence.
  const size_t must = static_cast<size_t>(chunk.frames.count) * kSamplesPerFrame;
  if (got < must) {
    missing_sound += static_cast<int64_t>(must - got);
    samples.resize(must, 0.f);
  }
  check_damage(audio->decoder(), "sound");
}

bool MediaReader::Impl::next_chunk(MediaChunk& chunk) {
  chunk.first_frame = position;
  chunk.frames.count = 0;
  chunk.frames.pixels.clear();
  chunk.audio.samples.clear();
  if (finished) return false;
  if (video && !video_ended && position < end) read_frames(chunk);
  if (audio && position < end) read_sound(chunk);
  if (chunk.frames.count == 0 && chunk.audio.samples.empty()) {
    finish();
    return false;
  }
  anything = true;
  position += chunk.frames.count > 0 ? chunk.frames.count : options.chunk_frames;
  return true;
}

void MediaReader::Impl::check_damage(TrackDecoder& decoder, const char* which) {
  if (decoder.damage().empty()) return;
  if (!options.allow_damaged) {
    throw std::runtime_error(fmt::format("{}: its {} is damaged: {}", info.path, which, decoder.damage()));
  }
  const std::string text = fmt::format("the {} is damaged: {}", which, decoder.damage());
  if (std::find(info.notes.begin(), info.notes.end(), text) == info.notes.end()) note(text);
  info.damaged = true;
}

// Headers that tell only the length of the whole file: a track that ends before it may be as it should be, so the
// others are looked at too. A part that was read up to its end says nothing about what comes after it.
void MediaReader::Impl::check_file_length(TrackDecoder& decoder, const char* which) {
  constexpr double kTolerance = 0.25;
  const double promised = decoder.header_file_end_seconds();
  if (position >= end || static_cast<double>(position) / kFramesPerSecond >= promised - kTolerance) return;
  const double found = last_packet_seconds(info.path);
  if (found >= promised - kTolerance) return;
  decoder.report_damage(fmt::format("the file ends after {:.3f} s, its header says {:.3f} s", found, promised));
  check_damage(decoder, which);
}

void MediaReader::Impl::finish() {
  finished = true;
  if (anything && video) check_file_length(video->decoder(), "video");
  if (anything && audio && !video) check_file_length(audio->decoder(), "sound");
  if (!anything) {
    throw std::runtime_error(fmt::format("{}: a start at {} s lies beyond its end", info.path, options.start_seconds));
  }
  if (video) {
    info.source_fps = video->source_fps();
    if (std::fabs(info.source_fps - kFramesPerSecond) > 0.01) {
      note(fmt::format("video resampled from {:.6g} to {:g} frames a second", info.source_fps, kFramesPerSecond));
    }
    if (video->resized()) note("pictures of another size than the first one's were scaled to it");
  }
  info.silence_seconds = static_cast<double>(missing_sound) / kSampleRate;
  if (info.silence_seconds > kNotableSeconds)
    note(fmt::format("sound ends {:.2f} s before the video: silence added", info.silence_seconds));
  if (video && audio && !audio_ended && !options.end_seconds && audio->decoder().header_end_seconds() > 0) {
    const double rest = audio->decoder().header_end_seconds() - video->zero_seconds() -
                        static_cast<double>(position) / kFramesPerSecond;
    if (rest > kNotableSeconds) note(fmt::format("sound goes on {:.2f} s beyond the video: cut", rest));
  }
}

MediaReader::MediaReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MediaReader::MediaReader(MediaReader&&) noexcept = default;
MediaReader& MediaReader::operator=(MediaReader&&) noexcept = default;
MediaReader::~MediaReader() = default;

MediaReader MediaReader::open(const std::string& path, const MediaOptions& options) {
  options.validate();
  return MediaReader(std::make_unique<Impl>(path, options));
}

const MediaInfo& MediaReader::info() const { return impl_->info; }

bool MediaReader::next_chunk(MediaChunk& chunk) { return impl_->next_chunk(chunk); }

Media read_media(const std::string& path, const MediaOptions& options) {
  MediaReader reader = MediaReader::open(path, options);
  Media media;
  MediaChunk chunk;
  while (reader.next_chunk(chunk)) {
    if (media.frames.pixels.size() + chunk.frames.pixels.size() > options.max_bytes) {
      throw std::runtime_error(fmt::format("{}: needs more than {} MB as frames: read it in chunks, or a part of it",
                                           path, options.max_bytes >> 20));
    }
    if (chunk.frames.count > 0) {
      media.frames.height = chunk.frames.height;
      media.frames.width = chunk.frames.width;
      media.frames.count += chunk.frames.count;
      media.frames.pixels.insert(media.frames.pixels.end(), chunk.frames.pixels.begin(), chunk.frames.pixels.end());
    }
    media.audio.samples.insert(media.audio.samples.end(), chunk.audio.samples.begin(), chunk.audio.samples.end());
  }
  media.info = reader.info();
  return media;
}

}  // namespace avsr::io
