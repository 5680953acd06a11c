// Transcripts as text files of many kinds (docs/transcription.md).
#pragma once

#include <functional>
#include <span>
#include <string>

#include "pipeline/recognition/transcript.h"

namespace avsr::pipeline {

struct TextFormat {
  std::string name;    // as --format names it
  std::string ending;  // of its files, with the dot
  std::function<std::string(const Transcript&, const io::SubtitleOptions&)> write;
};

std::span<const TextFormat> text_formats();
// Throws std::invalid_argument naming the formats that there are.
const TextFormat& text_format(const std::string& name);

}  // namespace avsr::pipeline
