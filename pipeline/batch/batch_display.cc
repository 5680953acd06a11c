#include "pipeline/batch/batch_display.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "io/clip.h"

namespace avsr::pipeline {
namespace {

constexpr size_t kShownFailures = 50;

double seconds_of(int64_t frames) { return static_cast<double>(frames) / io::kFramesPerSecond; }

}  // namespace

void BatchDisplay::begin(int64_t files) {
  progress_ = std::make_unique<Progress>("transcribe", "files", files);
  start_ = std::chrono::steady_clock::now();
}

void BatchDisplay::sorted_out(const Summary& summary) {
  int64_t ignored = 0;
  std::string endings;
  for (const auto& [ending, count] : summary.ignored) {
    ignored += count;
    endings += fmt::format("{}{} {}", endings.empty() ? "" : ", ", count, ending.empty() ? "without ending" : ending);
  }
  if (ignored > 0) std::cerr << fmt::format("{} files in the folders are not media: {}\n", ignored, endings);
  if (!summary.good.empty())
    std::cerr << fmt::format("{} of {} files were finished before and are kept (--overwrite makes them again)\n",
                             summary.good.size(), summary.files);
  for (const auto& [why, count] : summary.made_again)
    std::cerr << fmt::format("{} finished before are made again: {}\n", count, why);
  progress_->skip(static_cast<int64_t>(summary.good.size() + summary.failures.size()));
}

void BatchDisplay::tick(size_t number, const std::string& file, int64_t done, int64_t expected) {
  running_[number] = {file, done, expected};
  draw();
}

void BatchDisplay::ended(size_t number) {
  running_.erase(number);
  progress_->interrupt();
}

void BatchDisplay::update(const Summary& summary) {
  done_ = static_cast<int64_t>(summary.good.size() + summary.failures.size());
  failed_ = static_cast<int64_t>(summary.failures.size());
  video_seconds_ = summary.run_video_seconds;
  draw();
}

void BatchDisplay::interrupt() { progress_->interrupt(); }

void BatchDisplay::draw() {
  double part = 0;
  for (const auto& [number, file] : running_)
    if (file.expected > 0) part += static_cast<double>(file.done) / static_cast<double>(file.expected);
  progress_->update(done_, note(), part);
}

std::string BatchDisplay::note() const {
  double video = video_seconds_;
  for (const auto& [number, file] : running_) video += seconds_of(file.done);
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  std::string text = failed_ > 0 ? fmt::format("{} failed, ", failed_) : "";
  text += fmt::format("{} of media", duration_text(video));
  if (elapsed > 1) text += fmt::format(", {:.1f}x real time", video / elapsed);
  if (running_.size() == 1) {
    const Running& file = running_.begin()->second;
    text += fmt::format(", {} at {}", file.file, duration_text(seconds_of(file.done)));
    if (file.expected > 0) text += fmt::format(" of {}", duration_text(seconds_of(file.expected)));
  }
  return text;
}

void BatchDisplay::finish(const Summary& summary) {
  running_.clear();
  done_ = static_cast<int64_t>(summary.good.size() + summary.failures.size());
  progress_->update(done_, note());
  progress_->finish();
}

std::string closing_text(const Summary& summary, const std::string& out) {
  const auto good = static_cast<int64_t>(summary.good.size()), failed = static_cast<int64_t>(summary.failures.size());
  std::string text =
      fmt::format("{} of {} files are transcribed ({} now, {} before), {} of media; {} failed", good, summary.files,
                  good - summary.kept, summary.kept, duration_text(summary.video_seconds()), failed);
  if (summary.files > good + failed) text += fmt::format(", {} are left", summary.files - good - failed);
  if (summary.run_video_seconds > 0)
    text += fmt::format("; {} at {:.1f}x real time", duration_text(summary.run_seconds), summary.times_real_time());
  text += "\n";
  std::vector<Failure> failures = summary.failures;
  std::sort(failures.begin(), failures.end(), [](const Failure& a, const Failure& b) { return a.file < b.file; });
  if (!failures.empty()) text += fmt::format("{} of {} files failed:\n", failed, summary.files);
  for (size_t i = 0; i < std::min(failures.size(), kShownFailures); ++i)
    text += fmt::format("  {}\n    found     {}\n    expected  {}\n    to do     {}\n", failures[i].file,
                        failures[i].found, failures[i].expected, failures[i].to_do);
  if (failures.size() > kShownFailures)
    text += fmt::format("  and {} more: {}/{}\n", failures.size() - kShownFailures, out, summary_name(summary.shard));
  return text;
}

}  // namespace avsr::pipeline
