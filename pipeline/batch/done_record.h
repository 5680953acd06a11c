// What is left of a finished file, so that a second run can tell that nothing has to be made again.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace avsr::pipeline {

// An input as it was when its results were made.
struct InputState {
  std::string path;  // absolute
  uintmax_t bytes = 0;
  int64_t modified_ns = 0;  // since the epoch
  bool operator==(const InputState&) const = default;
};
// Throws std::runtime_error naming the file where there is none.
InputState state_of(const std::string& path);

struct DoneRecord {
  InputState input;
  std::string made_with;             // hash of models and settings
  std::vector<std::string> formats;  // that were asked for: some make no file of some inputs
  std::vector<std::string> outputs;  // below the output folder
  double seconds = 0;                // of the input
  int64_t words = 0;
};

// Written last, atomically, so that a record vouches for its outputs.
class DoneRecords {
 public:
  explicit DoneRecords(std::string out) : out_(std::move(out)) {}
  // The record's own path: OUT/.avsr/STEM.json.
  std::string path(const std::string& stem) const;
  void write(const std::string& stem, const DoneRecord& record) const;
  std::optional<DoneRecord> read(const std::string& stem) const;  // none: absent, or not a record
  // Takes it away: the outputs are about to change.
  void remove(const std::string& stem) const;
  // Whether what the record vouches for is there and still right; if not, `why` says what has changed ("the settings
  // have changed", …), or stays empty where there is no record.
  bool holds(const DoneRecord& record, const InputState& input, const std::string& made_with, std::string& why) const;

 private:
  std::string out_;
};

}  // namespace avsr::pipeline
