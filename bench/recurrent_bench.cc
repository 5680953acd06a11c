// Times of one direction pair of recurrent layers at the networks' sizes: recurrent_bench [hidden] [threads]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>

#include "models/backend/cpu/cpu_backend.h"

namespace {

using namespace avsr::backend;

// The median of a few runs, in milliseconds, after one to warm up.
double milliseconds(const std::function<void()>& run) {
  run();
  std::vector<double> times;
  for (int i = 0; i < 9; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + 4, times.end());
  return times[4];
}

std::array<DirectionParameters, 2> parameters(Backend& backend, const RecurrentSpec& spec, float value) {
  std::array<DirectionParameters, 2> p;
  const int64_t rows = gates_of(spec.cell) * spec.hidden;
  for (DirectionParameters& d : p) {
    d = {backend.zeros({rows, spec.input}), backend.zeros({rows, spec.hidden}), backend.zeros({rows}),
         backend.zeros({rows})};
    for (Tensor* t : {&d.w_ih, &d.w_hh, &d.b_ih, &d.b_hh}) backend.fill(*t, value);
  }
  return p;
}

void measure(Backend& backend, const RecurrentSpec& spec, int64_t batch, int64_t steps) {
  const auto p = parameters(backend, spec, 0.01f);
  auto gradients = parameters(backend, spec, 0);
  Tensor x = backend.zeros({batch, steps, spec.input}), dy = backend.zeros({batch, steps, 2 * spec.hidden});
  backend.fill(x, 0.1f);
  backend.fill(dy, 0.1f);
  Tensor saved, packed, y, dx;
  const auto kernel = backend.recurrent(spec, batch, steps);
  kernel->pack(p, packed);
  const double infer = milliseconds([&] { kernel->infer(x, packed, nullptr, y); });
  const double forward = milliseconds([&] { kernel->forward(x, p, nullptr, saved, y); });
  const double backward = milliseconds([&] { kernel->backward(x, y, dy, p, nullptr, saved, dx, gradients); });
  // Multiplications and additions of the matrix products; backward has twice as many.
  const double work = 4.0 * static_cast<double>(batch * steps * gates_of(spec.cell) * spec.hidden) *
                      static_cast<double>(spec.input + spec.hidden);
  fmt::print(
      "{:>4}  input {:4}  batch {:2}  inference {:7.2f} ms  forward {:7.2f} ms  backward {:7.2f} ms  {:4.0f} GFLOP/s\n",
      spec.cell == Cell::lstm ? "LSTM" : "GRU", spec.input, batch, infer, forward, backward,
      3 * work / (forward + backward) * 1e-6);
}

}  // namespace

int main(int argc, char** argv) {
  const int hidden = argc > 1 ? std::atoi(argv[1]) : 512;
  cpu::CpuBackend backend(argc > 2 ? std::atoi(argv[2]) : 0);
  fmt::print("{}, hidden {} a direction, 29 steps, medians\n", backend.description(), hidden);
  for (Cell cell : {Cell::lstm, Cell::gru})
    for (int input : {512, 2 * hidden})
      for (int64_t batch : {1, 8, 32}) measure(backend, {cell, input, hidden}, batch, 29);
}
