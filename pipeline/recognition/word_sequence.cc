#include "pipeline/recognition/word_sequence.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace avsr::pipeline {
namespace {

constexpr const char* kUnknownText = "unknown";

// Mean probability of each label over the windows [first, last].
std::vector<double> mean_row(const std::vector<float>& probabilities, size_t labels, int first, int last) {
  std::vector<double> mean(labels, 0);
  for (int w = first; w <= last; ++w)
    for (size_t v = 0; v < labels; ++v) mean[v] += probabilities[w * labels + v] / (last - first + 1);
  return mean;
}

std::vector<std::pair<std::string, double>> best_labels(const std::vector<double>& row,
                                                        const std::vector<std::string>& labels, int background,
                                                        int top) {
  std::vector<int> order(row.size());
  std::iota(order.begin(), order.end(), 0);
  std::erase(order, background);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return row[a] > row[b]; });
  if (static_cast<int>(order.size()) > top) order.resize(std::max(top, 0));
  std::vector<std::pair<std::string, double>> best;
  for (const int v : order) best.emplace_back(labels[v], row[v]);
  return best;
}

models::WordEvent only_answer(const std::vector<float>& row, int background, float unknown_below) {
  int best = -1;
  for (int v = 0; v < static_cast<int>(row.size()); ++v)
    if (v != background && (best < 0 || row[v] > row[best])) best = v;
  return {row[best] < unknown_below ? models::kUnknown : best, 0, 0, row[best]};
}

}  // namespace

int background_of(const std::vector<std::string>& labels) {
  const auto found = std::find(labels.begin(), labels.end(), kBackgroundLabel);
  return found == labels.end() ? -1 : static_cast<int>(found - labels.begin());
}

models::WordDecoding decoding_from_json(const nlohmann::json& json) {
  models::WordDecoding decoding;
  if (json.is_null()) return decoding;
  try {
    json.at("unknown_below").get_to(decoding.unknown_below);
    json.at("switch_cost").get_to(decoding.switch_cost);
    json.at("fewest_windows").get_to(decoding.fewest_windows);
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(std::string("[model] the decoding in the model file is incomplete: ") + error.what());
  }
  return decoding;
}

nlohmann::json to_json(const models::WordDecoding& decoding) {
  return {{"unknown_below", decoding.unknown_below},
          {"switch_cost", decoding.switch_cost},
          {"fewest_windows", decoding.fewest_windows}};
}

WindowSettings window_settings(const Recognizer& recognizer, int hop_frames) {
  if (recognizer.config().word_boundary)
    throw std::invalid_argument(fmt::format(
        "{}: this model is told where the word begins and ends (word_boundary), which nobody knows in a recording: "
        "transcribe with a model that was trained without; `avsr evaluate` runs this one",
        recognizer.path()));
  WindowSettings settings;
  settings.window_frames = recognizer.rule().window_frames;
  settings.hop_frames = hop_frames;
  settings.labels = static_cast<int>(recognizer.labels().size());
  settings.video = recognizer.streams() != models::Streams::audio;
  settings.audio = recognizer.streams() != models::Streams::video;
  return settings;
}

SlidingWindows windows_of_clip(Recognizer& recognizer, const io::Clip& clip, int hop_frames) {
  const WindowSettings settings = window_settings(recognizer, hop_frames);
  SlidingWindows windows(settings,
                         [&recognizer](const std::vector<Stretch>& batch) { return recognizer.probabilities(batch); });
  const int frames =
      settings.video ? clip.mouth.count : static_cast<int>(clip.audio.samples.size() / io::kSamplesPerFrame);
  std::vector<float> samples = clip.audio.samples;
  samples.resize(settings.audio ? static_cast<size_t>(frames) * io::kSamplesPerFrame : 0, 0.f);
  const std::vector<uint8_t> faces(settings.video ? frames : 0, 1);
  windows.push(frames, clip.mouth, faces, samples);
  windows.finish();
  return windows;
}

std::vector<SpokenWord> words_of(const SlidingWindows& windows, const std::vector<std::string>& labels,
                                 const models::WordDecoding& decoding, int top) {
  const std::vector<float>& probabilities = windows.probabilities();
  const int background = background_of(labels);
  std::vector<models::WordEvent> events;
  if (!windows.single())
    events = models::decode_words(probabilities, static_cast<int>(labels.size()), background, decoding);
  else if (std::any_of(probabilities.begin(), probabilities.end(), [](float p) { return p > 0; }))
    events = {only_answer(probabilities, background, decoding.unknown_below)};

  std::vector<SpokenWord> words;
  for (const models::WordEvent& event : events) {
    SpokenWord spoken;
    spoken.unknown = event.label == models::kUnknown;
    spoken.word = {spoken.unknown ? kUnknownText : labels[event.label], windows.start_seconds(event.first_window),
                   windows.end_seconds(event.last_window), event.confidence};
    const std::vector<double> row = mean_row(probabilities, labels.size(), event.first_window, event.last_window);
    spoken.alternatives = best_labels(row, labels, background, top);
    words.push_back(std::move(spoken));
  }
  return words;
}

}  // namespace avsr::pipeline
