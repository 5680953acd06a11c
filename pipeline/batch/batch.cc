#include "pipeline/batch/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>

#include "io/atomic_file.h"
#include "io/checksum.h"
#include "io/leftovers.h"
#include "io/parallel.h"
#include "pipeline/batch/batch_display.h"
#include "pipeline/batch/done_record.h"
#include "pipeline/batch/formats.h"
#include "pipeline/batch/json_text.h"
#include "pipeline/batch/outputs.h"
#include "pipeline/batch/turns.h"
#include "pipeline/pinning.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string hash_of(const nlohmann::json& json) {
  const std::string text = json_text(json);
  return fmt::format("{:08x}", io::crc32(std::as_bytes(std::span(text))));
}

bool contains(const std::vector<std::string>& texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

class Batch {
 public:
  Batch(const InputList& inputs, const BatchSettings& settings, const BatchWork& work);
  Summary run(Turns& turns, const std::atomic<bool>& stop);

 private:
  struct Job {
    InputFile file;
    std::string stem;  // below the output folder
    InputState input;
    std::optional<DoneRecord> before;  // of an earlier run
  };

  void remove_leftovers() const;
  void sort_out();
  void add_kept(const Job& job);
  void transcribe(size_t number);
  std::vector<std::string> formats() const;
  DoneRecord write_outputs(const Job& job, const Transcript& transcript) const;
  void take_away_old(const Job& job, DoneRecord& record) const;
  void fail(const InputFile& file, const std::string& error);
  void write_summary(bool at_once);
  std::string path(const std::string& below) const { return (fs::path(settings_.out) / below).string(); }

  const BatchSettings& settings_;
  const BatchWork& work_;
  DoneRecords records_;
  std::string made_with_;
  std::vector<Job> jobs_;
  Clock::time_point start_ = Clock::now();

  std::mutex mutex_;  // for all below
  Summary summary_;
  BatchDisplay display_;
  Clock::time_point next_writing_ = start_;
};

Batch::Batch(const InputList& inputs, const BatchSettings& settings, const BatchWork& work)
    : settings_(settings), work_(work), records_(settings.out), made_with_(hash_of(settings.made_with)) {
  std::vector<std::string> taken = settings.taken;
  taken.push_back(fs::path(summary_name(settings.shard)).stem().string());
  taken.push_back(fs::path(summary_name({})).stem().string());
  const std::vector<std::string> stems = output_stems(inputs.files, taken);  // of all, so that shards agree
  for (size_t i = 0; i < stems.size(); ++i)
    if (settings.shard.holds(inputs.files[i].relative)) jobs_.push_back({inputs.files[i], stems[i], {}, {}});
  summary_.shard = settings.shard;
  summary_.made_with = settings.made_with;
  summary_.files = static_cast<int64_t>(jobs_.size());
  for (const auto& [ending, files] : inputs.ignored) summary_.ignored[ending] = static_cast<int64_t>(files.size());
  display_.begin(summary_.files);
}

// What a killed run had begun to write. Of this shard's results alone: others may be at work beside it.
void Batch::remove_leftovers() const {
  std::map<std::string, std::set<std::string>> names;  // by folder
  const auto add = [&](const fs::path& file) { names[file.parent_path().string()].insert(file.filename().string()); };
  add(path(summary_name(settings_.shard)));
  for (const Job& job : jobs_) {
    add(records_.path(job.stem));
    for (const TextFormat& format : text_formats()) add(path(job.stem + format.ending));
    for (const char* ending : {".html", ".overlay.mp4", ".page.mp4"}) add(path(job.stem + ending));
  }
  for (const auto& [folder, files] : names) io::remove_leftovers(folder, files);
}

// Decides of each file whether there is something to do.
void Batch::sort_out() {
  std::vector<Job> to_do;
  for (Job& job : jobs_) {
    try {
      if (!job.file.problem.empty()) throw std::runtime_error(fmt::format("{}: {}", job.file.path, job.file.problem));
      job.input = state_of(job.file.path);
      job.before = records_.read(job.stem);
    } catch (const std::exception& error) {
      fail(job.file, error.what());
      continue;
    }
    std::string why = settings_.overwrite ? "--overwrite" : "";
    const bool finished = job.before && records_.holds(*job.before, job.input, made_with_, why);
    const std::vector<std::string> wanted = formats();
    if (finished && std::all_of(wanted.begin(), wanted.end(),
                                [&](const std::string& format) { return contains(job.before->formats, format); })) {
      add_kept(job);
      continue;
    }
    if (finished) why = "another format is wanted";
    if (job.before) ++summary_.made_again[why];
    to_do.push_back(std::move(job));
  }
  jobs_ = std::move(to_do);
}

void Batch::add_kept(const Job& job) {
  summary_.good.push_back({job.file.path, job.stem, job.before->seconds, job.before->words});
  ++summary_.kept;
}

Summary Batch::run(Turns& turns, const std::atomic<bool>& stop) {
  remove_leftovers();
  sort_out();
  display_.sorted_out(summary_);
  write_summary(true);
  std::exception_ptr failure;
  std::jthread files([&] {
    free_this_thread();  // and so the threads that it starts
    try {
      const int jobs =
          std::min<int>(io::worker_count(settings_.jobs), static_cast<int>(std::max<size_t>(1, jobs_.size())));
      io::parallel_for(jobs_.size(), jobs, [&](size_t i) {
        if (!stop) transcribe(i);
      });
    } catch (...) {
      failure = std::current_exception();
    }
    turns.close();
  });
  turns.serve();
  files.join();
  if (failure) std::rethrow_exception(failure);
  const bool all = summary_.files == static_cast<int64_t>(summary_.good.size() + summary_.failures.size());
  summary_.state = all ? "finished" : "interrupted";
  write_summary(true);
  display_.finish(summary_);
  return summary_;
}

void Batch::transcribe(size_t number) {
  const Job& job = jobs_[number];
  try {
    const Transcript transcript = work_.transcribe(job.file.path, [&](int64_t done, int64_t expected) {
      const std::lock_guard lock(mutex_);
      display_.tick(number, job.file.path, done, expected);
    });
    records_.write(job.stem, write_outputs(job, transcript));
    const std::lock_guard lock(mutex_);
    summary_.good.push_back(
        {job.file.path, job.stem, transcript.seconds(), static_cast<int64_t>(transcript.words.size())});
    summary_.run_video_seconds += transcript.seconds();
    display_.ended(number);
    if (work_.made) work_.made(transcript, job.file);
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex_);
    display_.ended(number);
    fail(job.file, error.what());
  }
  const std::lock_guard lock(mutex_);
  write_summary(false);
}

