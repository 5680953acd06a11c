// A command called as main does, and what came of it.
#pragma once

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "pipeline/commands/commands.h"

namespace avsr::pipeline {

struct Outcome {
  int code = 0;
  std::string out, error;       // stdout and stderr
  std::string misuse, failure;  // what() of invalid_argument and of every other exception
};

inline Outcome call(int (*command)(const Arguments&), const Arguments& arguments) {
  Outcome outcome;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  try {
    outcome.code = command(arguments);
  } catch (const std::invalid_argument& error) {
    outcome.misuse = error.what();
    outcome.code = 2;
  } catch (const std::exception& error) {
    outcome.failure = error.what();
    outcome.code = 1;
  }
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.error = testing::internal::GetCapturedStderr();
  return outcome;
}

}  // namespace avsr::pipeline
