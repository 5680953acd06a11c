// FFmpeg's objects as unique_ptrs, its errors as exceptions, and the few places where its versions 5 and 7 differ.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
}

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace avsr::io::ffmpeg {

struct Delete {
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
  void operator()(AVFrame* p) const { av_frame_free(&p); }
  void operator()(AVPacket* p) const { av_packet_free(&p); }
  void operator()(SwrContext* p) const { swr_free(&p); }
  void operator()(SwsContext* p) const { sws_freeContext(p); }
};
struct CloseInput {
  void operator()(AVFormatContext* p) const { avformat_close_input(&p); }
};
struct CloseOutput {
  void operator()(AVFormatContext* p) const {
    if (p->pb) avio_closep(&p->pb);
    avformat_free_context(p);
  }
};

using Codec = std::unique_ptr<AVCodecContext, Delete>;
using Frame = std::unique_ptr<AVFrame, Delete>;
using Packet = std::unique_ptr<AVPacket, Delete>;
using Resampler = std::unique_ptr<SwrContext, Delete>;
using Scaler = std::unique_ptr<SwsContext, Delete>;
using Input = std::unique_ptr<AVFormatContext, CloseInput>;
using Output = std::unique_ptr<AVFormatContext, CloseOutput>;

// Sends FFmpeg's own messages nowhere but into take_last_message(). Call before anything else of FFmpeg.
void silence_log();
// The last error line that FFmpeg logged on this thread, and forgets it; empty when there was none.
std::string take_last_message();
// FFmpeg's name of the error, with its last log line where there is one.
std::string error_text(int code);

// "<file>: <what>: <error>" as std::runtime_error when code < 0; the code otherwise.
int check(int code, const std::string& what, const std::string& path);

Frame make_frame();
Packet make_packet();

// In ticks of the packets' time base; 0 where unknown.
int64_t frame_duration(const AVFrame& frame);
// The 3x3 display matrix of a stream, or null.
const int32_t* display_matrix(const AVStream& stream);
// 9 entries to fill, owned by the stream.
int32_t* add_display_matrix(AVStream& stream);

}  // namespace avsr::io::ffmpeg
