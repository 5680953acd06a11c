// The models of one evaluation: whether they can be tested together, what they are called, who answers when a stream is
// missing.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/evaluation/test_batches.h"
#include "pipeline/recognition/recognizer.h"

namespace avsr::pipeline {

using TestedModels = std::vector<std::unique_ptr<Recognizer>>;

// Of each path: the file's name without ending, with as many folders before it as tell all apart, and a number where
// the same file is given twice.
std::vector<std::string> short_names(const std::vector<std::string>& paths);
// Those that are given, one for each model, "" where none is; the others are short names. Throws std::invalid_argument
// where two models would have one name.
std::vector<std::string> names_of(const TestedModels& models, const std::vector<std::string>& given);

const char* stream_word(models::Streams stream);  // "video", "sound"

// What the models need of a clip together.
models::Streams streams_of(const TestedModels& models);
// Talkers that any of them was trained on; sorted.
std::vector<std::string> training_talkers_of(const TestedModels& models);

// Throws std::runtime_error naming the files where there is no model, where two know other words (or symbols) or were
// trained on windows of other lengths, or where one does not suit crops made as `crop` (dataset.json of the folder
// `data`).
void check_models(const TestedModels& models, const nlohmann::json& crop, const std::string& data);

// Whether the models write sentences. Throws std::runtime_error naming two files where some do and others know words:
// one is measured in wrong words, the other in right ones.
bool of_sentences(const TestedModels& models);

// [{name, file, streams, provenance}]
nlohmann::json describe_models(const TestedModels& models, const std::vector<std::string>& names);

// Note [A stream is missing]
// Of a clip without video, a lip-reader says nothing and has no row. An audiovisual model answers alone only if its
// training has taught it to (modality dropout); else the first audio model given beside it answers in its place, as
// in a recogniser that picks its model by what is there; without one the evaluation is refused by name. The same
// with sound.

// Which model answers for model m; none: nobody can. Throws std::runtime_error naming the model that cannot do without
// the stream.
std::optional<size_t> answerer(const TestedModels& models, size_t m, const Condition& condition);

}  // namespace avsr::pipeline
