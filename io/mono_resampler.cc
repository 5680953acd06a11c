#include "io/mono_resampler.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "io/clip.h"

namespace avsr::io {

MonoResampler::MonoResampler(int rate) : rate_(rate) {
  if (rate < 1000 || rate > 768000) {
    throw std::invalid_argument("[resampler] expected a sample rate from 1000 to 768000, got " + std::to_string(rate));
  }
  if (rate == kSampleRate) return;
  AVChannelLayout mono;
  av_channel_layout_default(&mono, 1);
  SwrContext* context = nullptr;
  int code =
      swr_alloc_set_opts2(&context, &mono, AV_SAMPLE_FMT_FLT, kSampleRate, &mono, AV_SAMPLE_FMT_FLT, rate, 0, nullptr);
  context_.reset(context);
  if (code >= 0) code = swr_init(context);
  if (code < 0)
    throw std::runtime_error("[resampler] cannot resample from " + std::to_string(rate) +
                             " Hz: " + ffmpeg::error_text(code));
}

void MonoResampler::convert(const float* samples, size_t count, std::vector<float>& out) {
  const int room = static_cast<int>(static_cast<int64_t>(count) * kSampleRate / rate_ +
                                    swr_get_delay(context_.get(), kSampleRate) + 64);
  const size_t before = out.size();
  out.resize(before + static_cast<size_t>(room));
  uint8_t* target[1] = {reinterpret_cast<uint8_t*>(out.data() + before)};
  const uint8_t* source[1] = {reinterpret_cast<const uint8_t*>(samples)};
  const int made = swr_convert(context_.get(), target, room, samples ? source : nullptr, static_cast<int>(count));
  if (made < 0) throw std::runtime_error("[resampler] " + ffmpeg::error_text(made));
  out.resize(before + static_cast<size_t>(made));
  samples_out_ += made;
}

void MonoResampler::push(const float* samples, size_t count, std::vector<float>& out) {
  if (count == 0) return;
  samples_in_ += static_cast<int64_t>(count);
  if (!context_) {
    out.insert(out.end(), samples, samples + count);
    samples_out_ += static_cast<int64_t>(count);
    return;
  }
  convert(samples, count, out);
}

void MonoResampler::finish(std::vector<float>& out) {
  if (context_ && samples_in_ > 0) convert(nullptr, 0, out);
  const int64_t expected = (samples_in_ * kSampleRate + rate_ / 2) / rate_;
  // The filter's tail is at least half its length, more than the rounding: this cuts, and pads only next to nothing.
  const int64_t size = static_cast<int64_t>(out.size()) + expected - samples_out_;
  out.resize(static_cast<size_t>(std::max<int64_t>(size, 0)), 0.f);
  samples_out_ = expected;
}

}  // namespace avsr::io
