#include "io/track_decoder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace avsr::io {

namespace {

constexpr int kMaxReadErrors = 100;           // in a row; then the rest counts as unreadable
constexpr double kMissingTailSeconds = 0.25;  // headers are rounded, and some count the priming

void check_regular_file(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) throw std::runtime_error(path + ": cannot open: " + std::strerror(errno));
  if (S_ISDIR(status.st_mode)) throw std::runtime_error(path + ": is a folder, expected a media file");
  if (!S_ISREG(status.st_mode)) throw std::runtime_error(path + ": is not a regular file");
  if (status.st_size == 0) throw std::runtime_error(path + ": is empty (0 bytes)");
}

bool is_mp4_family(const AVFormatContext& input) { return std::strstr(input.iformat->name, "mp4") != nullptr; }

// Probing decodes a few frames of each track, which is a third of the work on a clip of one second. An unfragmented mp4
// says in its header all that a decoder wants to know.
bool header_is_enough(const AVFormatContext& input) {
  if (!is_mp4_family(input)) return false;
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    const AVStream& stream = *input.streams[i];
    const AVCodecParameters& codec = *stream.codecpar;
    const bool known_video = codec.codec_type == AVMEDIA_TYPE_VIDEO && codec.codec_id == AV_CODEC_ID_H264 &&
                             codec.width > 0 && codec.extradata_size > 0;
    const bool known_audio = codec.codec_type == AVMEDIA_TYPE_AUDIO && codec.codec_id == AV_CODEC_ID_AAC &&
                             codec.sample_rate > 0 && codec.extradata_size > 0;
    if (!known_video && !known_audio) return false;
    if (stream.duration <= 0 || stream.nb_frames <= 0) return false;
  }
  return true;
}

}  // namespace

ffmpeg::Input open_input(const std::string& path) {
  check_regular_file(path);
  ffmpeg::silence_log();
  AVDictionary* settings = nullptr;
  av_dict_set(&settings, "protocol_whitelist", "file", 0);  // a playlist must not reach for the network
  AVFormatContext* context = nullptr;
  const int code = avformat_open_input(&context, ("file:" + path).c_str(), nullptr, &settings);
  av_dict_free(&settings);
  ffmpeg::check(code, "is not a media file that FFmpeg can read", path);
  ffmpeg::Input input(context);
  if (!header_is_enough(*input))
    ffmpeg::check(avformat_find_stream_info(input.get(), nullptr), "cannot read its tracks", path);
  return input;
}

int pick_stream(const AVFormatContext& input, AVMediaType type) {
  int best = -1;
  for (int i = 0; i < static_cast<int>(input.nb_streams); ++i) {
    const AVStream& stream = *input.streams[i];
    if (stream.codecpar->codec_type != type || (stream.disposition & AV_DISPOSITION_ATTACHED_PIC)) continue;
    if (best < 0) best = i;
    if ((stream.disposition & AV_DISPOSITION_DEFAULT) && !(input.streams[best]->disposition & AV_DISPOSITION_DEFAULT))
      best = i;
  }
  return best;
}

double last_packet_seconds(const std::string& path) {
  const ffmpeg::Input input = open_input(path);
  const ffmpeg::Packet packet = ffmpeg::make_packet();
  double last = 0;
  for (int errors = 0; errors < kMaxReadErrors;) {
    const int code = av_read_frame(input.get(), packet.get());
    if (code == AVERROR_EOF) break;
    if (code < 0) {
      ++errors;
      continue;
    }
    const double tick = av_q2d(input->streams[packet->stream_index]->time_base);
    if (packet->pts != AV_NOPTS_VALUE)
      last = std::max(last, static_cast<double>(packet->pts + packet->duration) * tick);
    av_packet_unref(packet.get());
  }
  return last;
}

TrackDecoder::TrackDecoder(ffmpeg::Input input, int stream_index, std::string path, int threads)
    : input_(std::move(input)), index_(stream_index), path_(std::move(path)) {
  for (unsigned i = 0; i < input_->nb_streams; ++i) {
    if (static_cast<int>(i) != index_) input_->streams[i]->discard = AVDISCARD_ALL;
  }
  const AVCodecParameters& parameters = *stream().codecpar;
  if (parameters.codec_id == AV_CODEC_ID_NONE) {
    throw std::runtime_error(path_ + ": damaged: its header does not say how its " +
                             av_get_media_type_string(parameters.codec_type) + " is coded");
  }
  const AVCodec* decoder = avcodec_find_decoder(parameters.codec_id);
  if (!decoder) {
    throw std::runtime_error(path_ + ": this FFmpeg has no decoder for its " +
                             av_get_media_type_string(parameters.codec_type) + " codec, " +
                             avcodec_get_name(parameters.codec_id));
  }
  codec_.reset(avcodec_alloc_context3(decoder));
  if (!codec_) throw std::bad_alloc();
  ffmpeg::check(avcodec_parameters_to_context(codec_.get(), &parameters), "bad codec parameters", path_);
  codec_->pkt_timebase = stream().time_base;  // without it the decoder does not move timestamps past skipped samples
  codec_->thread_count = threads;
  ffmpeg::check(avcodec_open2(codec_.get(), decoder, nullptr), "cannot start the decoder", path_);
}

