// What tests of `avsr import` share: the command, and the logits of the model that it wrote.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "io/temporary_folder.h"
#include "models/model_file.h"
#include "pipeline/data/input_rule.h"
#include "pipeline/device.h"
#include "tests/pipeline/command_call.h"
#include "tests/small_files.h"

namespace avsr::pipeline {

inline constexpr int kFrames = 29;

class ImportFixture : public testing::Test {
 protected:
  ImportFixture() {
    std::string words;
    for (int i = 0; i < 5; ++i) words += fmt::format("WORD{}\n", i);
    tests::put(folder_ / "words.txt", words);
  }

  void write_500_words() {
    std::string words;
    for (int i = 1000; i < 1500; ++i) words += fmt::format("WORD{}\n", i);
    tests::put(folder_ / "words.txt", words);
  }

  static std::string narrow() { return AVSR_SOURCE_DIR "/tests/pipeline/commands/public_checkpoints"; }
  Outcome import(const std::vector<std::string>& files, const std::string& from = narrow(), Arguments more = {}) {
    Arguments arguments{"--out", model(), "--labels", labels_.empty() ? folder_ / "words.txt" : labels_};
    for (const std::string& file : files)
      arguments.push_back(std::filesystem::path(file).is_absolute() ? file : from + "/" + file + ".pt");
    arguments.insert(arguments.end(), more.begin(), more.end());
    return call(run_import, arguments);
  }
  std::string model() const { return folder_ / "model.safetensors"; }

  // The clip of the Python script, through the model's own preprocessing.
  std::vector<float> logits_of_model() {
    const auto backend = open_device({"cpu", 1});
    models::LoadedModel loaded = models::load_model(model(), *backend);
    const InputRule rule = input_rule_from_json(loaded.file.preprocessing);
    const BatchWriter writer(rule, loaded.file.config);
    io::Frames frames{kFrames, 88, 88, {}};
    for (int t = 0; t < kFrames; ++t)
      for (int y = 0; y < 88; ++y)
        for (int x = 0; x < 88; ++x)
          frames.pixels.push_back(static_cast<uint8_t>((t * 31 + y * 7 + x * 13 + x * y / 8) % 256));
    io::Waveform wave;
    for (int i = 0; i < kFrames * io::kSamplesPerFrame; ++i)
      wave.samples.push_back(static_cast<float>(0.3 * std::sin(0.05 * i) + 0.1 * std::cos(0.0131 * i)));
    HostBatch batch;
    writer.begin({kFrames}, batch);
    writer.write(0, frames, wave, batch);
    DeviceBatch inputs(*backend, writer);
    backend::Lengths steps;
    return backend->values(loaded.network->forward(inputs.upload(batch), models::Mode::inference, 0, steps));
  }

  io::TemporaryFolder folder_;
  std::string labels_;
};

}  // namespace avsr::pipeline
