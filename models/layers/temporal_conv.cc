#include "models/layers/temporal_conv.h"

#include "models/layers/conv_bn.h"
#include "models/layers/linear.h"
#include "models/layers/pool.h"
#include "models/layers/steps.h"

namespace avsr::layers {

void add_temporal_conv(Chain& chain, backend::Backend& backend, ParameterArena& arena, const std::string& path,
                       int width, int labels) {
  const auto conv = [](int in, int out) {
    return backend::ConvSpec{.in_channels = in, .out_channels = out, .kernel = {1, 1, 5}, .stride = {1, 1, 2}};
  };
  const ConvBn::Options relu{.activation = backend::Activation::relu};
  chain.add<ConvBn>(backend, arena, path + "/conv1", path + "/bn1", conv(width, 2 * width), relu);
  chain.add<Pool>(backend, path + "/pool",
                  backend::PoolSpec{.kind = backend::PoolSpec::Kind::max, .kernel = {1, 2}, .stride = {1, 2}});
  chain.add<ConvBn>(backend, arena, path + "/conv2", path + "/bn2", conv(2 * width, 4 * width), relu);
  chain.add<MeanOverTime>(backend);
  chain.add<LinearBn>(backend, arena, path + "/linear1", path + "/bn3", 4 * width, width, true);
  chain.add<Linear>(backend, arena, path + "/linear2", width, labels);
}

}  // namespace avsr::layers
