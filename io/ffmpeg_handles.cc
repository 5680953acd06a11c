#include "io/ffmpeg_handles.h"

#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <new>
#include <stdexcept>

namespace avsr::io::ffmpeg {

namespace {

// FFmpeg has one log for the whole process; a line per thread keeps readers apart.
std::string& last_message() {
  static thread_local std::string message;
  return message;
}

void keep_message(void* source, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_ERROR) return;
  char line[512];
  int print_prefix = 1;
  av_log_format_line2(source, level, format, arguments, line, sizeof line, &print_prefix);
  std::string text = line;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  const size_t bracket = text.find("] ");  // "[h264 @ 0x5581…] " means nothing to a reader
  if (!text.empty() && text.front() == '[' && bracket != std::string::npos) text.erase(0, bracket + 2);
  if (!text.empty()) last_message() = text;
}

}  // namespace

void silence_log() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(keep_message); });
  last_message().clear();
}

std::string take_last_message() {
  std::string text;
  text.swap(last_message());
  return text;
}

std::string error_text(int code) {
  char buffer[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, buffer, sizeof buffer);
  const std::string line = take_last_message();
  return line.empty() ? buffer : std::string(buffer) + " (" + line + ")";
}

int check(int code, const std::string& what, const std::string& path) {
  if (code < 0) throw std::runtime_error(path + ": " + what + ": " + error_text(code));
  return code;
}

Frame make_frame() {
  Frame frame(av_frame_alloc());
  if (!frame) throw std::bad_alloc();
  return frame;
}

Packet make_packet() {
  Packet packet(av_packet_alloc());
  if (!packet) throw std::bad_alloc();
  return packet;
}

int64_t frame_duration(const AVFrame& frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
  return frame.duration;
#else
  return frame.pkt_duration;
#endif
}

const int32_t* display_matrix(const AVStream& stream) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 30, 100)
  const AVPacketSideData* data = av_packet_side_data_get(
      stream.codecpar->coded_side_data, stream.codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
  return data && data->size >= 9 * sizeof(int32_t) ? reinterpret_cast<const int32_t*>(data->data) : nullptr;
#else
  size_t size = 0;
  const uint8_t* data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  return data && size >= 9 * sizeof(int32_t) ? reinterpret_cast<const int32_t*>(data) : nullptr;
#endif
}

int32_t* add_display_matrix(AVStream& stream) {
  constexpr size_t kBytes = 9 * sizeof(int32_t);
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 30, 100)
  AVPacketSideData* data = av_packet_side_data_new(
      &stream.codecpar->coded_side_data, &stream.codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX, kBytes, 0);
  if (!data) throw std::bad_alloc();
  return reinterpret_cast<int32_t*>(data->data);
#else
  uint8_t* data = av_stream_new_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, kBytes);
  if (!data) throw std::bad_alloc();
  return reinterpret_cast<int32_t*>(data);
#endif
}

}  // namespace avsr::io::ffmpeg
