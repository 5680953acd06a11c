// The options of how a media file is transcribed, and its models.
#pragma once

#include <boost/program_options.hpp>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/commands/options.h"
#include "pipeline/recognition/transcribe.h"

namespace avsr::pipeline {

struct TranscribeOptions {
  TranscribeSettings settings;
  float unknown_below = 0;
  int beam = 0;
  double language_weight = 0, insertion_bonus = 0;
  std::string words, grammar, language_model, face = "largest", sync = "off";
  std::string face_model = preprocessing::kLandmarkModelPath;
  bool no_vad = false;
};

void add_transcribe_options(boost::program_options::options_description& shown, TranscribeOptions& options);
// What was chosen. Throws std::invalid_argument naming the option.
TranscribeSettings chosen_settings(const Parsed& parsed, const TranscribeOptions& options);

// Models in use, and a transcriber that asks them.
class OpenTranscriber {
 public:
  // Throws as Recognizer, ModelSet and Transcriber do.
  OpenTranscriber(backend::Backend& backend, const std::vector<std::string>& models, const std::string& face_model,
                  const TranscribeSettings& settings);
  const Transcriber& transcriber() const { return *transcriber_; }
  const std::vector<std::unique_ptr<Recognizer>>& recognizers() const { return recognizers_; }
  // Null where no crops are tracked.
  const std::shared_ptr<const preprocessing::FaceModel>& face_model() const { return face_model_; }

 private:
  std::vector<std::unique_ptr<Recognizer>> recognizers_;
  std::shared_ptr<const preprocessing::FaceModel> face_model_;
  std::unique_ptr<Transcriber> transcriber_;
};

}  // namespace avsr::pipeline