std::vector<std::string> Batch::formats() const {
  std::vector<std::string> all = settings_.formats;
  all.insert(all.end(), settings_.pictures.begin(), settings_.pictures.end());
  return all;
}

DoneRecord Batch::write_outputs(const Job& job, const Transcript& transcript) const {
  records_.remove(job.stem);  // from here on what lies there is neither the old result nor yet the new one
  DoneRecord record{job.input, made_with_,           formats(),
                    {},        transcript.seconds(), static_cast<int64_t>(transcript.words.size())};
  for (const std::string& name : settings_.formats) {
    const TextFormat& format = text_format(name);
    record.outputs.push_back(job.stem + format.ending);
    io::write_file_atomically(path(record.outputs.back()), format.write(transcript, settings_.captions));
  }
  if (!settings_.pictures.empty())
    for (const std::string& ending : work_.draw(transcript, path(job.stem)))
      record.outputs.push_back(job.stem + ending);
  if (job.before) take_away_old(job, record);
  return record;
}

// Results of formats that are not wanted this time stay where they are as right as the new ones; else they go.
void Batch::take_away_old(const Job& job, DoneRecord& record) const {
  const bool still_right = job.before->input == job.input && job.before->made_with == made_with_;
  bool all_there = true;
  for (const std::string& old : job.before->outputs) {
    if (contains(record.outputs, old)) continue;
    std::error_code error;
    const bool there = fs::exists(path(old), error);
    all_there &= there;
    if (!still_right)
      fs::remove(path(old), error);
    else if (there)
      record.outputs.push_back(old);
  }
  if (!still_right || !all_there) return;
  for (const std::string& format : job.before->formats)
    if (!contains(record.formats, format)) record.formats.push_back(format);
}

void Batch::fail(const InputFile& file, const std::string& error) {
  summary_.failures.push_back(failure_of(file.path, error));
  display_.interrupt();
  if (work_.failed) work_.failed(summary_.failures.back());
}

// A summary of a million files takes a while: it is written when that costs little of the time since the last one.
void Batch::write_summary(bool at_once) {
  display_.update(summary_);
  const Clock::time_point now = Clock::now();
  if (!at_once && now < next_writing_) return;
  summary_.run_seconds = seconds_since(start_);
  io::write_file_atomically(path(summary_name(settings_.shard)), json_text(to_json(summary_)));
  const auto took = Clock::now() - now;
  next_writing_ = Clock::now() + std::max<Clock::duration>(std::chrono::seconds(1), 20 * took);
}

}  // namespace

void BatchSettings::validate() const {
  if (formats.empty()) throw std::invalid_argument("--format is empty; `avsr transcribe --help` lists the formats");
  for (const std::string& format : formats) text_format(format);
  if (captions.max_words < 1)
    throw std::invalid_argument(fmt::format("--caption-words: expected 1 or more, got {}", captions.max_words));
  if (jobs < 0 || jobs > io::kMostWorkers)
    throw std::invalid_argument(fmt::format("--jobs: expected 0 to {}, got {}", io::kMostWorkers, jobs));
}

Summary run_batch(const InputList& inputs, const BatchSettings& settings, const BatchWork& work, Turns& turns,
                  const std::atomic<bool>& stop) {
  settings.validate();
  return Batch(inputs, settings, work).run(turns, stop);
}

}  // namespace avsr::pipeline
