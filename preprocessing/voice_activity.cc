#include "preprocessing/voice_activity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace avsr::preprocessing {
namespace {

constexpr int kWindowsPerFrame = 4;
constexpr float kMostDecibels = 30;  // of one band: a whistle is not speech in all of them

// Windows of 25 ms every 10 ms. log_floor: about the energy of white noise of 1e-4 in a band.
MfccSettings mel_settings() {
  MfccSettings settings;
  settings.windows = {.window_ms = 25, .step_ms = 10, .ends = WindowEnds::whole};
  settings.lowest_hz = 100;
  settings.log_floor = 1e-5;
  return settings;
}

int frames_of(double seconds) { return static_cast<int>(std::lround(seconds * io::kFramesPerSecond)); }

// Samples of a window that lie before the 10 ms it stands for.
int overlap(const MfccSettings& settings) {
  return (settings.windows.window_samples() - settings.windows.step_samples()) / 2;
}

float root_mean_square(std::span<const float> samples) {
  double sum = 0;
  for (const float sample : samples) sum += static_cast<double>(sample) * sample;
  return samples.empty() ? 0 : static_cast<float>(std::sqrt(sum / static_cast<double>(samples.size())));
}

}  // namespace

void VoiceSettings::validate() const {
  const auto require = [](bool ok, const char* what) {
    if (!ok) throw std::invalid_argument(fmt::format("[voice activity] {}", what));
  };
  require(floor_seconds > 0 && std::isfinite(floor_seconds), "floor_seconds must be above 0");
  require(floor_share >= 0 && floor_share < 1, "floor_share must lie in 0 … 1");
  require(end_decibels <= begin_decibels, "end_decibels must not lie above begin_decibels");
  require(shortest_voice_seconds >= 0 && shortest_pause_seconds >= 0 && padding_seconds >= 0 && sound_seconds >= 0,
          "lengths must not be negative");
}

VoiceActivity::VoiceActivity(const VoiceSettings& settings)
    : settings_(settings),
      mel_(mel_settings()),
      floor_frames_(frames_of(settings.floor_seconds)),
      voice_frames_(frames_of(settings.shortest_voice_seconds)),
      pause_frames_(frames_of(settings.shortest_pause_seconds)),
      padding_frames_(frames_of(settings.padding_seconds)),
      sound_frames_(frames_of(settings.sound_seconds)) {
  settings_.validate();
  waiting_.samples.assign(static_cast<size_t>(overlap(mel_.settings())), 0.f);
}

int VoiceActivity::delay_frames() const {
  // A frame is decided by what is active within a pause or the padding behind it, which is sure once a run that begins
  // there is long enough; one frame more for the window's overlap.
  const int decision = std::max(pause_frames_, padding_frames_) + voice_frames_ + 2;
  return std::max(floor_frames_ + decision, sound_frames_) + 1;
}

void VoiceActivity::push(std::span<const float> samples) {
  if (finished_) throw std::invalid_argument("[voice activity] push after finish");
  waiting_.samples.insert(waiting_.samples.end(), samples.begin(), samples.end());
  measure(false);
}

void VoiceActivity::finish() {
  if (finished_) return;
  finished_ = true;
  measure(true);
}

// Frames of which all windows are there; at the end zeros fill the last one.
void VoiceActivity::measure(bool at_end) {
  const auto before = static_cast<size_t>(overlap(mel_.settings()));
  const size_t need = 2 * before + io::kSamplesPerFrame;
  if (at_end) {
    const size_t left = waiting_.samples.size() > before ? waiting_.samples.size() - before : 0;
    const size_t frames = (left + io::kSamplesPerFrame - 1) / io::kSamplesPerFrame;
    waiting_.samples.resize(frames * io::kSamplesPerFrame + 2 * before, 0.f);
  }
  while (waiting_.samples.size() >= need) add_frame();
  const int64_t end = first_ + static_cast<int64_t>(frames_.size());
  while (scored_ < end && (at_end || scored_ + floor_frames_ < end)) score(scored_);
}