bool TrackDecoder::length_in_header() const {
  return is_mp4_family(*input_) || input_->duration_estimation_method == AVFMT_DURATION_FROM_STREAM;
}

double TrackDecoder::header_end_seconds() const {
  if (!length_in_header() || stream().duration == AV_NOPTS_VALUE || stream().duration <= 0) return 0;
  const int64_t start = stream().start_time == AV_NOPTS_VALUE ? 0 : stream().start_time;
  return static_cast<double>(start + stream().duration) * av_q2d(stream().time_base);
}

double TrackDecoder::header_file_end_seconds() const {
  if (!length_in_header() || header_end_seconds() > 0 || input_->duration <= 0) return 0;
  return static_cast<double>(input_->duration) / AV_TIME_BASE;
}

void TrackDecoder::report_damage(const std::string& what) {
  if (damage_.empty()) damage_ = what;
}

void TrackDecoder::report_error(const std::string& what, int code) {
  if (code == AVERROR(ENOMEM)) throw std::bad_alloc();
  report_damage(what + ": " + ffmpeg::error_text(code));
}

// A broadcast recording, and what follows a jump, begins between two key frames: nothing is lost there that could be
// shown.
void TrackDecoder::report_decoder_error(const std::string& what, int code) {
  const bool broadcast = input_->iformat->flags & (AVFMT_TS_DISCONT | AVFMT_NOTIMESTAMPS);
  if (frames_ == 0 && (sought_ || broadcast) && code != AVERROR(ENOMEM)) {
    ffmpeg::take_last_message();
    return;
  }
  report_error(what, code);
}

// Sends one packet of the track, or the end of the file, to the decoder.
bool TrackDecoder::feed_packet() {
  while (!draining_) {
    const int code = av_read_frame(input_.get(), packet_.get());
    if (code == AVERROR_EOF || (code < 0 && ++read_errors_ > kMaxReadErrors)) {
      if (input_->pb && input_->pb->error < 0) report_error("cannot read on", input_->pb->error);
      draining_ = true;
      break;
    }
    if (code < 0) {
      if (code != AVERROR(EAGAIN)) report_error("cannot read on", code);
      continue;
    }
    read_errors_ = 0;
    if (packet_->stream_index != index_) {
      av_packet_unref(packet_.get());
      continue;
    }
    ++packets_;
    if (packet_->flags & AV_PKT_FLAG_CORRUPT) report_error("incomplete data", AVERROR_INVALIDDATA);
    const int sent = avcodec_send_packet(codec_.get(), packet_.get());
    av_packet_unref(packet_.get());
    if (sent < 0 && sent != AVERROR_EOF) report_decoder_error("cannot decode", sent);
    return true;
  }
  return avcodec_send_packet(codec_.get(), nullptr) >= 0;
}

bool TrackDecoder::next(AVFrame& frame) {
  while (true) {
    const int code = avcodec_receive_frame(codec_.get(), &frame);
    if (code == AVERROR_EOF) return false;
    if (code == AVERROR(EAGAIN)) {
      if (!feed_packet()) return false;
      continue;
    }
    if (code < 0) {
      report_decoder_error("cannot decode", code);
      if (!feed_packet()) return false;
      continue;
    }
    if ((frame.flags & AV_FRAME_FLAG_CORRUPT) || frame.decode_error_flags != 0) {
      report_decoder_error("a frame is damaged", AVERROR_INVALIDDATA);
    }
    ++frames_;
    return true;
  }
}

bool TrackDecoder::seek(double seconds) {
  const int64_t target = static_cast<int64_t>(seconds / av_q2d(stream().time_base));
  if (av_seek_frame(input_.get(), index_, target, AVSEEK_FLAG_BACKWARD) < 0) {
    ffmpeg::take_last_message();
    return false;
  }
  avcodec_flush_buffers(codec_.get());
  sought_ = true;
  frames_ = 0;
  draining_ = false;
  return true;
}

void TrackDecoder::check_complete(double decoded_end_seconds) {
  const double promised = header_end_seconds();
  if (promised > 0 && decoded_end_seconds < promised - kMissingTailSeconds) {
    report_damage("ends after " + std::to_string(decoded_end_seconds) + " s, its header says " +
                  std::to_string(promised) + " s");
  }
  // The mp4 family lists every packet in its header.
  if (!sought_ && is_mp4_family(*input_)) {
    const int64_t listed = avformat_index_get_entries_count(&stream());
    if (packets_ < listed) {
      report_damage("ends after " + std::to_string(packets_) + " of " + std::to_string(listed) + " " +
                    av_get_media_type_string(stream().codecpar->codec_type) + " packets");
    }
  }
}

}  // namespace avsr::io
