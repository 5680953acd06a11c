// The worst clips with their pictures, for the page on an evaluation.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "io/data_uri.h"
#include "pipeline/evaluation/evaluation_parts.h"
#include "preprocessing/contact_sheet.h"
#include "preprocessing/mfcc.h"

namespace avsr::pipeline {
namespace {

using nlohmann::json;

constexpr int kMostFrames = 8;      // of a strip
constexpr int kMelBands = 64;       // rows of a spectrogram
constexpr float kShownNepers = 14;  // from black to white: 61 dB of power

// Every so many frames of a clip one is shown.
int step_of(const io::Frames& mouth) { return (mouth.count + kMostFrames - 1) / kMostFrames; }

// Side by side.
io::Image strip_of(const io::Frames& mouth) {
  const int tiles = (mouth.count + step_of(mouth) - 1) / step_of(mouth);
  io::Frames strip = preprocessing::contact_sheet(mouth, tiles, kMostFrames);
  return {strip.height, strip.width, 1, std::move(strip.pixels)};
}

// A row for each mel band, the highest above; a column for each 10 ms; dark is loud, relative to the loudest place.
io::Image spectrogram_of(const io::Waveform& audio) {
  const preprocessing::Mfcc mfcc({.mel_bands = kMelBands});
  const preprocessing::Features energies = mfcc.log_mel(audio);
  io::Image image{kMelBands, energies.count, 1, {}};
  image.pixels.resize(energies.values.size());
  const float loudest = *std::max_element(energies.values.begin(), energies.values.end());
  const auto silence = static_cast<float>(std::log(mfcc.settings().log_floor));
  for (int column = 0; column < energies.count; ++column)
    for (int band = 0; band < kMelBands; ++band) {
      const float energy = std::max(energies.row(column)[band], silence);
      // A clip that is silent all over is white, not black.
      const float below = loudest - silence < 1 ? kShownNepers : std::min(loudest - energy, kShownNepers);
      *image.at(kMelBands - 1 - band, column) = static_cast<uint8_t>(std::lround(255 * below / kShownNepers));
    }
  return image;
}

json card_of(const Evaluation& evaluation, const WorstClip& clip) {
  json card{{"system", clip.system},
            {"key", clip.key},
            {"condition", evaluation.name_of(clip.condition)},
            {"said", evaluation.labels.at(static_cast<size_t>(clip.said))},
            {"heard", evaluation.labels.at(static_cast<size_t>(clip.heard))},
            {"confidence", percent_text(static_cast<double>(clip.confidence))},
            {"strip", false},
            {"spectrogram", false}};
  if (clip.mouth.count > 0) {
    const int every = step_of(clip.mouth);
    card["strip"] = io::png_data_uri(strip_of(clip.mouth));
    card["strip_text"] = fmt::format("mouth, {} frames, {}", clip.mouth.count,
                                     every == 1 ? std::string("all") : fmt::format("one of {} shown", every));
  }
  if (!clip.audio.samples.empty()) {
    card["spectrogram"] = io::png_data_uri(spectrogram_of(clip.audio));
    card["spectrogram_text"] = fmt::format("sound, {:.2f} s", clip.audio.seconds());
  }
  return card;
}

}  // namespace

void add_worst_clips(const PageSource& source, json& page) {
  page["worst"] = json::array();
  for (const WorstClip& clip : source.evaluation.worst) page["worst"].push_back(card_of(source.evaluation, clip));
  page["shows_clips"] = !source.evaluation.worst.empty();
}

}  // namespace avsr::pipeline
