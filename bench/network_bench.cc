// Times the paper's networks at full size, inference and training, against the machine's own limits and PyTorch's time
// for the same network in the same run.
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "models/backend/backend.h"
#include "models/network.h"
#include "pipeline/device.h"
#include "pipeline/options.h"
#include "pipeline/pinning.h"
#include "pipeline/scorer.h"

namespace {

using namespace avsr;
using Times = std::vector<double>;

constexpr int kFrames = 29, kLabels = 500;
constexpr int64_t kSamples = kFrames * 640;

struct Settings {
  pipeline::DeviceChoice device{.name = "cpu"};
  std::string python, script, batches = "1,8";
  int repeats = 5;
  bool compile = false, inference_only = false;
};

double once_ms(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

double median(Times times) {
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

// Multiply-adds of one clip through the networks at the paper's sizes, from the shapes.
struct Work {
  double video = 0, audio = 0, fusion = 0;
};

double trunk_work(const std::vector<int>& blocks, double positions, double shrink, double kernel, double start) {
  const int widths[] = {64, 128, 256, 512};
  double work = 0, in = start;
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < blocks[i]; ++j) {
      if (i > 0 && j == 0) {
        positions = std::ceil(positions / shrink);
        work += positions * in * widths[i];  // the shortcut
      }
      work += positions * kernel * (in + widths[i]) * widths[i];
      in = widths[i];
    }
  return work;
}

double recurrent_work(double input, double hidden) {  // two bidirectional LSTM layers, a step
  return 2 * 4 * hidden * (input + hidden) + 2 * 4 * hidden * (2 * hidden + hidden);
}

Work work_of_a_clip() {
  Work work;
  // The trunk's maps are 22, 11, 6 and 3 pixels wide: not a constant ratio, so count each.
  const double sides[] = {22, 11, 6, 3};
  const int widths[] = {64, 128, 256, 512}, blocks[] = {3, 4, 6, 3};
  double video = 44. * 44 * 64 * 5 * 7 * 7, in = 64;
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < blocks[i]; ++j) {
      const double positions = sides[i] * sides[i];
      if (i > 0 && j == 0) video += positions * in * widths[i];
      video += positions * 9 * (in + widths[i]) * widths[i];
      in = widths[i];
    }
  work.video = kFrames * (video + 512. * 256 + recurrent_work(256, 512));
  work.audio =
      4640. * 64 * 80 + trunk_work({2, 2, 2, 2}, 4640, 2, 3, 64) + kFrames * (512. * 512 + recurrent_work(512, 512));
  work.fusion = kFrames * (recurrent_work(2048, 512) + 1024. * kLabels);
  return work;
}

models::Inputs random_inputs(backend::Backend& backend, int batch) {
  models::Inputs inputs;
  std::vector<uint8_t> pixels(static_cast<size_t>(batch) * kFrames * 88 * 88);
  std::vector<float> sound(static_cast<size_t>(batch) * kSamples);
  uint32_t state = 1;
  const auto next = [&] { return (state = state * 1664525u + 1013904223u) >> 8; };
  for (uint8_t& p : pixels) p = static_cast<uint8_t>(next());
  for (float& s : sound) s = static_cast<float>(next()) / (1 << 23) - 1;
  backend.resize(inputs.video, {batch, kFrames, 88, 88}, backend::DType::u8);
  backend.upload(pixels.data(), inputs.video);
  inputs.audio = backend.from_values({batch, kSamples}, sound);
  inputs.video_scale.assign(batch, 1 / 74.f);
  inputs.video_shift.assign(batch, -1.7f);
  inputs.frames.assign(batch, kFrames);
  inputs.samples.assign(batch, static_cast<int>(kSamples));
  return inputs;
}

// One network of one kind, ready to be timed.
class Subject {
 public:
  Subject(backend::Backend& backend, models::Streams streams, int batch)
      : backend_(backend), inputs_(random_inputs(backend, batch)), scorer_(backend, {}, kLabels), labels_(batch, 7) {
    models::NetworkConfig config;
    config.streams = streams;
    config.labels = kLabels;
    network_ = models::make_network(backend, config, 1);
    first_ = backend.zeros(network_->parameters().values().shape);
    second_ = backend.zeros(first_.shape);
  }
  void infer() {
    network_->forward(inputs_, models::Mode::inference, 0, steps_);
    backend_.synchronize();
  }
  void train() {
    layers::ParameterArena& arena = network_->parameters();
    arena.zero_gradients();
    const backend::Tensor& logits = network_->forward(inputs_, models::Mode::training, ++step_, steps_);
    scorer_.score(logits, steps_, labels_);
    network_->backward(scorer_.gradient());
    backend_.adam({.step = static_cast<int64_t>(step_)}, arena.gradients(), first_, second_, arena.values());
    arena.touch();
    backend_.synchronize();
  }

