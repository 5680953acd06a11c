// Many files through one transcriber: side by side, one after another, again after a crash.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "pipeline/batch/inputs.h"
#include "pipeline/batch/summary.h"
#include "pipeline/recognition/transcript.h"

namespace avsr::pipeline {

class Turns;  // turns.h

struct BatchSettings {
  std::string out;
  std::vector<std::string> formats;   // of text_formats()
  std::vector<std::string> pictures;  // further formats, which BatchWork::draw makes
  std::vector<std::string> taken;     // names in `out` that no result may have, without ending
  int jobs = 0;                       // files at a time; 0: as many as cores
  io::SubtitleOptions captions;       // of the formats that have captions
  Shard shard;
  bool overwrite = false;    // also what an earlier run has finished
  nlohmann::json made_with;  // models and settings: with others a result is made again
  void validate() const;     // throws std::invalid_argument
};

// Frames done of one file, now and then, and how many it should have (0: it does not say).
using FileTick = std::function<void(int64_t done, int64_t expected)>;

struct BatchWork {
  // Called from several threads at a time; what it throws is the file's failure. Brings its network calls to the
  // thread of run_batch (Turns).
  std::function<Transcript(const std::string& path, const FileTick& tick)> transcribe;
  // After the texts are written: writes the files of `pictures`, atomically, at `stem` (with the output folder) and
  // some ending. Returns the endings, ".html". Called from several threads. May be empty where there are no pictures.
  std::function<std::vector<std::string>(const Transcript& transcript, const std::string& stem)> draw;
  // Of a file that is done, one at a time. May be empty.
  std::function<void(const Transcript& transcript, const InputFile& file)> made;
  std::function<void(const Failure& failure)> failed;  // the same of a failure
};

// Transcribes the shard's files that are not finished yet. Results: OUT/STEM.txt and so on (outputs.h), then a record
// of each (done_record.h), and OUT/summary.json, which is written anew as files are done. A file that fails leaves no
// record and the others go on. When `stop` becomes true no file is begun any more; those under way are finished. Serves
// `turns` on the calling thread. Progress goes to stderr. Throws std::runtime_error where the output folder cannot be
// written.
Summary run_batch(const InputList& inputs, const BatchSettings& settings, const BatchWork& work, Turns& turns,
                  const std::atomic<bool>& stop);

}  // namespace avsr::pipeline
