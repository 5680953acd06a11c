// What hears a recording: frames in, words and segments out.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pipeline/recognition/sentence_stream.h"
#include "pipeline/recognition/sliding_windows.h"
#include "pipeline/recognition/transcript.h"
#include "pipeline/recognition/utterance_decoder.h"
#include "pipeline/recognition/word_sequence.h"

namespace avsr::pipeline {

struct Heard {
  std::vector<SpokenWord> words;
  std::vector<Segment> segments;
};

class Listener {
 public:
  virtual ~Listener() = default;
  // As StreamBuffer::push. Memory does not grow with what was pushed, but for what was found.
  virtual void push(int frames, const io::Frames& mouth, std::span<const uint8_t> face,
                    std::span<const float> audio) = 0;
  virtual Heard finish() = 0;  // no push afterwards
};

// By models of words.
std::unique_ptr<Listener> listen_for_words(const WindowSettings& settings, ClassifyWindows classify,
                                           const std::vector<std::string>& labels,
                                           const std::map<models::Streams, models::WordDecoding>& decodings, int top);

using DecodeUtterance = std::function<DecodedUtterance(const Utterance&)>;
// By models of sentences.
std::unique_ptr<Listener> listen_for_sentences(const SentenceStreamSettings& settings, SpellWindows spell,
                                               DecodeUtterance decode);

}  // namespace avsr::pipeline
