#include "io/video_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "io/atomic_file.h"
#include "io/ffmpeg_handles.h"

namespace avsr::io {

namespace {

constexpr int kClock = 90000;  // ticks a second of the video track: exact for 24, 25, 30 and 30000/1001 frames a second

// What a turn by a multiple of 90 degrees does to (x, y), in FFmpeg's row-vector form: x' = a x + c y, y' = b x + d y.
void set_rotation(int32_t* matrix, int degrees) {
  constexpr int32_t kOne = 1 << 16;
  const int quarter = degrees / 90;
  const int32_t cosine = quarter == 0 ? kOne : quarter == 2 ? -kOne : 0;
  const int32_t sine = quarter == 1 ? kOne : quarter == 3 ? -kOne : 0;
  const int32_t values[9] = {cosine, sine, 0, -sine, cosine, 0, 0, 0, 1 << 30};
  std::copy(values, values + 9, matrix);
}

}  // namespace

void VideoWriterOptions::validate() const {
  const auto require = [](bool good, const std::string& text) {
    if (!good) throw std::invalid_argument("[video writer] " + text);
  };
  require(width >= 16 && height >= 16 && width <= 16384 && height <= 16384 && width % 2 == 0 && height % 2 == 0,
          "expected an even width and height from 16 to 16384, got " + std::to_string(width) + " x " +
              std::to_string(height));
  require(fps > 0 && fps <= 1000, "expected fps in (0, 1000], got " + std::to_string(fps));
  require(audio_rate >= 0, "expected audio_rate >= 0, got " + std::to_string(audio_rate));
  require(rotation_degrees >= 0 && rotation_degrees < 360 && rotation_degrees % 90 == 0,
          "expected a rotation of 0, 90, 180 or 270 degrees, got " + std::to_string(rotation_degrees));
}

struct VideoWriter::Impl {
  Impl(const std::string& file, const VideoWriterOptions& writer_options)
      : path(file), options(writer_options), atomic(file) {
    AVFormatContext* context = nullptr;
    ffmpeg::check(avformat_alloc_output_context2(&context, nullptr, "mp4", nullptr), "cannot make an mp4", path);
    output.reset(context);
    output->flags |= AVFMT_FLAG_BITEXACT;
    open_video();
    if (options.audio_rate > 0) open_audio();
    ffmpeg::check(avio_open(&output->pb, atomic.temporary_path().c_str(), AVIO_FLAG_WRITE), "cannot create", path);
    ffmpeg::check(avformat_write_header(output.get(), nullptr), "cannot write the mp4 header", path);
  }

  AVStream* new_stream() {
    AVStream* stream = avformat_new_stream(output.get(), nullptr);
    if (!stream) throw std::bad_alloc();
    return stream;
  }

  void open_video() {
    const AVCodec* encoder = avcodec_find_encoder_by_name("libx264");
    const bool x264 = encoder != nullptr;
    if (!encoder) encoder = avcodec_find_encoder(AV_CODEC_ID_MPEG4);
    if (!encoder) throw std::runtime_error(path + ": this FFmpeg has neither libx264 nor an MPEG-4 encoder");
    video.reset(avcodec_alloc_context3(encoder));
    video->width = options.width;
    video->height = options.height;
    video->pix_fmt = AV_PIX_FMT_YUV420P;
    video->color_range = AVCOL_RANGE_MPEG;
    video->colorspace = AVCOL_SPC_SMPTE170M;
    // MPEG-4 part 2 stores its clock in 16 bits.
    video->time_base = x264 ? AVRational{1, kClock} : av_inv_q(av_d2q(options.fps, 60000));
    video->framerate = av_d2q(options.fps, 60000);
    video->thread_count = 1;  // same bytes on every machine; generators run many writers side by side
    video->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_GLOBAL_HEADER;
    AVDictionary* settings = nullptr;
    if (x264) {
      av_dict_set(&settings, "preset", options.preset.c_str(), 0);
      av_dict_set_int(&settings, "crf", options.crf, 0);
    } else {
      video->bit_rate = options.video_kbit * 1000;
    }
    const int code = avcodec_open2(video.get(), encoder, &settings);
    av_dict_free(&settings);
    ffmpeg::check(code, "cannot start the video encoder", path);
    video_stream = new_stream();
    ffmpeg::check(avcodec_parameters_from_context(video_stream->codecpar, video.get()), "video parameters", path);
    video_stream->time_base = video->time_base;
    video_stream->avg_frame_rate = video->framerate;
    if (options.rotation_degrees) set_rotation(ffmpeg::add_display_matrix(*video_stream), options.rotation_degrees);
  }