void VoiceActivity::add_frame() {
  const auto before = static_cast<size_t>(overlap(mel_.settings()));
  const auto begin = waiting_.samples.begin();
  const Features logs = mel_.log_mel({{begin, begin + static_cast<std::ptrdiff_t>(2 * before + io::kSamplesPerFrame)}});
  Frame frame;
  frame.bands.assign(static_cast<size_t>(logs.dimension), 0);
  for (int i = 0; i < kWindowsPerFrame; ++i)
    for (int b = 0; b < logs.dimension; ++b)
      frame.bands[static_cast<size_t>(b)] +=
          logs.row(i)[b] * static_cast<float>(10 / std::numbers::ln10) / kWindowsPerFrame;
  frame.rms = root_mean_square(std::span(waiting_.samples).subspan(before, io::kSamplesPerFrame));
  frames_.push_back(std::move(frame));
  waiting_.samples.erase(begin, begin + io::kSamplesPerFrame);
}

float VoiceActivity::decibels_above_floor(int64_t frame) const {
  const int64_t from = std::max(first_, frame - floor_frames_);
  const int64_t to = std::min(first_ + static_cast<int64_t>(frames_.size()), frame + floor_frames_ + 1);
  const Frame& own = at(frame);
  std::vector<float> around(static_cast<size_t>(to - from));
  const auto rank = static_cast<std::ptrdiff_t>(settings_.floor_share * static_cast<double>(around.size()));
  float sum = 0;
  for (size_t b = 0; b < own.bands.size(); ++b) {
    for (int64_t f = from; f < to; ++f) around[static_cast<size_t>(f - from)] = at(f).bands[b];
    std::nth_element(around.begin(), around.begin() + rank, around.end());
    sum += std::clamp(own.bands[b] - around[static_cast<size_t>(rank)], 0.f, kMostDecibels);
  }
  return sum / static_cast<float>(own.bands.size());
}

void VoiceActivity::score(int64_t frame) {
  const float decibels = decibels_above_floor(frame);
  const bool goes_on = run_start_ >= 0;
  const bool active = decibels >= (goes_on ? settings_.end_decibels : settings_.begin_decibels);
  if (active && !goes_on) run_start_ = frame;
  if (!active && goes_on) {
    if (frame - run_start_ < voice_frames_)
      std::fill(active_.end() - static_cast<std::ptrdiff_t>(frame - run_start_), active_.end(), 0);
    run_start_ = -1;
  }
  active_.push_back(active ? 1 : 0);
  ++scored_;
}

VoiceFrame VoiceActivity::decide(int64_t frame) {
  const auto active = [&](int64_t f) { return active_[static_cast<size_t>(f - first_)] != 0; };
  if (active(frame)) last_active_ = frame;
  const int64_t farthest = std::min(scored_, frame + std::max(pause_frames_, padding_frames_) + 2);
  int64_t next = frame;
  while (next < farthest && !active(next)) ++next;
  const bool follows = next < farthest, preceded = last_active_ >= 0;
  const int64_t after = frame - last_active_, before = next - frame;  // frames from and to speech
  const bool padded = (preceded && after <= padding_frames_ && !(follows && after > before - 2)) ||
                      (follows && before <= padding_frames_ && !(preceded && before > after - 2));
  VoiceFrame decided;
  decided.voice = active(frame) || padded || (preceded && follows && after + before - 1 < pause_frames_);
  const int64_t end = std::min(first_ + static_cast<int64_t>(frames_.size()), frame + sound_frames_ + 1);
  for (int64_t f = std::max(first_, frame - sound_frames_); f < end && !decided.sound; ++f)
    decided.sound = at(f).rms >= settings_.quiet_rms;
  return decided;
}

std::vector<VoiceFrame> VoiceActivity::take() {
  const int64_t end = first_ + static_cast<int64_t>(frames_.size());
  const int64_t until = finished_ ? end : end - delay_frames() + 1;
  std::vector<VoiceFrame> decided;
  for (; taken_ < until; ++taken_) decided.push_back(decide(taken_));
  const int64_t needed = std::min(scored_, taken_) - std::max({floor_frames_, sound_frames_, voice_frames_});
  for (; first_ < needed; ++first_) {
    frames_.pop_front();
    active_.pop_front();
  }
  return decided;
}

}  // namespace avsr::preprocessing
