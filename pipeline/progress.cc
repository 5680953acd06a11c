#include "pipeline/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iostream>

namespace avsr::pipeline {
namespace {

constexpr int kBarWidth = 24;

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(std::max(0.0, seconds)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02d}", whole / 60, whole % 60);
  return fmt::format("{}:{:02d}:{:02d}", whole / 3600, whole / 60 % 60, whole % 60);
}

Progress::Progress(std::string what, std::string unit, int64_t total, std::function<Clock::time_point()> now)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      terminal_(isatty(STDERR_FILENO) != 0),
      now_(std::move(now)),
      start_(now_()),
      drawn_(start_) {}

Progress::~Progress() {
  if (open_) std::cerr << "\n";
}

void Progress::skip(int64_t done) {
  skipped_ = done;
  done_ = std::max(done_, done);
}

void Progress::update(int64_t done, const std::string& note, double part) {
  done_ = done;
  part_ = std::clamp(part, 0.0, 1.0);
  const double since = seconds_between(drawn_, now_());
  const auto tenth =
      total_ > 0 ? static_cast<int64_t>(10 * (static_cast<double>(done_) + part_) / static_cast<double>(total_)) : 0;
  if (terminal_ ? since < 0.1 : since < 1 || (since < 30 && tenth == tenth_)) return;
  tenth_ = tenth;
  draw(note);
}

void Progress::interrupt() {
  if (open_) std::cerr << "\r\x1b[K" << std::flush;
  open_ = false;
}

void Progress::finish(const std::string& note) {
  if (finished_) return;
  finished_ = true;
  if (terminal_ || done_ != total_ || tenth_ < 10 || !note.empty()) draw(note);
  if (open_) std::cerr << "\n";
  open_ = false;
}

std::string Progress::line(const std::string& note) const {
  const double elapsed = seconds_between(start_, now_());
  const double rate = elapsed > 0 ? (static_cast<double>(done_ - skipped_) + part_) / elapsed : 0;
  std::string text = total_ > 0 ? fmt::format("{}/{} {}", done_, total_, unit_) : fmt::format("{} {}", done_, unit_);
  // Not before the first whole one, nor after less than a second: it would be a guess.
  const bool known = done_ > skipped_ && elapsed >= 1;
  if (rate >= 0.05 && known) text += fmt::format(", {:.{}f} {}/s", rate, rate < 10 ? 1 : 0, unit_);
  if (finished_ || done_ == total_) {
    text += fmt::format(", {}", duration_text(elapsed));
  } else if (rate > 0 && total_ > 0 && elapsed >= 1) {
    text += fmt::format(", {} left", duration_text((static_cast<double>(total_ - done_) - part_) / rate));
  }
  return note.empty() ? text : text + ", " + note;
}

void Progress::draw(const std::string& note) {
  drawn_ = now_();
  if (!terminal_) {
    std::cerr << fmt::format("{}: {}\n", what_, line(note));
    return;
  }
  std::string bar;
  if (total_ > 0) {
    const double share = (static_cast<double>(done_) + part_) / static_cast<double>(total_);
    const auto filled = static_cast<size_t>(std::clamp<double>(kBarWidth * share, 0, kBarWidth));
    bar = fmt::format("[{:<{}}] ", std::string(filled, '='), kBarWidth);
  }
  std::cerr << fmt::format("\r{} {}{}\x1b[K", what_, bar, line(note)) << std::flush;
  open_ = true;
}

}  // namespace avsr::pipeline