 private:
  backend::Backend& backend_;
  models::Inputs inputs_;
  pipeline::Scorer scorer_;
  std::vector<int> labels_;
  std::unique_ptr<models::Network> network_;
  backend::Tensor first_, second_;
  backend::Lengths steps_;
  uint64_t step_ = 0;
};

// The machine's limits: a large f32 matrix product in GFLOP/s and a copy in GB/s (bytes read and written).
struct Limits {
  Times gflops, gigabytes;
};

void measure_limits(backend::Backend& backend, Limits& limits) {
  constexpr int64_t kSide = 2048, kCopied = 256 << 20;
  const backend::Tensor x = backend.from_values({kSide, kSide}, std::vector<float>(kSide * kSide, 0.5f));
  const auto product = backend.linear(kSide, kSide);
  backend::Tensor y;
  const auto multiply = [&] {
    product->forward(x, x, {}, y);
    backend.synchronize();
  };
  multiply();
  for (int i = 0; i < 5; ++i) limits.gflops.push_back(2e-6 * kSide * kSide * kSide / once_ms(multiply));
  backend::Tensor from = backend.zeros({kCopied / 4}), to;
  const auto copy = [&] {
    backend.copy(from, to);
    backend.synchronize();
  };
  copy();
  for (int i = 0; i < 5; ++i) limits.gigabytes.push_back(2e-6 * kCopied / once_ms(copy));
}

struct Row {
  const char* streams;
  bool training;
  int batch;
  double gigaflop;
  Times ms;
};

void measure(backend::Backend& backend, const Settings& settings, std::vector<Row>& rows) {
  const Work work = work_of_a_clip();
  const struct {
    const char* name;
    models::Streams streams;
    double multiply_adds;
  } subjects[] = {{"video", models::Streams::video, work.video},
                  {"audio", models::Streams::audio, work.audio},
                  {"audiovisual", models::Streams::audiovisual, work.video + work.audio + work.fusion}};
  for (const auto& subject : subjects)
    for (const std::string& text : pipeline::split_list(settings.batches)) {
      const int batch = std::stoi(text);
      Subject timed(backend, subject.streams, batch);
      for (const bool training : {false, true}) {
        if (training && settings.inference_only) continue;
        auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& r) {
          return r.streams == subject.name && r.training == training && r.batch == batch;
        });
        if (row == rows.end())
          row = rows.insert(
              rows.end(),
              {subject.name, training, batch, 2e-9 * subject.multiply_adds * batch * (training ? 3 : 1), {}});
        const auto work_once = [&] { training ? timed.train() : timed.infer(); };
        work_once();
        work_once();
        for (int i = 0; i < settings.repeats; ++i) row->ms.push_back(once_ms(work_once));
      }
    }
}

