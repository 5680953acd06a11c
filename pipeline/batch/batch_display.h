// A batch as a person sees it: the bar while it runs, and at the end what became of the files.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "pipeline/batch/summary.h"
#include "pipeline/progress.h"

namespace avsr::pipeline {

// Not thread-safe.
class BatchDisplay {
 public:
  void begin(int64_t files);
  void sorted_out(const Summary& summary);  // what was kept and what will be made again
  void tick(size_t number, const std::string& file, int64_t done, int64_t expected);  // frames of a file under way
  void ended(size_t number);
  void update(const Summary& summary);
  void interrupt();  // the bar makes room for a line
  void finish(const Summary& summary);

 private:
  struct Running {
    std::string file;
    int64_t done = 0, expected = 0;
  };
  void draw();
  std::string note() const;

  std::unique_ptr<Progress> progress_;
  std::map<size_t, Running> running_;
  std::chrono::steady_clock::time_point start_;
  int64_t done_ = 0, failed_ = 0;
  double video_seconds_ = 0;  // that this run has made
};

// What a person reads last: counts, then each failure with what to do about it.
std::string closing_text(const Summary& summary, const std::string& out);

}  // namespace avsr::pipeline
