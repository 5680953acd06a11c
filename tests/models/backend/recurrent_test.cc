#include "tests/models/backend/gradient_check.h"

namespace avsr::backend {
namespace {

using testing::dot;
using testing::doubles;
using testing::Doubles;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// One direction's parameters, in double.
struct Reference {
  Doubles w_ih, w_hh, b_ih, b_hh;
};

struct Sizes {
  int64_t batch, steps, input, hidden;
};

double sigmoid(double v) { return 1 / (1 + std::exp(-v)); }

// W v + b for the rows of one gate.
Doubles affine(const Doubles& w, const Doubles& b, const Doubles& v, int64_t gate, int64_t hidden) {
  Doubles y(static_cast<size_t>(hidden));
  for (size_t h = 0; h < y.size(); ++h) {
    const size_t row = static_cast<size_t>(gate * hidden) + h;
    y[h] = b[row];
    for (size_t i = 0; i < v.size(); ++i) y[h] += w[row * v.size() + i] * v[i];
  }
  return y;
}

// The cells as PyTorch's documentation of torch.nn.LSTM, GRU and RNN writes them. h and c are the state.
void step(Cell cell, const Reference& p, const Doubles& x, Doubles& h, Doubles& c) {
  const auto hidden = static_cast<int64_t>(h.size());
  std::array<Doubles, 4> in, back;
  for (int g = 0; g < gates_of(cell); ++g) {
    in[static_cast<size_t>(g)] = affine(p.w_ih, p.b_ih, x, g, hidden);
    back[static_cast<size_t>(g)] = affine(p.w_hh, p.b_hh, h, g, hidden);
  }
  const auto sum = [&](size_t g, size_t k) { return in[g][k] + back[g][k]; };
  for (size_t k = 0; k < h.size(); ++k) {
    if (cell == Cell::lstm) {
      c[k] = sigmoid(sum(1, k)) * c[k] + sigmoid(sum(0, k)) * std::tanh(sum(2, k));
      h[k] = sigmoid(sum(3, k)) * std::tanh(c[k]);
    } else if (cell == Cell::gru) {
      const double r = sigmoid(sum(0, k)), z = sigmoid(sum(1, k));
      h[k] = (1 - z) * std::tanh(in[2][k] + r * back[2][k]) + z * h[k];
    } else {
      h[k] = std::tanh(sum(0, k));
    }
  }
}

Doubles reference(Cell cell, const Sizes& s, const Doubles& x, const std::array<Reference, 2>& p,
                  const Lengths& lengths) {
  Doubles y(static_cast<size_t>(s.batch * s.steps * 2 * s.hidden), 0.0);
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t direction = 0; direction < 2; ++direction) {
      Doubles h(static_cast<size_t>(s.hidden), 0.0), c = h;
      const int64_t length = lengths[static_cast<size_t>(b)];
      for (int64_t k = 0; k < length; ++k) {
        const int64_t row = b * s.steps + (direction == 0 ? k : length - 1 - k);
        const auto at = x.begin() + row * s.input;
        step(cell, p[static_cast<size_t>(direction)], Doubles(at, at + s.input), h, c);
        std::copy(h.begin(), h.end(), y.begin() + (row * 2 + direction) * s.hidden);
      }
    }
  return y;
}

std::array<DirectionParameters, 2> random_parameters(Backend& backend, Cell cell, const Sizes& s, uint32_t seed) {
  std::array<DirectionParameters, 2> p;
  const int64_t rows = gates_of(cell) * s.hidden;
  for (DirectionParameters& d : p) {
    d.w_ih = testing::random_tensor(backend, {rows, s.input}, seed++, 0.7f);
    d.w_hh = testing::random_tensor(backend, {rows, s.hidden}, seed++, 0.7f);
    d.b_ih = testing::random_tensor(backend, {rows}, seed++);
    d.b_hh = testing::random_tensor(backend, {rows}, seed++);
  }
  return p;
}

std::array<Tensor*, 4> tensors(DirectionParameters& p) { return {&p.w_ih, &p.w_hh, &p.b_ih, &p.b_hh}; }

std::array<Reference, 2> in_double(Backend& backend, const std::array<DirectionParameters, 2>& p) {
  std::array<Reference, 2> r;
  for (size_t d = 0; d < 2; ++d)
    r[d] = {doubles(backend, p[d].w_ih), doubles(backend, p[d].w_hh), doubles(backend, p[d].b_ih),
            doubles(backend, p[d].b_hh)};
  return r;
}

struct Case {
  Cell cell;
  Sizes sizes;
  Lengths lengths;  // empty: all valid
};

class RecurrentTest : public ::testing::TestWithParam<Case> {
 protected:
  const Lengths* lengths() const { return GetParam().lengths.empty() ? nullptr : &GetParam().lengths; }
  Lengths filled_lengths() const {
    const Sizes& s = GetParam().sizes;
    return lengths() ? *lengths() : Lengths(static_cast<size_t>(s.batch), static_cast<int>(s.steps));
  }
  std::shared_ptr<Recurrent> kernel(int64_t batch, int64_t steps) {
    const auto& [cell, s, unused] = GetParam();
    return backend_.recurrent({cell, static_cast<int>(s.input), static_cast<int>(s.hidden)}, batch, steps);
  }

