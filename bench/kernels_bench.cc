// How close the CPU kernels come to what the machine can do: each convolution of the full-size networks against the
// library's own matrix product, batch norm against copying memory. Usage:
// kernels_bench [clips] [repeats] [threads]. With one thread it counts processor time, so that other programs on the
// machine disturb it less.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <vector>

#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/onednn.h"

namespace avsr::backend {
namespace {

double now(bool processor_time) {
  timespec t{};
  clock_gettime(processor_time ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

class Bench {
 public:
  Bench(int repeats, int threads) : backend(threads), repeats_(repeats) {}

  // Seconds of the fastest of some runs, after one to warm up.
  double seconds(const std::function<void()>& run) const {
    run();
    double best = 1e9;
    for (int i = 0; i < repeats_; ++i) {
      const double start = now(backend.threads() == 1);
      run();
      best = std::min(best, now(backend.threads() == 1) - start);
    }
    return best;
  }

  void measure_machine() {
    constexpr int64_t kSize = 2048;
    const dnnl::memory::desc square({kSize, kSize}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::ab);
    Tensor a = backend.zeros({kSize, kSize}), b = backend.zeros({kSize, kSize}), c = backend.zeros({kSize, kSize});
    backend.fill(a, 0.5f);
    backend.fill(b, 0.25f);
    auto& onednn = backend.onednn();
    const auto pd = cpu::describe<dnnl::matmul>(onednn.engine(), cpu::user_scratchpad(), square, square, square);
    const dnnl::matmul product(pd);
    const double s = seconds([&] {
      onednn.run(product, pd.scratchpad_desc(),
                 {{DNNL_ARG_SRC, onednn.memory(square, a.data())},
                  {DNNL_ARG_WEIGHTS, onednn.memory(square, b.data())},
                  {DNNL_ARG_DST, onednn.memory(square, c.data())}});
    });
    peak_ = 2.0 * kSize * kSize * kSize / s;
    Tensor from = backend.zeros({64 << 20}), to = backend.zeros({64 << 20});
    const double copy = seconds([&] { backend.copy(from, to); });
    bandwidth_ = 2.0 * static_cast<double>(from.shape.count()) * sizeof(float) / copy;
    fmt::print("{}\nmatrix product {:.0f} GFLOP/s, copy {:.1f} GB/s\n\n", backend.description(), peak_ / 1e9,
               bandwidth_ / 1e9);
    fmt::print("{:<34}{:>4} {:>22} {:>22} {:>22} {:>22}\n", "convolution: ms, GFLOP/s, of peak", "x", "inference",
               "forward", "backward data", "backward weights");
  }

  // `times`: how often the network has this convolution.
  void conv(const ConvSpec& spec, const Shape& shape, int times) {
    const auto kernel = backend.conv(spec, shape);
    const Shape w_shape{spec.out_channels, spec.kernel[0], spec.kernel[1], spec.kernel[2], spec.in_channels};
    Tensor x = ramp(shape), w = ramp(w_shape), dw = backend.zeros(w_shape), bias = backend.zeros({spec.out_channels});
    Tensor blocked = x, y, dx, none, packed;
    if (spec.in_channels > 1) {
      blocked = Tensor{};
      backend.to_private(x, blocked);
    }
    kernel->forward(blocked, w, {}, y);
    kernel->pack(w, {}, packed);
    const double flops = 2.0 * static_cast<double>(kernel->output_shape().count()) *
                         static_cast<double>(w_shape.count()) / spec.out_channels;
    fmt::print("{:<34}{:>4}",
               fmt::format("{} k{}x{}x{} s{} -> {}", shape.text(), spec.kernel[0], spec.kernel[1], spec.kernel[2],
                           spec.stride[2], spec.out_channels),
               times);
    const double infer = report(flops, [&] { kernel->infer(blocked, packed, bias, {}, true, y); });
    const double forward = report(flops, [&] { kernel->forward(blocked, w, {}, y); });
    double data = 0;
    if (spec.in_channels > 1)
      data = report(flops, [&] { kernel->backward_data(y, w, dx); });
    else
      fmt::print(" {:>22}", "-");
    const double weights = report(flops, [&] { kernel->backward_weights(blocked, y, dw, none); });
    fmt::print("\n");
    inference_ += times * infer;
    training_ += times * (forward + data + weights);
  }

  void batch_norm(const Shape& shape, bool residual, int times) {
    const auto kernel =
        backend.batch_norm({.channels = static_cast<int>(shape.back()), .relu = true, .residual = residual});
    Tensor x, y, dx, dres, saved, added, plain = ramp(shape);
    backend.to_private(plain, x);
    if (residual) backend.to_private(plain, added);
    const Shape c{shape.back()};
    Tensor gamma = backend.zeros(c), beta = backend.zeros(c), mean = backend.zeros(c), variance = backend.zeros(c);
    backend.fill(gamma, 1);
    Tensor dgamma = backend.zeros(c), dbeta = backend.zeros(c), dy;
    backend.copy(x, dy);
    const double bytes = static_cast<double>(backend.storage_count(x)) * sizeof(float);
    const double forward = seconds([&] { kernel->forward(x, added, gamma, beta, mean, variance, nullptr, saved, y); });
    const double backward =
        seconds([&] { kernel->backward(x, y, dy, gamma, saved, nullptr, dx, dres, dgamma, dbeta); });
    const double forward_bytes = bytes * (residual ? 4 : 3), backward_bytes = bytes * (residual ? 7 : 5);
    fmt::print("{:<34}{:>4} {:>9.2f} {:>6.1f} {:>4.0f} % {:>9.2f} {:>6.1f} {:>4.0f} %\n",
               fmt::format("{}{}", shape.text(), residual ? " + residual" : ""), times, forward * 1e3,
               forward_bytes / forward / 1e9, 100 * forward_bytes / forward / bandwidth_, backward * 1e3,
               backward_bytes / backward / 1e9, 100 * backward_bytes / backward / bandwidth_);
    training_ += times * (forward + backward);
  }

  // PReLU and Swish, which no network of the totals has.
  void activations(const Shape& shape) {
    Tensor x, y, dx, slope = backend.zeros({shape.back()}), dslope = backend.zeros({shape.back()});
    backend.to_private(ramp(shape), x);
    const double bytes = static_cast<double>(backend.storage_count(x)) * sizeof(float);
    const auto print = [&](const char* name, double forward, double backward) {
      fmt::print("{:<38} {:>9.2f} {:>6.1f} {:>4.0f} % {:>9.2f} {:>6.1f} {:>4.0f} %\n",
                 fmt::format("{} {}", name, shape.text()), forward * 1e3, 2 * bytes / forward / 1e9,
                 200 * bytes / forward / bandwidth_, backward * 1e3, 3 * bytes / backward / 1e9,
                 300 * bytes / backward / bandwidth_);
    };
    print("prelu", seconds([&] { backend.prelu(x, slope, y); }),
          seconds([&] { backend.prelu_backward(x, slope, x, dx, dslope); }));
    print("swish", seconds([&] { backend.swish(x, y); }), seconds([&] { backend.swish_backward(x, x, dx); }));
  }

  void pool(const PoolSpec& spec, const Shape& shape) {
    const auto kernel = backend.pool(spec, shape);
    Tensor x, y, saved, dx;
    backend.to_private(ramp(shape), x);
    const double forward = seconds([&] { kernel->forward(x, saved, y); });
    const double backward = seconds([&] { kernel->backward(y, saved, dx); });
    fmt::print("{:<34}{:>4} {:>9.2f} {:>22.2f}\n", "pool " + shape.text(), 1, forward * 1e3, backward * 1e3);
    inference_ += forward;
    training_ += forward + backward;
  }

  void total(const char* name) {
    fmt::print("{:<34} inference {:.0f} ms, training {:.0f} ms\n\n", name, inference_ * 1e3, training_ * 1e3);
    inference_ = training_ = 0;
  }

  void header(const char* text) { fmt::print("{}\n", text); }

  cpu::CpuBackend backend;

 private:
  Tensor ramp(const Shape& shape) {
    std::vector<float> values(static_cast<size_t>(shape.count()));
    for (size_t i = 0; i < values.size(); ++i) values[i] = 0.01f * static_cast<float>(static_cast<int>(i % 37) - 18);
    return backend.from_values(shape, values);
  }

  double report(double flops, const std::function<void()>& run) const {
    const double s = seconds(run);
    fmt::print(" {:>9.2f} {:>5.0f} {:>4.0f} %", s * 1e3, flops / s / 1e9, 100 * flops / s / peak_);
    return s;
  }

  int repeats_;
  double peak_ = 1, bandwidth_ = 1, inference_ = 0, training_ = 0;
};

ConvSpec spec_of(int in, int out, std::array<int, 3> kernel, std::array<int, 3> stride, std::array<int, 3> padding) {
  return {.in_channels = in, .out_channels = out, .kernel = kernel, .stride = stride, .padding = padding};
}

// One residual network of basic blocks, in 2-D (side x side) or 1-D (1 x length).
void trunk(Bench& bench, int64_t frames, int64_t height, int64_t width, const std::vector<int>& blocks) {
  const std::vector<int> channels{64, 128, 256, 512};
  const bool one_d = height == 1;
  const std::array<int, 3> k = one_d ? std::array{1, 1, 3} : std::array{1, 3, 3};
  const std::array<int, 3> p = one_d ? std::array{0, 0, 1} : std::array{0, 1, 1};
  const std::array<int, 3> two = one_d ? std::array{1, 1, 2} : std::array{1, 2, 2}, one{1, 1, 1};
  std::vector<Shape> outputs;
  for (size_t i = 0; i < channels.size(); ++i) {
    if (i > 0) {
      const Shape x{frames, height, width, channels[i - 1]};
      bench.conv(spec_of(channels[i - 1], channels[i], k, two, p), x, 1);
      bench.conv(spec_of(channels[i - 1], channels[i], {1, 1, 1}, two, {0, 0, 0}), x, 1);
      height = (height + 1) / 2;
      width = (width + 1) / 2;
    }
    outputs.push_back({frames, height, width, channels[i]});
    bench.conv(spec_of(channels[i], channels[i], k, one, p), outputs.back(), 2 * blocks[i] - (i > 0 ? 1 : 0));
  }
  bench.header("batch norm: ms, GB/s, of copying; forward, backward");
  for (size_t i = 0; i < channels.size(); ++i) {
    bench.batch_norm(outputs[i], false, blocks[i] + (i > 0 ? 1 : 0));
    bench.batch_norm(outputs[i], true, blocks[i]);
  }
}

void run(int clips, int repeats, int threads) {
  Bench bench(repeats, threads);
  bench.measure_machine();
  const int64_t frames = int64_t{clips} * 29;
  bench.conv(spec_of(1, 64, {5, 7, 7}, {1, 2, 2}, {0, 3, 3}), {frames, 5, 88, 88, 1}, 1);
  bench.batch_norm({frames, 44, 44, 64}, false, 1);
  bench.pool({.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, {frames, 44, 44, 64});
  bench.header("activations: ms, GB/s, of copying; forward, backward");
  bench.activations({frames, 44, 44, 64});
  bench.total("video front-end");
  trunk(bench, frames, 22, 22, {3, 4, 6, 3});
  bench.total("video trunk");
  bench.conv(spec_of(1, 64, {1, 1, 80}, {1, 1, 4}, {0, 0, 38}), {clips, 1, 18560, 1}, 1);
  bench.batch_norm({clips, 1, 4640, 64}, false, 1);
  trunk(bench, clips, 1, 4640, {2, 2, 2, 2});
  bench.pool({.kind = PoolSpec::Kind::average, .kernel = {1, 20}, .stride = {1, 20}}, {clips, 1, 580, 512});
  bench.total("audio front-end and trunk");
}

}  // namespace
}  // namespace avsr::backend

int main(int argc, char** argv) {
  avsr::backend::run(argc > 1 ? std::atoi(argv[1]) : 8, argc > 2 ? std::atoi(argv[2]) : 5,
                     argc > 3 ? std::atoi(argv[3]) : 0);
  return 0;
}
