#include "models/network_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace avsr::models {
namespace {

using nlohmann::json;

template <typename Names, typename Enum>
const char* name_in(const Names& names, Enum value) {
  for (const auto& [v, name] : names)
    if (v == value) return name;
  throw std::invalid_argument("[network] an enumeration has an unknown value");
}

template <typename Names, typename Enum>
void read_name(const Names& names, const json& j, const char* key, Enum& value) {
  if (!j.contains(key)) return;
  const std::string text = j.at(key).get<std::string>();
  std::string known;
  for (const auto& [v, name] : names) {
    if (text == name) {
      value = v;
      return;
    }
    known += std::string(known.empty() ? "" : ", ") + name;
  }
  throw std::invalid_argument(fmt::format("[network] {}: expected one of {}, got {}", key, known, text));
}

template <typename T>
void read(const json& j, const char* key, T& value) {
  if (!j.contains(key)) return;
  try {
    j.at(key).get_to(value);
  } catch (const json::exception& e) {
    throw std::invalid_argument(fmt::format("[network] {}: {}", key, e.what()));
  }
}

// A misspelt setting must not be ignored.
void check_keys(const json& j, const std::string& where, const std::vector<std::string>& known) {
  if (!j.is_object()) throw std::invalid_argument(fmt::format("[network] {}: expected a mapping", where));
  for (const auto& [key, value] : j.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw std::invalid_argument(
          fmt::format("[network] {}: unknown setting {}; known: {}", where, key, fmt::join(known, ", ")));
}

json recurrent_json(const RecurrentConfig& c) {
  return {{"cell", name_in(kCellNames, c.cell)},
          {"layers", c.layers},
          {"hidden", c.hidden},
          {"input_dropout", c.input_dropout},
          {"hidden_dropout", c.hidden_dropout},
          {"forget_bias", c.forget_bias}};
}

void read_recurrent(const json& parent, const char* key, RecurrentConfig& c) {
  if (!parent.contains(key)) return;
  const json& j = parent.at(key);
  check_keys(j, key, {"cell", "layers", "hidden", "input_dropout", "hidden_dropout", "forget_bias"});
  read_name(kCellNames, j, "cell", c.cell);
  read(j, "layers", c.layers);
  read(j, "hidden", c.hidden);
  read(j, "input_dropout", c.input_dropout);
  read(j, "hidden_dropout", c.hidden_dropout);
  read(j, "forget_bias", c.forget_bias);
}

void read_ms_tcn(const json& parent, MsTcnConfig& c) {
  if (!parent.contains("ms_tcn")) return;
  const json& j = parent.at("ms_tcn");
  check_keys(j, "ms_tcn", {"kernels", "branch_width", "blocks", "dropout", "activation"});
  read(j, "kernels", c.kernels);
  read(j, "branch_width", c.branch_width);
  read(j, "blocks", c.blocks);
  read(j, "dropout", c.dropout);
  read_name(kActivationNames, j, "activation", c.activation);
}

void read_modality_dropout(const json& parent, ModalityDropout& c) {
  if (!parent.contains("modality_dropout")) return;
  const json& j = parent.at("modality_dropout");
  check_keys(j, "modality_dropout", {"video", "audio"});
  read(j, "video", c.video);
  read(j, "audio", c.audio);
}

void read_video(const json& parent, VideoConfig& c) {
  if (!parent.contains("video")) return;
  const json& j = parent.at("video");
  check_keys(j, "video",
             {"input", "crop", "frontend_width", "widths", "blocks", "embedding", "global_pooling", "dct_coefficients",
              "activation"});
  read_name(kVideoInputNames, j, "input", c.input);
  read(j, "crop", c.crop);
  read(j, "frontend_width", c.frontend_width);
  read(j, "widths", c.widths);
  read(j, "blocks", c.blocks);
  read(j, "embedding", c.embedding);
  read(j, "global_pooling", c.global_pooling);
  read(j, "dct_coefficients", c.dct_coefficients);
  read_name(kActivationNames, j, "activation", c.activation);
}

void read_audio(const json& parent, AudioConfig& c) {
  if (!parent.contains("audio")) return;
  const json& j = parent.at("audio");
  check_keys(j, "audio",
             {"input", "frontend_width", "widths", "blocks", "embedding", "pool", "mfcc_features", "activation"});
  read_name(kAudioInputNames, j, "input", c.input);
  read(j, "frontend_width", c.frontend_width);
  read(j, "widths", c.widths);
  read(j, "blocks", c.blocks);
  read(j, "embedding", c.embedding);
  read(j, "pool", c.pool);
  read(j, "mfcc_features", c.mfcc_features);
  read_name(kActivationNames, j, "activation", c.activation);
}

void check(bool ok, const std::string& setting, const std::string& expected) {
  if (!ok) throw std::invalid_argument(fmt::format("[network] {}: expected {}", setting, expected));
}

// Far beyond any use: what is larger is a slip or a hostile file.
constexpr int kLargestSize = 65536, kMostLayers = 1000, kMostLabels = 1'000'000;

void check_size(int size, const std::string& where) {
  check(size >= 1 && size <= kLargestSize, where, fmt::format("1 to {}, got {}", kLargestSize, size));
}

void check_embedding(int size, const std::string& where) {
  if (size != 0) check_size(size, where);
}

void check_trunk(const std::string& where, const std::vector<int>& widths, const std::vector<int>& blocks) {
  check(!widths.empty() && widths.size() == blocks.size(), where + ".widths and .blocks",
        fmt::format("as many widths as block counts, at least one; got {} and {}", widths.size(), blocks.size()));
  for (int w : widths) check_size(w, where + ".widths");
  for (int n : blocks)
    check(n >= 1 && n <= kMostLayers, where + ".blocks", fmt::format("numbers from 1 to {}, got {}", kMostLayers, n));
}

void check_recurrent(const std::string& where, const RecurrentConfig& c) {
  check(c.layers >= 1 && c.layers <= kMostLayers, where + ".layers",
        fmt::format("1 to {}, got {}", kMostLayers, c.layers));
  check_size(c.hidden, where + ".hidden");
  for (float p : {c.input_dropout, c.hidden_dropout})
    check(p >= 0 && p < 1, where + ".input_dropout and .hidden_dropout", fmt::format("0 <= p < 1, got {}", p));
  check(std::isfinite(c.forget_bias) && (c.forget_bias == 0 || c.cell == backend::Cell::lstm), where + ".forget_bias",
        fmt::format("0 but for an LSTM, got {}", c.forget_bias));
}

void check_ms_tcn(const MsTcnConfig& c) {
  check(!c.kernels.empty() && c.kernels.size() <= 16, "ms_tcn.kernels",
        fmt::format("1 to 16 kernels, got {}", c.kernels.size()));
  for (int k : c.kernels)
    check(k >= 1 && k <= 255 && k % 2 == 1, "ms_tcn.kernels", fmt::format("odd numbers from 1 to 255, got {}", k));
  check_size(c.branch_width, "ms_tcn.branch_width");
  check(c.blocks >= 1 && c.blocks <= 16, "ms_tcn.blocks", fmt::format("1 to 16, got {}", c.blocks));
  check(c.dropout >= 0 && c.dropout < 1, "ms_tcn.dropout", fmt::format("0 <= p < 1, got {}", c.dropout));
}

void check_modality_dropout(const ModalityDropout& c, Streams streams) {
  check(c.video >= 0 && c.audio >= 0 && c.video + c.audio <= 1, "modality_dropout",
        fmt::format("shares of 0 or more that are 1 or less together, got video {} and audio {}", c.video, c.audio));
  check(!c.used() || streams == Streams::audiovisual, "modality_dropout",
        fmt::format("none, because streams is {}: there is no other stream", name_in(kStreamNames, streams)));
}

// Side of the trunk's last map: the front-end halves twice, each layer but the first once more.
int last_map(const VideoConfig& c) {
  int side = c.crop;
  for (size_t i = 0; i < c.widths.size() + 1; ++i) side = (side - 1) / 2 + 1;
  return side;
}

void check_video(const VideoConfig& c, BackEnd back_end) {
  check(c.crop >= 8 && c.crop <= 1024, "video.crop", fmt::format("8 to 1024 pixels, got {}", c.crop));
  if (c.input == VideoConfig::Input::dct) {
    check_size(c.dct_coefficients, "video.dct_coefficients");
    check(c.dct_coefficients <= c.crop * c.crop, "video.dct_coefficients",
          fmt::format("{0} or fewer, as a crop of {1} x {1} has no more, got {2}", c.crop * c.crop, c.crop,
                      c.dct_coefficients));
    check(back_end != BackEnd::temporal_conv, "back_end", "another than temporal_conv, because video.input is dct");
    return;
  }
  check_trunk("video", c.widths, c.blocks);
  check_size(c.frontend_width, "video.frontend_width");
  check_embedding(c.embedding, "video.embedding");
  if (!c.global_pooling)
    check(last_map(c) == 2 || last_map(c) == 3, "video.global_pooling",
          fmt::format("true, because the last map of a crop of {} is {} x {}; the top-left 2 x 2 form wants 2 or 3",
                      c.crop, last_map(c), last_map(c)));
}

void check_audio(const AudioConfig& c, BackEnd back_end) {
  if (c.input == AudioConfig::Input::mfcc) {
    check_size(c.mfcc_features, "audio.mfcc_features");
    check(back_end != BackEnd::temporal_conv, "back_end", "another than temporal_conv, because audio.input is mfcc");
    return;
  }
  check_trunk("audio", c.widths, c.blocks);
  check_size(c.frontend_width, "audio.frontend_width");
  check_embedding(c.embedding, "audio.embedding");
  check(c.pool[0] >= 1 && c.pool[1] >= 1 && c.pool[2] >= 0 && c.pool[2] < c.pool[0], "audio.pool",
        fmt::format("kernel, stride >= 1, 0 <= padding < kernel; got {}", fmt::join(c.pool, ", ")));
}

}  // namespace

const char* name_of(Streams streams) { return name_in(kStreamNames, streams); }
const char* name_of(backend::Activation activation) { return name_in(kActivationNames, activation); }

void NetworkConfig::validate() const {
  check(labels >= 1 && labels <= kMostLabels, "labels", fmt::format("1 to {}, got {}", kMostLabels, labels));
  if (streams != Streams::audio) check_video(video, back_end);
  if (streams != Streams::video) check_audio(audio, back_end);
  check(streams != Streams::audiovisual || back_end != BackEnd::temporal_conv, "back_end",
        "recurrent, ms_tcn or none, because streams is audiovisual");
  check(streams == Streams::audiovisual || back_end != BackEnd::none, "back_end",
        fmt::format("another than none, because streams is {}: only a fusion reads a stream without its back end",
                    name_in(kStreamNames, streams)));
  if (audio_back_end) {
    const auto fits = [](BackEnd kind) { return kind == BackEnd::recurrent || kind == BackEnd::ms_tcn; };
    check(streams == Streams::audiovisual && fits(back_end) && fits(*audio_back_end), "audio_back_end",
          "recurrent or ms_tcn, in an audiovisual network whose back_end is one of them, too");
  }
  const auto has = [&](BackEnd kind) { return back_end == kind || audio_back_end == kind; };
  if (has(BackEnd::recurrent)) check_recurrent("recurrent", recurrent);
  if (has(BackEnd::ms_tcn)) check_ms_tcn(ms_tcn);
  if (streams == Streams::audiovisual) check_recurrent("fusion", fusion);
  check(!word_boundary || back_end != BackEnd::temporal_conv, "word_boundary",
        "false, because back_end is temporal_conv");
  check_modality_dropout(modality_dropout, streams);
}

void to_json(json& j, const NetworkConfig& c) {
  j = {{"streams", name_in(kStreamNames, c.streams)},
       {"back_end", name_in(kBackEndNames, c.back_end)},
       {"video",
        {{"input", name_in(kVideoInputNames, c.video.input)},
         {"crop", c.video.crop},
         {"frontend_width", c.video.frontend_width},
         {"widths", c.video.widths},
         {"blocks", c.video.blocks},
         {"embedding", c.video.embedding},
         {"global_pooling", c.video.global_pooling},
         {"dct_coefficients", c.video.dct_coefficients},
         {"activation", name_of(c.video.activation)}}},
       {"audio",
        {{"input", name_in(kAudioInputNames, c.audio.input)},
         {"frontend_width", c.audio.frontend_width},
         {"widths", c.audio.widths},
         {"blocks", c.audio.blocks},
         {"embedding", c.audio.embedding},
         {"pool", c.audio.pool},
         {"mfcc_features", c.audio.mfcc_features},
         {"activation", name_of(c.audio.activation)}}},
       {"recurrent", recurrent_json(c.recurrent)},
       {"fusion", recurrent_json(c.fusion)},
       {"ms_tcn",
        {{"kernels", c.ms_tcn.kernels},
         {"branch_width", c.ms_tcn.branch_width},
         {"blocks", c.ms_tcn.blocks},
         {"dropout", c.ms_tcn.dropout},
         {"activation", name_of(c.ms_tcn.activation)}}},
       {"word_boundary", c.word_boundary},
       {"modality_dropout", {{"video", c.modality_dropout.video}, {"audio", c.modality_dropout.audio}}},
       {"labels", c.labels}};
  if (c.audio_back_end) j["audio_back_end"] = name_in(kBackEndNames, *c.audio_back_end);
}

void from_json(const json& j, NetworkConfig& c) {
  check_keys(j, "network",
             {"streams", "back_end", "audio_back_end", "video", "audio", "recurrent", "fusion", "ms_tcn",
              "word_boundary", "modality_dropout", "labels"});
  read_name(kStreamNames, j, "streams", c.streams);
  read_name(kBackEndNames, j, "back_end", c.back_end);
  if (j.contains("audio_back_end")) read_name(kBackEndNames, j, "audio_back_end", c.audio_back_end.emplace());
  read_video(j, c.video);
  read_audio(j, c.audio);
  read_recurrent(j, "recurrent", c.recurrent);
  read_recurrent(j, "fusion", c.fusion);
  read_ms_tcn(j, c.ms_tcn);
  read(j, "word_boundary", c.word_boundary);
  read_modality_dropout(j, c.modality_dropout);
  read(j, "labels", c.labels);
}

}  // namespace avsr::models