  std::unique_ptr<Backend> made_ = test::make_test_backend(2);
  Backend& backend_ = *made_;
};

TEST_P(RecurrentTest, ForwardIsTheCellByHand) {
  const auto& [cell, s, unused] = GetParam();
  const Tensor x = testing::random_tensor(backend_, {s.batch, s.steps, s.input}, 1);
  const auto p = random_parameters(backend_, cell, s, 10);
  const Doubles expected = reference(cell, s, doubles(backend_, x), in_double(backend_, p), filled_lengths());
  const auto k = kernel(s.batch, s.steps);
  const Shape answer{s.batch, s.steps, 2 * s.hidden};
  Tensor saved, packed, y = testing::filled(backend_, answer, kInfinity);
  k->forward(x, p, lengths(), saved, y);
  testing::expect_near(backend_.values(y), expected, 2e-6, "y of training");
  k->pack(p, packed);
  for (int i = 0; i < 2; ++i) {  // infer leaves the packed weights as they are
    y = testing::filled(backend_, answer, kInfinity);
    k->infer(x, packed, lengths(), y);
    testing::expect_near(backend_.values(y), expected, 2e-6, "y of inference");
  }
}

TEST_P(RecurrentTest, GradientsAreDifferencesOfTheReference) {
  const auto& [cell, s, unused] = GetParam();
  const Tensor x = testing::random_tensor(backend_, {s.batch, s.steps, s.input}, 2);
  auto p = random_parameters(backend_, cell, s, 20);
  // dy is not zero beyond the lengths: the kernel must not look there.
  const Tensor dy = testing::random_tensor(backend_, {s.batch, s.steps, 2 * s.hidden}, 3);
  auto gradients = random_parameters(backend_, cell, s, 30);  // noise, to be added to
  std::array<std::array<std::vector<float>, 4>, 2> before;
  for (size_t d = 0; d < 2; ++d)
    for (size_t i = 0; i < 4; ++i) before[d][i] = backend_.values(*tensors(gradients[d])[i]);
  Tensor saved, y, dx = testing::filled(backend_, x.shape, kInfinity);
  const auto k = kernel(s.batch, s.steps);
  k->forward(x, p, lengths(), saved, y);
  k->backward(x, y, dy, p, lengths(), saved, dx, gradients);

  Doubles input = doubles(backend_, x);
  std::array<Reference, 2> r = in_double(backend_, p);
  const Doubles weights = doubles(backend_, dy);
  const Lengths valid = filled_lengths();
  const auto loss = [&, c = cell, sizes = s] { return dot(reference(c, sizes, input, r, valid), weights); };
  testing::expect_gradient(loss, input, backend_.values(dx), 2e-4, "dx");
  for (size_t d = 0; d < 2; ++d) {
    const std::array<Doubles*, 4> values{&r[d].w_ih, &r[d].w_hh, &r[d].b_ih, &r[d].b_hh};
    const std::array<const char*, 4> names{"dw_ih", "dw_hh", "db_ih", "db_hh"};
    for (size_t i = 0; i < 4; ++i) {
      const auto added = testing::difference(backend_.values(*tensors(gradients[d])[i]), before[d][i]);
      testing::expect_gradient(loss, *values[i], added, 2e-4, names[i], 60);
    }
  }
}

TEST_P(RecurrentTest, RaggedBatchIsEachClipAlone) {
  const auto& [cell, s, unused] = GetParam();
  const Lengths given = filled_lengths();
  const std::vector<float> x = testing::random_values(s.batch * s.steps * s.input, 4);
  const std::vector<float> dy = testing::random_values(s.batch * s.steps * 2 * s.hidden, 5);
  const auto p = random_parameters(backend_, cell, s, 40);
  const auto zeros = [&] {
    auto z = random_parameters(backend_, cell, s, 0);
    for (auto& d : z)
      for (Tensor* t : tensors(d)) backend_.fill(*t, 0);
    return z;
  };
  auto together = zeros(), alone = zeros();
  const auto run = [&](const Tensor& input, const Tensor& gradient, const Lengths* valid, auto& sums) {
    Tensor saved, y, dx;
    const auto k = kernel(input.shape[0], input.shape[1]);
    k->forward(input, p, valid, saved, y);
    k->backward(input, y, gradient, p, valid, saved, dx, sums);
    return std::pair(backend_.values(y), backend_.values(dx));
  };
  const auto [y, dx] = run(backend_.from_values({s.batch, s.steps, s.input}, x),
                           backend_.from_values({s.batch, s.steps, 2 * s.hidden}, dy), &given, together);
  for (int64_t b = 0; b < s.batch; ++b) {
    const int64_t length = given[static_cast<size_t>(b)];
    if (length == 0) continue;
    const auto part = [&](const std::vector<float>& v, int64_t columns) {
      const auto at = v.begin() + b * s.steps * columns;
      return std::vector<float>(at, at + length * columns);
    };
    const auto [y1, dx1] = run(backend_.from_values({1, length, s.input}, part(x, s.input)),
                               backend_.from_values({1, length, 2 * s.hidden}, part(dy, 2 * s.hidden)), nullptr, alone);
    testing::expect_near(part(y, 2 * s.hidden), doubles(y1), 2e-6, "y");
    testing::expect_near(part(dx, s.input), doubles(dx1), 5e-6, "dx");
  }
  for (size_t d = 0; d < 2; ++d)
    for (size_t i = 0; i < 4; ++i)
      testing::expect_near(backend_.values(*tensors(together[d])[i]), doubles(backend_, *tensors(alone[d])[i]), 2e-5,
                           "parameter gradients");
}

INSTANTIATE_TEST_SUITE_P(
    Cells, RecurrentTest,
    ::testing::Values(Case{Cell::lstm, {2, 4, 3, 5}, {}}, Case{Cell::lstm, {3, 6, 4, 3}, {6, 2, 0}},
                      Case{Cell::lstm, {3, 5, 33, 18}, {4, 5, 1}}, Case{Cell::lstm, {1, 7, 16, 32}, {}},
                      Case{Cell::gru, {2, 4, 3, 5}, {}}, Case{Cell::gru, {3, 6, 4, 3}, {6, 2, 1}},
                      Case{Cell::gru, {3, 5, 33, 18}, {4, 5, 1}}, Case{Cell::rnn, {2, 4, 3, 5}, {}},
                      Case{Cell::rnn, {3, 5, 33, 18}, {4, 5, 1}}));

TEST(Recurrent, RefusesAnotherShape) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  const Sizes s{2, 3, 4, 5};
  const auto p = random_parameters(backend, Cell::lstm, s, 1);
  const auto kernel = backend.recurrent({Cell::lstm, 4, 5}, 2, 3);
  Tensor saved, y;
  EXPECT_THROW(kernel->forward(backend.zeros({2, 4, 4}), p, nullptr, saved, y), std::invalid_argument);
  const Lengths too_long{3, 4};
  EXPECT_THROW(kernel->forward(backend.zeros({2, 3, 4}), p, &too_long, saved, y), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::backend
