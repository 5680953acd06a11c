// The sizes of a network, as stored in a model file. Defaults are the paper's (Petridis et al. 2018).
#pragma once

#include <array>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/backend/kernels.h"

namespace avsr::models {

enum class Streams : uint8_t { audio, video, audiovisual };
enum class BackEnd : uint8_t { temporal_conv, recurrent, ms_tcn, none };

const char* name_of(Streams streams);  // "audio", "video", "audiovisual"
const char* name_of(backend::Activation activation);

struct RecurrentConfig {
  backend::Cell cell = backend::Cell::lstm;
  int layers = 2;
  int hidden = 512;          // per direction
  float input_dropout = 0;   // on the first layer's input
  float hidden_dropout = 0;  // on each further layer's input and on the head's
  // Added to the forget gates' first biases (LSTM): 1 lets untrained cells remember for many steps (Gers, Schmidhuber
  // and Cummins 2000), which shortens training; 0 is PyTorch's start.
  float forget_bias = 0;
};

// The multi-scale temporal convolutional network of Martinez et al. 2020 (layers/ms_tcn.h).
struct MsTcnConfig {
  std::vector<int> kernels{3, 5, 7};  // one branch each; odd
  int branch_width = 256;             // channels of each branch
  int blocks = 4;                     // dilations 1, 2, 4, 8
  float dropout = 0.2f;               // behind each convolution of a block
  backend::Activation activation = backend::Activation::relu;
};

// In training an audiovisual network now and then gets only one stream of a clip, and so learns to do with it. What it
// gets in place of the other: Inputs::video_present.
struct ModalityDropout {
  float video = 0, audio = 0;  // the share of clips without it; together at most 1
  bool used() const { return video > 0 || audio > 0; }
};

struct VideoConfig {
  enum class Input : uint8_t { frames, dct } input = Input::frames;
  int crop = 88;  // pixels, square
  int frontend_width = 64;
  std::vector<int> widths{64, 128, 256, 512};
  std::vector<int> blocks{3, 4, 6, 3};  // ResNet-34; {2, 2, 2, 2} is ResNet-18
  int embedding = 256;                  // 0: none, the pooled maps go straight to the back-end
  bool global_pooling = true;           // false: AvgPool2d(2) of the top-left 2x2, as in the public weights
  int dct_coefficients = 30;            // of the dct input, lowest frequencies first; their derivatives follow
  backend::Activation activation = backend::Activation::relu;

  int features() const {  // of each frame
    if (input == Input::dct) return 3 * dct_coefficients;
    return embedding > 0 ? embedding : widths.back();
  }
};

struct AudioConfig {
  enum class Input : uint8_t { waveform, mfcc } input = Input::waveform;
  int frontend_width = 64;
  std::vector<int> widths{64, 128, 256, 512};
  std::vector<int> blocks{2, 2, 2, 2};  // 1-D ResNet-18
  int embedding = 512;                  // 0: none, the pooled maps go straight to the back-end
  std::array<int, 3> pool{20, 20, 0};   // kernel, stride, padding: 40 ms steps; {21, 21, 1} for 19456 samples
  int mfcc_features = 39;               // of the mfcc input: 13 with deltas, four 10 ms windows a step joined
  backend::Activation activation = backend::Activation::relu;

  int features() const { return embedding > 0 ? embedding : widths.back(); }  // of each step of a waveform
};

// What these values are called in model files and recipes.
inline constexpr std::pair<Streams, const char*> kStreamNames[] = {
    {Streams::audio, "audio"}, {Streams::video, "video"}, {Streams::audiovisual, "audiovisual"}};
inline constexpr std::pair<BackEnd, const char*> kBackEndNames[] = {{BackEnd::temporal_conv, "temporal_conv"},
                                                                    {BackEnd::recurrent, "recurrent"},
                                                                    {BackEnd::ms_tcn, "ms_tcn"},
                                                                    {BackEnd::none, "none"}};
inline constexpr std::pair<VideoConfig::Input, const char*> kVideoInputNames[] = {
    {VideoConfig::Input::frames, "frames"}, {VideoConfig::Input::dct, "dct"}};
inline constexpr std::pair<AudioConfig::Input, const char*> kAudioInputNames[] = {
    {AudioConfig::Input::waveform, "waveform"}, {AudioConfig::Input::mfcc, "mfcc"}};
inline constexpr std::pair<backend::Activation, const char*> kActivationNames[] = {
    {backend::Activation::relu, "relu"}, {backend::Activation::prelu, "prelu"}, {backend::Activation::swish, "swish"}};
inline constexpr std::pair<backend::Cell, const char*> kCellNames[] = {
    {backend::Cell::lstm, "lstm"}, {backend::Cell::gru, "gru"}, {backend::Cell::rnn, "rnn"}};

struct NetworkConfig {
  Streams streams = Streams::audiovisual;
  // Of each stream; the fusion is always recurrent. None: the fusion reads the streams' embeddings, joined.
  BackEnd back_end = BackEnd::recurrent;
  // Of an audiovisual network's audio stream where it has another one than its video stream: recurrent or ms_tcn.
  std::optional<BackEnd> audio_back_end;
  VideoConfig video;
  AudioConfig audio;
  RecurrentConfig recurrent;  // of each stream
  RecurrentConfig fusion;
  MsTcnConfig ms_tcn;  // of a single stream with that back end
  // One more feature at each step of each stream's embedding: 1 inside the word, 0 outside (Inputs::word_boundary). Not
  // with the temporal-conv back end.
  bool word_boundary = false;
  ModalityDropout modality_dropout;  // of an audiovisual network
  int labels = 500;

  // Of one stream, video or audio.
  BackEnd back_end_of(Streams stream) const {
    return stream == Streams::audio && audio_back_end ? *audio_back_end : back_end;
  }
  void validate() const;  // throws std::invalid_argument naming the setting
};

void to_json(nlohmann::json& j, const NetworkConfig& config);
void from_json(const nlohmann::json& j, NetworkConfig& config);

}  // namespace avsr::models