// PyTorch's times: "MODE TASK BATCH" -> ms. Empty when there is no Python with torch.
std::map<std::string, double> measure_torch(const Settings& settings, int threads, std::string& version) {
  std::map<std::string, double> times;
  if (settings.python.empty()) return times;
  const std::string command =
      fmt::format("{} {} --threads {} --batches {} --repeats {}{}{} 2>/dev/null", settings.python, settings.script,
                  threads, settings.batches, settings.repeats, settings.compile ? " --compile" : "",
                  settings.inference_only ? " --no-training" : "");
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  char line[512];
  while (pipe && std::fgets(line, sizeof line, pipe.get())) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.contains("torch")) version = json["torch"].get<std::string>();
    if (json.contains("ms"))
      times[fmt::format("{} {} {}", json["mode"].get<std::string>(), json["task"].get<std::string>(),
                        json["batch"].get<int>())] = json["ms"];
  }
  return times;
}

void print(const std::vector<Row>& rows, const Limits& limits, const std::map<std::string, double>& torch,
           const std::string& version) {
  const double peak = median(limits.gflops);
  fmt::print("matrix product 2048^3: {:.0f} GFLOP/s; copy: {:.1f} GB/s\n\n", peak, median(limits.gigabytes));
  fmt::print("| network | task | batch | ms | clips/s | GFLOP/s | of the product's rate |");
  if (!torch.empty()) fmt::print(" torch {} ms: eager (ratio) | compile (ratio) |", version);
  fmt::print("\n|---|---|---|---|---|---|---|{}\n", torch.empty() ? "" : "---|---|");
  for (const Row& row : rows) {
    const double ms = median(row.ms), rate = row.gigaflop / ms * 1e3;
    const char* task = row.training ? "training" : "inference";
    fmt::print("| {} | {} | {} | {:.1f} | {:.2f} | {:.0f} | {:.0f} % |", row.streams, task, row.batch, ms,
               row.batch / ms * 1e3, rate, 100 * rate / peak);
    if (!torch.empty())
      for (const char* mode : {"eager", "compile"}) {
        const auto found = torch.find(fmt::format("{} {} {}", mode, task, row.batch));
        if (std::strcmp(row.streams, "audiovisual") != 0 || found == torch.end())
          fmt::print(" |");
        else
          fmt::print(" {:.1f} ({:.2f}x) |", found->second, found->second / ms);
      }
    fmt::print("\n");
  }
}

}  // namespace

int main(int argc, char** argv) try {
  namespace po = boost::program_options;
  pipeline::pin_threads(argv);
  Settings settings;
  po::options_description options("Options");
  pipeline::add_device_options(options, settings.device);
  options.add_options()("batches", po::value(&settings.batches)->default_value("1,8"),
                        "clips a batch, separated by commas")("repeats", po::value(&settings.repeats)->default_value(5),
                                                              "of each measurement, in each of two rounds")(
      "inference-only", po::bool_switch(&settings.inference_only), "no training steps")(
      "python", po::value(&settings.python), "a Python with torch, to compare with")(
      "script", po::value(&settings.script)->default_value("bench/torch_networks.py"), "its script")(
      "compile", po::bool_switch(&settings.compile), "torch.compile as well")("help,h", "this text");
  const pipeline::Parsed parsed = pipeline::parse_options(
      std::vector<std::string>(argv + 1, argv + argc), options, {}, {},
      "network_bench\n\nTimes the paper's networks at full size: two rounds, PyTorch in between, medians.",
      "network_bench --python python3 --compile");
  if (parsed.help) return 0;
  const auto backend = pipeline::open_device(settings.device);
  const int threads = settings.device.threads ? settings.device.threads : pipeline::allowed_cores();
  fmt::print("{}\n", backend->description());
  std::fflush(stdout);

  std::vector<Row> rows;
  Limits limits;
  std::string version;
  measure_limits(*backend, limits);
  measure(*backend, settings, rows);
  const auto torch = measure_torch(settings, threads, version);
  measure_limits(*backend, limits);
  if (!torch.empty()) measure(*backend, settings, rows);
  print(rows, limits, torch, version);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "network_bench: " << error.what() << "\n";
  return 1;
}
