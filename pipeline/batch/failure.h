// Why a file could not be transcribed, in three parts that a person can act on.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace avsr::pipeline {

struct Failure {
  std::string file;
  std::string found;     // what is wrong with it
  std::string expected;  // what was wanted instead
  std::string to_do;     // how to get there
};

// error: the text of the exception that the file's work ended with; texts of io/ and of the recogniser are known here.
Failure failure_of(const std::string& file, const std::string& error);

nlohmann::json to_json(const Failure& failure);
Failure failure_from_json(const nlohmann::json& json);

}  // namespace avsr::pipeline
