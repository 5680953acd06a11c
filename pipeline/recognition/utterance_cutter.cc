#include "pipeline/recognition/utterance_cutter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace avsr::pipeline {
namespace {

constexpr double kAgreement = 0.8;  // probability that two windows read the same symbol in a frame
constexpr int kQuietAround = 2;     // frames on each side that make a place quiet

}  // namespace

void CuttingSettings::validate() const {
  const bool separates = !separator || (*separator > 0 && *separator < symbols);
  if (symbols < 2 || !separates || pause_frames < 2 || longest_frames < 2 * pause_frames)
    throw std::invalid_argument(
        fmt::format("[utterances] expected at least 2 symbols, a separator among them, pauses of at least 2 frames and "
                    "utterances of at least two pauses, got {} symbols, separator {}, {} and {} frames",
                    symbols, separator.value_or(-1), pause_frames, longest_frames));
}

UtteranceCutter::UtteranceCutter(const CuttingSettings& settings, Sink sink)
    : settings_(settings), sink_(std::move(sink)) {
  settings_.validate();
}

std::span<const float> UtteranceCutter::row(int64_t frame) const {
  const auto width = static_cast<size_t>(settings_.symbols);
  return std::span(rows_).subspan(static_cast<size_t>(frame - first_) * width, width);
}

int64_t UtteranceCutter::end() const { return first_ + static_cast<int64_t>(rows_.size()) / settings_.symbols; }

void UtteranceCutter::add(const SentenceWindow& window, std::span<const float> rows) {
  if (rows.size() != static_cast<size_t>(window.frames) * static_cast<size_t>(settings_.symbols))
    throw std::logic_error(fmt::format("[utterances] {} probabilities for a window of {} frames and {} symbols",
                                       rows.size(), window.frames, settings_.symbols));
  if (window.frames == 0) {
    sink_({window.first, static_cast<int>(window.end - window.first), window.answer, {}});
    return;
  }
  if (window.begins) {
    rows_.clear();
    first_ = scanned_ = window.first;
    silent_run_ = 0;
    content_ = false;
    answer_ = window.answer;
  }
  join(window, rows);
  // The seam with a window to come does not lie before a quarter of this one.
  scan(window.ends ? end() : window.start + window.frames / 4);
  if (window.ends && content_) cut(end());
}

void UtteranceCutter::join(const SentenceWindow& window, std::span<const float> rows) {
  const int64_t from = window.begins ? window.first : seam(window, rows);
  const auto width = static_cast<size_t>(settings_.symbols);
  rows_.resize(static_cast<size_t>(from - first_) * width);
  const auto own =
      rows.subspan(static_cast<size_t>(from - window.start) * width, static_cast<size_t>(window.end - from) * width);
  rows_.insert(rows_.end(), own.begin(), own.end());
}

// The first frame that the new window gives.
int64_t UtteranceCutter::seam(const SentenceWindow& window, std::span<const float> rows) const {
  const int64_t overlap = end() - window.start, middle = window.start + overlap / 2;
  const auto width = static_cast<size_t>(settings_.symbols);
  const auto agreement = [&](int64_t frame) {
    const auto before = row(frame), after = rows.subspan(static_cast<size_t>(frame - window.start) * width, width);
    double sum = 0;
    for (size_t v = 0; v < width; ++v) sum += std::exp(static_cast<double>(before[v]) + after[v]);
    return sum;
  };
  int64_t best = middle;
  double most = -1;
  for (int64_t distance = 0; distance <= overlap / 4; ++distance)
    for (const int64_t frame : {middle - distance, middle + distance}) {
      if (frame >= end()) continue;
      const double agreed = agreement(frame);
      if (agreed >= kAgreement) return frame;
      if (agreed > most) {
        most = agreed;
        best = frame;
      }
    }
  return best;
}

bool UtteranceCutter::is_silent(int64_t frame) const {
  const auto values = row(frame);
  const auto likeliest = static_cast<int>(std::max_element(values.begin(), values.end()) - values.begin());
  return likeliest == 0 || likeliest == settings_.separator;
}

void UtteranceCutter::scan(int64_t until) {
  const int pause = settings_.pause_frames;
  while (scanned_ < until) {
    const bool silent = is_silent(scanned_++);
    silent_run_ = silent ? silent_run_ + 1 : 0;
    content_ = content_ || !silent;
    if (content_ && silent_run_ >= pause)
      cut(scanned_ - silent_run_ + pause / 2);
    else if (!content_ && scanned_ - first_ > 2 * pause)
      drop_front(scanned_ - pause / 2);
    else if (scanned_ - first_ >= settings_.longest_frames)
      cut(best_cut(scanned_));
  }
}

// Where blank and separator are likeliest, in the second half of first_ … end.
int64_t UtteranceCutter::best_cut(int64_t end) const {
  const auto silence = [&](int64_t frame) {
    const auto values = row(frame);
    const double separator = settings_.separator ? std::exp(values[static_cast<size_t>(*settings_.separator)]) : 0.0;
    return std::log(std::exp(values[0]) + separator + 1e-10);
  };
  int64_t best = end - 1;
  double most = -1e300;
  for (int64_t frame = first_ + settings_.longest_frames / 2; frame + kQuietAround < end; ++frame) {
    double sum = 0;
    for (int64_t f = frame - kQuietAround; f <= frame + kQuietAround; ++f) sum += silence(f);
    if (sum > most) {
      most = sum;
      best = frame;
    }
  }
  return best;
}

// Hands over the rows before `end`; what follows is looked at anew.
void UtteranceCutter::cut(int64_t end) {
  const auto values = static_cast<std::ptrdiff_t>(end - first_) * settings_.symbols;
  Utterance utterance{first_, static_cast<int>(end - first_), answer_, {rows_.begin(), rows_.begin() + values}};
  drop_front(end);
  scanned_ = first_;
  silent_run_ = 0;
  content_ = false;
  sink_(std::move(utterance));
}

void UtteranceCutter::drop_front(int64_t frame) {
  rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(frame - first_) * settings_.symbols);
  first_ = frame;
}

}  // namespace avsr::pipeline
