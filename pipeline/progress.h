// How far a long command is, on stderr: a bar with the time left on a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace avsr::pipeline {

// "3 s", "4:05", "1:02:09".
std::string duration_text(double seconds);

class Progress {
 public:
  using Clock = std::chrono::steady_clock;
  // what: e.g. "prepare train"; unit: e.g. "clips". total < 1: not known. now: what the time is.
  Progress(std::string what, std::string unit, int64_t total, std::function<Clock::time_point()> now = Clock::now);
  ~Progress();  // ends the bar's line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Not thread-safe. done counts from the start, what a former run did included (see skip()). Draws at most ten times
  // a second on a terminal; elsewhere a line at every tenth of the work, but at most one a second, and every 30 s.
  // part: how much of the next one is done, in [0, 1].
  void update(int64_t done, const std::string& note = "", double part = 0);
  void interrupt();         // clears the bar's line: what is printed next stands alone; the next update draws it again
  void skip(int64_t done);  // done by a former run: not counted in the rate
  void finish(const std::string& note = "");

 private:
  void draw(const std::string& note);
  std::string line(const std::string& note) const;

  std::string what_, unit_;
  int64_t total_, done_ = 0, skipped_ = 0;
  double part_ = 0;
  int64_t tenth_ = 0;  // last tenth that had its line
  bool terminal_, open_ = false, finished_ = false;
  std::function<Clock::time_point()> now_;
  Clock::time_point start_, drawn_;
};

}  // namespace avsr::pipeline
