#include "pipeline/recognition/word_sequence.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "pipeline/recognition/model_set.h"

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

std::vector<SpokenWord> words_in(const std::vector<float>& probabilities, const SlidingWindows& windows,
                                 const std::vector<std::string>& labels, const models::WordDecoding& decoding,
                                 int top) {
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
    spoken.heard_by = windows.answers()[static_cast<size_t>(event.first_window)].heard_by.value();
    const std::vector<double> row = mean_row(probabilities, labels.size(), event.first_window, event.last_window);
    spoken.alternatives = best_labels(row, labels, background, top);
    words.push_back(std::move(spoken));
  }
  return words;
}

// The rows that one model gave; zeros for those of others, as where nobody answers.
std::vector<float> rows_of(models::Streams streams, const SlidingWindows& windows, size_t labels) {
  std::vector<float> rows = windows.probabilities();
  for (size_t w = 0; w < windows.answers().size(); ++w)
    if (windows.answers()[w].heard_by != streams)
      std::fill_n(rows.begin() + static_cast<std::ptrdiff_t>(w * labels), labels, 0.f);
  return rows;
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

SlidingWindows windows_of_clip(Recognizer& recognizer, const io::Clip& clip, int hop_frames) {
  const WindowSettings settings = window_settings(recognizer, hop_frames);
  SlidingWindows windows(settings, [&recognizer](models::Streams, const std::vector<Stretch>& batch) {
    return recognizer.probabilities(batch);
  });
  const int frames =
      settings.available.video ? clip.mouth.count : static_cast<int>(clip.audio.samples.size() / io::kSamplesPerFrame);
  std::vector<float> samples = clip.audio.samples;
  samples.resize(settings.available.audio ? static_cast<size_t>(frames) * io::kSamplesPerFrame : 0, 0.f);
  const std::vector<uint8_t> faces(settings.available.video ? frames : 0, 1);
  windows.push(frames, clip.mouth, faces, samples);
  windows.finish();
  return windows;
}

std::vector<SpokenWord> words_of(const SlidingWindows& windows, const std::vector<std::string>& labels,
                                 const models::WordDecoding& decoding, int top) {
  return words_in(windows.probabilities(), windows, labels, decoding, top);
}

std::vector<SpokenWord> words_of(const SlidingWindows& windows, const std::vector<std::string>& labels,
                                 const std::map<models::Streams, models::WordDecoding>& decodings, int top) {
  if (decodings.size() == 1) return words_of(windows, labels, decodings.begin()->second, top);
  std::vector<SpokenWord> words;
  for (const auto& [streams, decoding] : decodings) {
    const std::vector<SpokenWord> heard =
        words_in(rows_of(streams, windows, labels.size()), windows, labels, decoding, top);
    words.insert(words.end(), heard.begin(), heard.end());
  }
  std::stable_sort(words.begin(), words.end(), [](const SpokenWord& a, const SpokenWord& b) {
    return a.word.start_seconds < b.word.start_seconds;
  });
  return joined(words);
}

std::vector<Segment> segments_of(const SlidingWindows& windows, const std::vector<SpokenWord>& words) {
  const std::vector<Answer>& answers = windows.answers();
  std::vector<Segment> segments;
  size_t next = 0;
  for (size_t w = 0; w < answers.size(); ++w) {
    if (w == 0 || !(answers[w] == answers[w - 1])) {
      Segment segment;
      segment.start_seconds = windows.start_seconds(static_cast<int>(w));
      segment.heard_by = answers[w].heard_by;
      segment.missing = missing_text(answers[w]);
      segments.push_back(std::move(segment));
    }
    Segment& segment = segments.back();
    segment.end_seconds = windows.end_seconds(static_cast<int>(w));
    for (; next < words.size() && middle_of(words[next]) < segment.end_seconds; ++next)
      if (!words[next].unknown) segment.text += (segment.text.empty() ? "" : " ") + words[next].word.text;
  }
  return segments;
}

}  // namespace avsr::pipeline
