#include "eval/scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace avsr::eval {
namespace {

void require_clips(std::string_view where, size_t clips) {
  if (clips == 0) throw std::invalid_argument(fmt::format("[{}] expected at least one clip, got none", where));
}

// The number of labels that come before `word`.
int labels_ahead(std::span<const float> scores, int word) {
  int ahead = 0;
  const float own = scores[static_cast<size_t>(word)];
  for (int v = 0; v < static_cast<int>(scores.size()); ++v) {
    const float other = scores[static_cast<size_t>(v)];
    ahead += other > own || (other == own && v < word) ? 1 : 0;
  }
  return ahead;
}

}  // namespace

void check_scores(std::string_view where, const Scores& scores) {
  if (scores.labels < 1 || scores.values.size() % static_cast<size_t>(scores.labels) != 0)
    throw std::invalid_argument(
        fmt::format("[{}] expected a whole number of rows of at least one label, got {} values "
                    "in rows of {}",
                    where, scores.values.size(), scores.labels));
  const auto odd =
      std::find_if_not(scores.values.begin(), scores.values.end(), [](float v) { return std::isfinite(v); });
  if (odd != scores.values.end())
    throw std::invalid_argument(fmt::format("[{}] expected finite scores, got {} for clip {}", where, *odd,
                                            (odd - scores.values.begin()) / scores.labels));
}

void check_probabilities(std::string_view where, const Scores& probabilities) {
  check_scores(where, probabilities);
  constexpr float kRounding = 1e-5f;
  for (size_t i = 0; i < probabilities.values.size(); ++i)
    if (const float p = probabilities.values[i]; p < 0 || p > 1 + kRounding)
      throw std::invalid_argument(fmt::format("[{}] expected probabilities from 0 to 1, got {} for clip {}", where, p,
                                              i / static_cast<size_t>(probabilities.labels)));
}

void check_labels(std::string_view where, std::span<const int> indices, int labels) {
  for (size_t i = 0; i < indices.size(); ++i)
    if (indices[i] < 0 || indices[i] >= labels)
      throw std::invalid_argument(
          fmt::format("[{}] expected labels from 0 to {}, got {} for clip {}", where, labels - 1, indices[i], i));
}

void check_length(std::string_view where, std::string_view what, size_t found, size_t expected) {
  if (found != expected)
    throw std::invalid_argument(fmt::format("[{}] expected {} {}, got {}", where, expected, what, found));
}

double log_probability(float probability) {
  return std::log(static_cast<double>(std::max(probability, std::numeric_limits<float>::min())));
}

int best_label(std::span<const float> scores) {
  return static_cast<int>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

std::vector<int> answers_of(const Scores& scores) {
  check_scores("answers", scores);
  std::vector<int> answers;
  for (int64_t i = 0; i < scores.clips(); ++i) answers.push_back(best_label(scores.of(i)));
  return answers;
}

double accuracy(std::span<const int> words, std::span<const int> answers) {
  check_length("accuracy", "answers", answers.size(), words.size());
  require_clips("accuracy", words.size());
  int64_t correct = 0;
  for (size_t i = 0; i < words.size(); ++i) correct += words[i] == answers[i] ? 1 : 0;
  return static_cast<double>(correct) / static_cast<double>(words.size());
}

double top_k_accuracy(const Scores& scores, std::span<const int> words, int k) {
  constexpr const char* kWhere = "top-k accuracy";
  check_scores(kWhere, scores);
  check_length(kWhere, "words", words.size(), static_cast<size_t>(scores.clips()));
  check_labels(kWhere, words, scores.labels);
  require_clips(kWhere, words.size());
  if (k < 1) throw std::invalid_argument(fmt::format("[{}] expected k >= 1, got {}", kWhere, k));
  int64_t correct = 0;
  for (size_t i = 0; i < words.size(); ++i)
    correct += labels_ahead(scores.of(static_cast<int64_t>(i)), words[i]) < k ? 1 : 0;
  return static_cast<double>(correct) / static_cast<double>(words.size());
}

}  // namespace avsr::eval
