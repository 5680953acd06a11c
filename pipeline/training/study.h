// Several trainings in one folder, one after the other: what tune and cross-validate share.
#pragma once

#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "pipeline/reporter.h"
#include "pipeline/training/schedule.h"

namespace avsr::pipeline {

struct StudySettings {
  std::string data;                 // prepared folder
  std::filesystem::path out;        // a folder for each training, and the tables
  std::vector<std::string> stages;  // only these; empty: all
  int workers = 0;
  double cache_gb = 0;  // memory for decoded clips, in GB; 0: half of what there is
  const std::atomic<bool>* stop = nullptr;
  Reporter reporter;

  void say(const std::string& line) const;
  // How to train in settings.out / folder, or to go on there; data and recipe are the study's to choose.
  RunSettings run_in(const std::string& folder) const;
};

// Keeps in out/COMMAND.json what the study is of. Throws std::runtime_error when the folder holds one of other things,
// which would mix two into one table; `noun` is what the message calls it.
void claim_folder(const std::filesystem::path& out, const std::string& command, const std::string& noun,
                  const nlohmann::json& wanted);

// Of a finished training, in its folder and below: they are most of its bytes, and nobody goes on with it. The models
// stay.
void remove_checkpoints(const std::filesystem::path& folder);

}  // namespace avsr::pipeline