  void open_audio() {
    const AVCodec* encoder = avcodec_find_encoder(AV_CODEC_ID_AAC);
    if (!encoder) throw std::runtime_error(path + ": this FFmpeg has no AAC encoder");
    audio.reset(avcodec_alloc_context3(encoder));
    audio->sample_rate = options.audio_rate;
    audio->sample_fmt = AV_SAMPLE_FMT_FLTP;
    audio->time_base = {1, options.audio_rate};
    audio->bit_rate = options.audio_kbit * 1000;
    audio->thread_count = 1;
    audio->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_GLOBAL_HEADER;
    av_channel_layout_default(&audio->ch_layout, 1);
    av_opt_set(audio->priv_data, "aac_coder", "fast", 0);  // the default coder takes longer than the video
    ffmpeg::check(avcodec_open2(audio.get(), encoder, nullptr), "cannot start the AAC encoder", path);
    audio_stream = new_stream();
    ffmpeg::check(avcodec_parameters_from_context(audio_stream->codecpar, audio.get()), "audio parameters", path);
    audio_stream->time_base = audio->time_base;
  }

  void encode(AVCodecContext& codec, AVStream& stream, const AVFrame* frame) {
    ffmpeg::check(avcodec_send_frame(&codec, frame), "cannot encode", path);
    while (true) {
      const int code = avcodec_receive_packet(&codec, packet.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
      ffmpeg::check(code, "cannot encode", path);
      if (packet->duration == 0 && &codec == video.get()) {
        packet->duration = std::max<int64_t>(1, std::llround(1 / (options.fps * av_q2d(codec.time_base))));
      }
      av_packet_rescale_ts(packet.get(), codec.time_base, stream.time_base);
      packet->stream_index = stream.index;
      ffmpeg::check(av_interleaved_write_frame(output.get(), packet.get()), "cannot write", path);
    }
  }

  void fill_from_grey(AVFrame& picture, const uint8_t* pixels) const {
    for (int row = 0; row < options.height; ++row) {
      uint8_t* out = picture.data[0] + static_cast<ptrdiff_t>(row) * picture.linesize[0];
      const uint8_t* in = pixels + static_cast<size_t>(row) * options.width;
      for (int column = 0; column < options.width; ++column)
        out[column] = static_cast<uint8_t>(16 + (in[column] * 219 + 127) / 255);
    }
    for (int plane = 1; plane < 3; ++plane) {
      for (int row = 0; row < options.height / 2; ++row) {
        std::memset(picture.data[plane] + static_cast<ptrdiff_t>(row) * picture.linesize[plane], 128,
                    options.width / 2);
      }
    }
  }

  void fill_from_bgr(AVFrame& picture, const uint8_t* pixels) {
    if (!scaler) {
      scaler.reset(sws_getContext(options.width, options.height, AV_PIX_FMT_BGR24, options.width, options.height,
                                  AV_PIX_FMT_YUV420P, SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT, nullptr, nullptr,
                                  nullptr));
      if (!scaler) throw std::runtime_error(path + ": cannot convert BGR to yuv420p");
    }
    const uint8_t* source[4] = {pixels};
    const int stride[4] = {options.width * 3};
    sws_scale(scaler.get(), source, stride, 0, options.height, picture.data, picture.linesize);
  }

  void add_frame_at(const uint8_t* pixels, double seconds) {
    const int64_t pts = std::llround(seconds / av_q2d(video->time_base));
    if (pts <= last_pts) {
      throw std::invalid_argument(path + ": frame at " + std::to_string(seconds) +
                                  " s is not later than the one before");
    }
    last_pts = pts;
    ffmpeg::Frame picture = ffmpeg::make_frame();  // the encoder may keep a reference
    picture->format = AV_PIX_FMT_YUV420P;
    picture->width = options.width;
    picture->height = options.height;
    picture->color_range = AVCOL_RANGE_MPEG;
    picture->colorspace = AVCOL_SPC_SMPTE170M;
    ffmpeg::check(av_frame_get_buffer(picture.get(), 0), "cannot allocate a picture", path);
    if (options.layout == PixelLayout::kGrey) {
      fill_from_grey(*picture, pixels);
    } else {
      fill_from_bgr(*picture, pixels);
    }
    picture->pts = pts;
    encode(*video, *video_stream, picture.get());
    ++frames;
  }

  void encode_sound(size_t begin, size_t count) {
    ffmpeg::Frame block = ffmpeg::make_frame();
    block->format = AV_SAMPLE_FMT_FLTP;
    block->nb_samples = static_cast<int>(count);
    block->sample_rate = options.audio_rate;
    av_channel_layout_default(&block->ch_layout, 1);
    ffmpeg::check(av_frame_get_buffer(block.get(), 0), "cannot allocate sound", path);
    std::copy_n(waiting.begin() + static_cast<ptrdiff_t>(begin), count, reinterpret_cast<float*>(block->data[0]));
    block->pts = samples;
    samples += static_cast<int64_t>(count);
    encode(*audio, *audio_stream, block.get());
  }

  void add_samples(const float* values, size_t count) {
    if (!audio) throw std::invalid_argument(path + ": add_samples() on a file without a sound track");
    waiting.insert(waiting.end(), values, values + count);
    const size_t block = static_cast<size_t>(audio->frame_size);
    size_t done = 0;
    for (; waiting.size() - done >= block; done += block) encode_sound(done, block);
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<ptrdiff_t>(done));
  }

