#include "pipeline/recognition/word_sequence.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "pipeline/recognition/model_set.h"

namespace avsr::pipeline {
namespace {

constexpr const char* kUnknownText = "unknown";

std::vector<std::pair<std::string, double>> best_labels(std::span<const float> row,
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
  return {row[best] < unknown_below ? models::kUnknown : best, 0, 0, -0.5, 0.5, row[best], row};
}

double middle_of(const SpokenWord& spoken) { return (spoken.word.start_seconds + spoken.word.end_seconds) / 2; }
double length_of(const SpokenWord& spoken) { return spoken.word.end_seconds - spoken.word.start_seconds; }

// Words in order of time; neighbours that touch and are the same word become one.
std::vector<SpokenWord> joined(const std::vector<SpokenWord>& words) {
  std::vector<SpokenWord> all;
  for (const SpokenWord& spoken : words) {
    const bool goes_on = !all.empty() && all.back().word.text == spoken.word.text &&
                         all.back().heard_by != spoken.heard_by &&
                         spoken.word.start_seconds - all.back().word.end_seconds < 1e-6;
    if (!goes_on) {
      all.push_back(spoken);
      continue;
    }
    SpokenWord longer = length_of(spoken) > length_of(all.back()) ? spoken : all.back();
    longer.word.start_seconds = all.back().word.start_seconds;
    longer.word.end_seconds = spoken.word.end_seconds;
    all.back() = std::move(longer);
  }
  return all;
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
  require_no_word_boundary(recognizer);
  WindowSettings settings;
  settings.window_frames = recognizer.rule().window_frames;
  settings.hop_frames = hop_frames;
  settings.labels = static_cast<int>(recognizer.labels().size());
  settings.models = {};
  settings.models.add(recognizer.streams());
  settings.available = settings.models.wanted();
  return settings;
}

WordSequence::WordSequence(const std::vector<std::string>& labels,
                           const std::map<models::Streams, models::WordDecoding>& decodings, int top)
    : labels_(labels), decodings_(decodings), top_(top), background_(background_of(labels)), no_input_(labels.size()) {
  for (const auto& [streams, decoding] : decodings)
    decoders_.try_emplace(streams, static_cast<int>(labels.size()), background_, decoding);
}

void WordSequence::add(const Answer& answer, std::span<const float> row) {
  if (windows_ == 0) first_row_.assign(row.begin(), row.end());
  if (runs_.empty() || !(runs_.back().answer == answer)) runs_.push_back({answer, windows_, windows_});
  runs_.back().last = windows_++;
  for (auto& [streams, decoder] : decoders_) {
    decoder.push(answer.heard_by == streams ? row : no_input_);
    take(streams, decoder.take());
  }
}

void WordSequence::take(models::Streams streams, std::vector<models::WordEvent>&& events) {
  for (models::WordEvent& event : events) {
    auto alternatives = best_labels(event.mean, labels_, background_, top_);
    event.mean = {};
    found_.push_back({std::move(event), streams, std::move(alternatives)});
  }
}

void WordSequence::finish(const WindowTimes& times) {
  if (times.single) {
    const auto heard_by = runs_.empty() ? std::nullopt : runs_.front().answer.heard_by;
    if (heard_by) take(*heard_by, {only_answer(first_row_, background_, decodings_.at(*heard_by).unknown_below)});
  } else {
    for (auto& [streams, decoder] : decoders_) {
      decoder.finish();
      take(streams, decoder.take());
    }
  }
  make_words(times);
  make_segments(times);
}

void WordSequence::make_words(const WindowTimes& times) {
  std::vector<SpokenWord> words;
  for (Found& found : found_) {
    SpokenWord spoken;
    spoken.unknown = found.event.label == models::kUnknown;
    const models::WordEvent& event = found.event;
    spoken.word = {spoken.unknown ? kUnknownText : labels_[event.label],
                   times.single ? times.start_seconds(0) : times.seconds(event.start),
                   times.single ? times.end_seconds(0) : times.seconds(event.end), event.confidence};
    spoken.heard_by = found.heard_by;
    spoken.alternatives = std::move(found.alternatives);
    words.push_back(std::move(spoken));
  }
  std::stable_sort(words.begin(), words.end(), [](const SpokenWord& a, const SpokenWord& b) {
    return a.word.start_seconds < b.word.start_seconds;
  });
  words_ = joined(words);
}

void WordSequence::make_segments(const WindowTimes& times) {
  size_t next = 0;
  for (const Run& run : runs_) {
    Segment segment;
    segment.start_seconds = times.start_seconds(run.first);
    segment.end_seconds = times.end_seconds(run.last);
    segment.heard_by = run.answer.heard_by;
    segment.missing = missing_text(run.answer);
    for (; next < words_.size() && (middle_of(words_[next]) < segment.end_seconds); ++next)
      if (!words_[next].unknown) segment.text += (segment.text.empty() ? "" : " ") + words_[next].word.text;
    segments_.push_back(std::move(segment));
  }
}

ClipWindows windows_of_clip(Recognizer& recognizer, const io::Clip& clip, int hop_frames) {
  const WindowSettings settings = window_settings(recognizer, hop_frames);
  ClipWindows windows;
  windows.heard_by = recognizer.streams();
  SlidingWindows sliding(
      settings,
      [&recognizer](models::Streams, const std::vector<Stretch>& batch) { return recognizer.probabilities(batch); },
      [&windows](const Answer& answer, std::span<const float> row) {
        windows.answers.push_back(answer);
        windows.probabilities.insert(windows.probabilities.end(), row.begin(), row.end());
      });
  const int frames =
      settings.available.video ? clip.mouth.count : static_cast<int>(clip.audio.samples.size() / io::kSamplesPerFrame);
  std::vector<float> samples = clip.audio.samples;
  samples.resize(settings.available.audio ? static_cast<size_t>(frames) * io::kSamplesPerFrame : 0, 0.f);
  const std::vector<uint8_t> faces(settings.available.video ? frames : 0, 1);
  sliding.push(frames, clip.mouth, faces, samples);
  sliding.finish();
  windows.times = sliding.times();
  return windows;
}

std::vector<SpokenWord> words_of(const ClipWindows& windows, const std::vector<std::string>& labels,
                                 const models::WordDecoding& decoding, int top) {
  WordSequence sequence(labels, {{windows.heard_by, decoding}}, top);
  const std::span<const float> rows = windows.probabilities;
  for (size_t w = 0; w < windows.answers.size(); ++w)
    sequence.add(windows.answers[w], rows.subspan(w * labels.size(), labels.size()));
  sequence.finish(windows.times);
  return sequence.words();
}

}  // namespace avsr::pipeline
