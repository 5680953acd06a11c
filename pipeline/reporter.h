// What a long computation tells whoever waits for it, and how it is asked to stop.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace avsr::pipeline {

// All may be empty.
struct Reporter {
  std::function<void(const std::string& line)> say;
  std::function<void(int64_t done, int64_t total, const std::string& what)> tick;  // clips of what runs now
  std::function<void(const std::string& text)> note;  // what stands beside the next tick's bar
};

// Of one piece of work: how much is done. False: stop.
using Tick = std::function<bool(int64_t done, int64_t total)>;

}  // namespace avsr::pipeline
