#include "bench/work_count.h"

#include <stdexcept>

#include "io/clip.h"

namespace avsr::bench {
namespace {

// Images of one clip, or its waveform as one image of height 1.
struct Map {
  double images = 1;
  int height = 1, width = 1;
  double positions() const { return images * height * width; }
};

int reduced(int size, int kernel, int stride, int padding) { return (size + 2 * padding - kernel) / stride + 1; }

Map halved(const Map& map) { return {map.images, reduced(map.height, 1, 2, 0), reduced(map.width, 1, 2, 0)}; }

class Counter {
 public:
  // trains_below: the gradient with respect to the input is wanted.
  void conv_bn(const Map& from, int in, const Map& to, int out, int kernel, bool residual, bool trains_below = true) {
    const double x = from.positions() * in, y = to.positions() * out, weights = static_cast<double>(kernel) * in * out;
    work.multiply_adds += to.positions() * weights;
    work.parameters += weights + 2.0 * out;
    work.inference_values += x + y + (residual ? y : 0);
    work.training_values += (trains_below ? 3 : 2) * (x + y) + batch_norm_values(y, residual);
  }

  void pool(double x, double y) {
    work.inference_values += x + y;
    work.training_values += 2 * (x + y);
  }

  void linear(double rows, int in, int out) {
    work.multiply_adds += rows * in * out;
    work.parameters += (in + 1.0) * out;
    work.inference_values += rows * (in + out);
    work.training_values += 3 * rows * (in + out);
  }

  void linear_bn(double rows, int in, int out) {
    linear(rows, in, out);
    work.parameters += 2.0 * out;
    work.inference_values += 2 * rows * out;
    work.training_values += batch_norm_values(rows * out, false);
  }

  void recurrent(const models::RecurrentConfig& config, int input, double steps) {
    for (int layer = 0; layer < config.layers; ++layer) {
      const double gates = 2.0 * backend::gates_of(config.cell) * config.hidden;  // of both directions
      work.multiply_adds += steps * gates * (input + config.hidden);
      work.parameters += gates * (input + config.hidden + 2);
      work.inference_values += steps * (input + 2 * config.hidden);
      work.training_values += 3 * steps * (input + 2 * config.hidden);
      input = 2 * config.hidden;
    }
  }

  // Residual blocks of two convolutions; the first of each width but the first width halves the map. Returns the last
  // map; `width` becomes its channels.
  Map trunk(Map map, const std::vector<int>& widths, const std::vector<int>& blocks, int kernel, int& width) {
    for (size_t i = 0; i < widths.size(); ++i)
      for (int j = 0; j < blocks[i]; ++j) {
        const Map to = i > 0 && j == 0 ? halved(map) : map;
        const bool shortcut = (i > 0 && j == 0) || width != widths[i];
        conv_bn(map, width, to, widths[i], kernel, false);
        if (shortcut) conv_bn(map, width, to, widths[i], 1, false);
        conv_bn(to, widths[i], to, widths[i], kernel, true);
        width = widths[i];
        map = to;
      }
    return map;
  }

  Work work;

 private:
  // Forward: statistics, then normalising, which also reads the residual. Backward: sums, then the gradient; behind a
  // residual sum the mask of the ReLU is read, and the masked gradient written.
  static double batch_norm_values(double y, bool residual) { return (residual ? 4 + 7 : 3 + 5) * y; }
};

void count_video(Counter& counter, const models::VideoConfig& config, int frames) {
  const Map pixels{static_cast<double>(frames), config.crop, config.crop}, front = halved(pixels);
  int width = config.frontend_width;
  counter.conv_bn(pixels, 1, front, width, 5 * 7 * 7, false, false);
  const Map pooled = halved(front);
  counter.pool(front.positions() * width, pooled.positions() * width);
  const Map last = counter.trunk(pooled, config.widths, config.blocks, 3 * 3, width);
  const double seen = config.global_pooling ? last.positions() : 4.0 * frames;
  counter.pool(seen * width, 1.0 * frames * width);
  if (config.embedding > 0) counter.linear_bn(frames, width, config.embedding);
}

void count_audio(Counter& counter, const models::AudioConfig& config, int frames) {
  const Map samples{1, 1, frames * io::kSamplesPerFrame}, front{1, 1, reduced(samples.width, 80, 4, 38)};
  int width = config.frontend_width;
  counter.conv_bn(samples, 1, front, width, 80, false, false);
  const Map last = counter.trunk(front, config.widths, config.blocks, 3, width);
  const int steps = reduced(last.width, config.pool[0], config.pool[1], config.pool[2]);
  counter.pool(last.positions() * width, 1.0 * steps * width);
  if (config.embedding > 0) counter.linear(steps, width, config.embedding);
}

int audio_width(const models::AudioConfig& config) {
  constexpr int kMfccPerStep = 4;  // 10 ms windows, joined
  return config.input == models::AudioConfig::Input::mfcc ? kMfccPerStep * config.mfcc_features : config.features();
}

}  // namespace

const char* name_of(Task task) { return task == Task::training ? "training" : "inference"; }

Work work_of_clip(const models::NetworkConfig& config, int frames) {
  if (config.back_end != models::BackEnd::recurrent)
    throw std::invalid_argument("[bench] expected a recurrent back-end: the work of the others is not counted");
  Counter counter;
  if (config.streams != models::Streams::audio) {
    if (config.video.input == models::VideoConfig::Input::frames) count_video(counter, config.video, frames);
    counter.recurrent(config.recurrent, config.video.features(), frames);
  }
  if (config.streams != models::Streams::video) {
    if (config.audio.input == models::AudioConfig::Input::waveform) count_audio(counter, config.audio, frames);
    counter.recurrent(config.recurrent, audio_width(config.audio), frames);
  }
  if (config.streams == models::Streams::audiovisual)
    counter.recurrent(config.fusion, 4 * config.recurrent.hidden, frames);
  const models::RecurrentConfig& last =
      config.streams == models::Streams::audiovisual ? config.fusion : config.recurrent;
  counter.linear(frames, 2 * last.hidden, config.labels);
  return counter.work;
}

double flop_of(const Work& work, Task task, int batch) {
  return (task == Task::training ? 6 : 2) * work.multiply_adds * batch;
}

double bytes_of(const Work& work, Task task, int batch, size_t bytes_per_activation) {
  const double values = task == Task::training ? work.training_values : work.inference_values;
  const double passes_over_parameters = task == Task::training ? 3 + 7 : 1;
  return values * batch * static_cast<double>(bytes_per_activation) +
         work.parameters * passes_over_parameters * sizeof(float);
}

}  // namespace avsr::bench
