#include "pipeline/recognition/listener.h"

#include <utility>

namespace avsr::pipeline {
namespace {

class WordListener : public Listener {
 public:
  WordListener(const WindowSettings& settings, ClassifyWindows classify, const std::vector<std::string>& labels,
               const std::map<models::Streams, models::WordDecoding>& decodings, int top)
      : sequence_(labels, decodings, top),
        windows_(settings, std::move(classify),
                 [this](const Answer& answer, std::span<const float> row) { sequence_.add(answer, row); }) {}

  void push(int frames, const io::Frames& mouth, std::span<const uint8_t> face, std::span<const float> audio) override {
    windows_.push(frames, mouth, face, audio);
  }
  Heard finish() override {
    windows_.finish();
    sequence_.finish(windows_.times());
    return {sequence_.words(), sequence_.segments()};
  }

 private:
  WordSequence sequence_;
  SlidingWindows windows_;
};

class SentenceListener : public Listener {
 public:
  SentenceListener(const SentenceStreamSettings& settings, SpellWindows spell, DecodeUtterance decode)
      : decode_(std::move(decode)),
        stream_(settings, std::move(spell), [this](Utterance&& utterance) { take(utterance); }) {}

  void push(int frames, const io::Frames& mouth, std::span<const uint8_t> face, std::span<const float> audio) override {
    stream_.push(frames, mouth, face, audio);
  }
  Heard finish() override {
    stream_.finish();
    return std::move(heard_);
  }

 private:
  void take(const Utterance& utterance) {
    DecodedUtterance decoded = decode_(utterance);
    heard_.segments.push_back(std::move(decoded.segment));
    heard_.words.insert(heard_.words.end(), decoded.words.begin(), decoded.words.end());
  }

  DecodeUtterance decode_;
  Heard heard_;
  SentenceStream stream_;
};

}  // namespace

std::unique_ptr<Listener> listen_for_words(const WindowSettings& settings, ClassifyWindows classify,
                                           const std::vector<std::string>& labels,
                                           const std::map<models::Streams, models::WordDecoding>& decodings, int top) {
  return std::make_unique<WordListener>(settings, std::move(classify), labels, decodings, top);
}

std::unique_ptr<Listener> listen_for_sentences(const SentenceStreamSettings& settings, SpellWindows spell,
                                               DecodeUtterance decode) {
  return std::make_unique<SentenceListener>(settings, std::move(spell), std::move(decode));
}

}  // namespace avsr::pipeline
