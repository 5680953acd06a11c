#include "pipeline/recognition/text_alignment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>
#include <stdexcept>

#include "decoding/alignment.h"
#include "decoding/text_file.h"
#include "decoding/utf8.h"
#include "decoding/words.h"

namespace avsr::pipeline {
namespace {

// Of a symbol other than the blank in a frame in which nobody speaks: a text that is too long can go there, badly.
constexpr double kUnheard = 1e-6;

// One space where there is white space of any length; none at the ends.
std::string one_space_between(std::string_view text) {
  std::string spaced;
  bool gap = false;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c))) {
      gap = !spaced.empty();
      continue;
    }
    if (gap) spaced += ' ';
    gap = false;
    spaced += c;
  }
  return spaced;
}

std::string in_known_case(std::string text, const decoding::Symbols& symbols) {
  for (char& c : text) {
    if (symbols.find(std::string_view(&c, 1))) continue;
    const auto byte = static_cast<unsigned char>(c);
    const char other = static_cast<char>(std::isupper(byte) ? std::tolower(byte) : std::toupper(byte));
    if (symbols.find(std::string_view(&other, 1))) c = other;
  }
  return text;
}

// The characters of a text that belong to no symbol, each once.
std::set<std::string> lacking(std::string_view text, const decoding::Symbols& symbols) {
  std::set<std::string> characters;
  for (const std::string& character : decoding::utf8_characters(text)) {
    const auto has_it = [&](const std::string& name) { return name.find(character) != std::string::npos; };
    if (std::none_of(symbols.names().begin() + 1, symbols.names().end(), has_it)) characters.insert(character);
  }
  return characters;
}

// (T, V) log-probabilities of a recording, blanks where no utterance is.
class WholeRecording {
 public:
  explicit WholeRecording(int symbols) : quiet_(static_cast<size_t>(symbols)) {
    std::fill(quiet_.begin(), quiet_.end(), static_cast<float>(std::log(kUnheard)));
    quiet_[0] = static_cast<float>(std::log1p(-kUnheard * (symbols - 1)));
  }
  void add(const Utterance& utterance) {
    if (utterance.log_probabilities.empty()) return;
    fill(utterance.first_frame);
    values_.insert(values_.end(), utterance.log_probabilities.begin(), utterance.log_probabilities.end());
  }
  void fill(int64_t frames) {
    while (values_.size() < static_cast<size_t>(frames) * quiet_.size())
      values_.insert(values_.end(), quiet_.begin(), quiet_.end());
  }
  decoding::LogProbabilities view() const { return {values_, static_cast<int>(quiet_.size())}; }

 private:
  std::vector<float> quiet_, values_;
};

}  // namespace

std::vector<int> spelled(std::string_view text, const decoding::Symbols& symbols) {
  if (const auto bad = decoding::first_bad_utf8(text))
    throw std::invalid_argument(fmt::format("[align] expected a text in UTF-8, found other bytes at byte {}", *bad));
  const std::string written = in_known_case(one_space_between(text), symbols);
  if (written.empty()) throw std::invalid_argument("[align] the text has no words");
  std::string missing;
  for (const std::string& character : lacking(written, symbols))
    missing += fmt::format("{}\"{}\"", missing.empty() ? "" : ", ", character);
  if (!missing.empty())
    throw std::invalid_argument(
        fmt::format("[align] the text has characters that the model cannot write: {}; leave them out, or write what is "
                    "said in letters",
                    missing));
  return symbols.encode(written);
}

AlignedText align_file(const Transcriber& transcriber, const std::string& path, std::string_view text,
                       const std::function<void(int64_t done, int64_t expected)>& tick) {
  const SentenceDecoder& decoder = transcriber.sentence_decoder();
  const std::vector<int> labels = spelled(text, decoder.symbols());
  WholeRecording recording(decoder.symbols().size());
  const PlayedFile played = transcriber.spell(path, [&](Utterance&& utterance) { recording.add(utterance); }, tick);
  recording.fill(played.frames);

  const decoding::LogProbabilities clip = recording.view();
  const auto alignment = decoding::align(clip, labels);
  if (!alignment)
    throw std::runtime_error(
        fmt::format("{}: the text's {} letters do not fit its {} frames of 40 ms", path, labels.size(), played.frames));
  const models::Streams streams = transcriber.models().all().begin()->first;
  decoding::Hypothesis said;
  said.symbols = alignment->symbols;
  AlignedText aligned{
      played.media, {}, static_cast<double>(played.frames) / io::kFramesPerSecond, alignment->log_probability};
  for (const decoding::TimedWord& word : decoder.words(said, clip.steps(), transcriber.tuning(streams).timing))
    aligned.words.push_back({word.text, word.start_seconds, word.end_seconds, word.confidence});
  return aligned;
}

}  // namespace avsr::pipeline