  void finish() {
    if (finished) return;
    if (frames == 0) throw std::invalid_argument(path + ": a video needs at least one frame");
    encode(*video, *video_stream, nullptr);
    if (audio) {
      if (!waiting.empty()) encode_sound(0, waiting.size());
      encode(*audio, *audio_stream, nullptr);
    }
    ffmpeg::check(av_write_trailer(output.get()), "cannot finish the mp4", path);
    ffmpeg::check(avio_closep(&output->pb), "cannot write", path);
    atomic.commit();
    finished = true;
  }

  std::string path;
  VideoWriterOptions options;
  AtomicFile atomic;
  ffmpeg::Output output;
  ffmpeg::Codec video, audio;
  AVStream* video_stream = nullptr;  // owned by output
  AVStream* audio_stream = nullptr;
  ffmpeg::Scaler scaler;
  ffmpeg::Packet packet = ffmpeg::make_packet();
  std::vector<float> waiting;  // less than one block of sound
  int64_t last_pts = -1, frames = 0, samples = 0;
  bool finished = false;
};

VideoWriter::VideoWriter(const std::string& path, const VideoWriterOptions& options) {
  options.validate();
  ffmpeg::silence_log();
  impl_ = std::make_unique<Impl>(path, options);
}

VideoWriter::~VideoWriter() = default;

void VideoWriter::add_frame(const uint8_t* pixels) {
  impl_->add_frame_at(pixels, static_cast<double>(impl_->frames) / impl_->options.fps);
}

void VideoWriter::add_frame_at(const uint8_t* pixels, double seconds) { impl_->add_frame_at(pixels, seconds); }

void VideoWriter::add_samples(const float* samples, size_t count) { impl_->add_samples(samples, count); }

void VideoWriter::finish() { impl_->finish(); }

void write_video(const std::string& path, const Frames& frames, const Waveform& audio, VideoWriterOptions options) {
  options.width = frames.width;
  options.height = frames.height;
  options.layout = PixelLayout::kGrey;
  if (audio.samples.empty()) options.audio_rate = 0;
  VideoWriter writer(path, options);
  for (int t = 0; t < frames.count; ++t) writer.add_frame(frames.frame(t));
  if (!audio.samples.empty()) writer.add_samples(audio.samples.data(), audio.samples.size());
  writer.finish();
}

}  // namespace avsr::io
