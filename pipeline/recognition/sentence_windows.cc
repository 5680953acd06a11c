#include "pipeline/recognition/sentence_windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace avsr::pipeline {

SentenceWindows::SentenceWindows(int window_frames) : window_frames_(window_frames) {
  if (window_frames < 2)
    throw std::invalid_argument(fmt::format("[sentences] a window must have at least 2 frames, got {}", window_frames));
}

void SentenceWindows::push(const Answer& answer) {
  if (open_ && !(answer == answer_)) close();
  if (!open_) open(answer);
  ++pushed_;
  if (!answer_.heard_by) return;
  for (; pushed_ > next_ + window_frames_; next_ += window_frames_ / 2)
    waiting_.push_back({next_, window_frames_, next_, next_ + window_frames_, next_ == start_, false, answer_});
}

void SentenceWindows::finish() {
  close();
  finished_ = true;
}

void SentenceWindows::open(const Answer& answer) {
  open_ = true;
  start_ = next_ = pushed_;
  answer_ = answer;
}

void SentenceWindows::close() {
  if (!open_) return;
  open_ = false;
  if (!answer_.heard_by)
    waiting_.push_back({start_, 0, start_, pushed_, true, true, answer_});
  else if (next_ == start_)
    waiting_.push_back({start_, static_cast<int>(pushed_ - start_), start_, pushed_, true, true, answer_});
  else
    waiting_.push_back(
        {pushed_ - window_frames_, window_frames_, pushed_ - window_frames_, pushed_, false, true, answer_});
}

// A window that is too short grows on both sides, as far as the recording goes.
SentenceWindow SentenceWindows::placed(SentenceWindow window, int64_t frames) const {
  if (window.frames == 0 || window.frames == window_frames_) return window;
  window.start = std::max<int64_t>(0, window.first - (window_frames_ - window.frames) / 2);
  window.frames = window_frames_;
  if (!finished_ || window.start + window.frames <= frames) return window;
  window.start = std::max<int64_t>(0, frames - window_frames_);
  window.frames = static_cast<int>(frames - window.start);
  return window;
}

std::optional<SentenceWindow> SentenceWindows::take(int64_t frames) {
  if (waiting_.empty()) return std::nullopt;
  const SentenceWindow window = placed(waiting_.front(), frames);
  if (window.start + window.frames > frames) return std::nullopt;
  waiting_.pop_front();
  return window;
}

int64_t SentenceWindows::needed_from() const {
  int64_t first = open_ && answer_.heard_by ? next_ : pushed_;
  if (!waiting_.empty()) first = std::min(first, waiting_.front().start);
  return std::max<int64_t>(0, first - window_frames_);
}

}  // namespace avsr::pipeline
