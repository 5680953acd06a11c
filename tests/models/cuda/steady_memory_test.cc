// The CUDA back end's memory, on the host.
#include "models/backend/cuda/cuda_backend.h"
#include "tests/models/network_fixture.h"

namespace avsr::models {
namespace {

class SteadyMemory : public NetworkFixture {};

// Allocating waits for the device: a step of a shape seen before must not.
TEST_F(SteadyMemory, NothingIsAllocatedAfterTheFirstStepOfAShape) {
  NetworkConfig config = narrow_config(Streams::audiovisual);
  config.fusion.hidden_dropout = 0.3f;
  auto& backend = dynamic_cast<backend::cuda::CudaBackend&>(*backend_);
  const auto network = make_network(backend, config, 3);
  const Inputs inputs = random_inputs(config, {25, 23}, 25);
  auto& arena = network->parameters();
  const backend::Tensor targets = backend.from_values({2, 4}, std::vector<float>{1, 0, 0, 0, 0, 1, 0, 0});
  backend::Tensor losses, probabilities, dlogits, first = backend.zeros(arena.values().shape),
                                                  second = backend.zeros(arena.values().shape);
  std::vector<int64_t> allocations;
  for (int step = 1; step <= 3; ++step) {
    arena.zero_gradients();
    backend::Lengths steps;
    const backend::Tensor& logits = network->forward(inputs, Mode::training, static_cast<uint64_t>(step), steps);
    backend.cross_entropy({})->run(logits, targets, &steps, losses, probabilities, dlogits);
    network->backward(dlogits);
    backend.adam({.step = step}, arena.gradients(), first, second, arena.values());
    arena.touch();
    allocations.push_back(backend.stream().allocations());
  }
  EXPECT_GT(allocations[0], 100);
  EXPECT_EQ(allocations[1], allocations[0]);
  EXPECT_EQ(allocations[2], allocations[0]);
}

// Batches of ever other lengths neither allocate nor wait: only a first few of them take memory.
TEST_F(SteadyMemory, LengthsNeverSeenBeforeWaitForNothing) {
  auto& backend = dynamic_cast<backend::cuda::CudaBackend&>(*backend_);
  backend::Tensor x = backend.from_values({2, 500, 1}, std::vector<float>(1000, 1));
  const auto mask = [&](int length) { backend.mask(x, {500, length}); };
  for (int length = 500; length > 400; --length) mask(length);
  const int64_t allocations = backend.stream().allocations(), waits = backend.stream().waits();
  for (int length = 400; length > 300; --length) mask(length);
  EXPECT_EQ(backend.stream().allocations(), allocations);
  EXPECT_EQ(backend.stream().waits(), waits);
  const std::vector<float> values = backend.values(x);
  EXPECT_EQ(std::count(values.begin(), values.end(), 1), 500 + 301);
}

}  // namespace
}  // namespace avsr::models
