// Convolution by cuDNN, channels last. The algorithm of each pass is chosen by measurement (AlgorithmCache).
#include <cudnn.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <stdexcept>
#include <vector>

#include "models/backend/checks.h"
#include "models/backend/cuda/algorithm_cache.h"
#include "models/backend/cuda/conv.h"
#include "models/backend/cuda/cudnn_handles.h"
#include "models/backend/cuda/depth_channels.h"

// cuDNN 9 calls these entry points of its own older interface deprecated; they run the same kernels as its graphs, for
// plain convolutions with less to describe.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace avsr::backend::cuda {
namespace {

constexpr size_t kMostWorkspace = size_t{1} << 30;
constexpr size_t kAlignment = 16;  // bytes, of every address that cuDNN is given

using FilterDescriptor = Descriptor<cudnnFilterDescriptor_t, cudnnCreateFilterDescriptor, cudnnDestroyFilterDescriptor>;
using ConvDescriptor =
    Descriptor<cudnnConvolutionDescriptor_t, cudnnCreateConvolutionDescriptor, cudnnDestroyConvolutionDescriptor>;
using ActivationDescriptor =
    Descriptor<cudnnActivationDescriptor_t, cudnnCreateActivationDescriptor, cudnnDestroyActivationDescriptor>;

}  // namespace

struct FastConvs::Library {
  explicit Library(CudaBackend& backend) : cache(algorithm_cache_path()) {
    check(cudnnCreate(&handle), "starting");
    check(cudnnSetStream(handle, static_cast<cudaStream_t>(backend.stream().handle())), "choosing the stream");
    device = fmt::format("{}, cuDNN {}", backend.stream().facts().model, cudnnGetVersion());
  }
  ~Library() { cudnnDestroy(handle); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  cudnnHandle_t handle = nullptr;
  AlgorithmCache cache;
  std::string device;  // algorithms are this device's and this library's
};

namespace {

struct Choice {
  Algorithm algorithm;
  size_t workspace_bytes = 0;
};

class CudnnConv final : public Conv {
 public:
  CudnnConv(CudaBackend& backend, cudnnHandle_t library, AlgorithmCache& cache, const std::string& device,
            const ConvSpec& spec, const Shape& x);

  // Whether the library has an algorithm for each pass.
  bool served();
  Shape output_shape() const override { return y_shape_; }
  void forward(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& y) override;
  void backward_data(const Tensor& dy, const Tensor& w, Tensor& dx) override;
  void backward_weights(const Tensor& x, const Tensor& dy, Tensor& dw, Tensor& db) override;
  void pack(const Tensor& w, const Tensor& scale, Tensor& packed) override;
  void infer(const Tensor& x, const Tensor& packed, const Tensor& b, const Tensor& residual, bool relu,
             Tensor& y) override;

 private:
  bool deep() const { return x_shape_.rank() == 5; }
  const Tensor& operand_x(const Tensor& x);
  const Tensor& operand_w(const Tensor& w);
  void check_weights(const Tensor& w) const;
  // One pass: how the library measures its algorithms, ranks them without measuring, and says what one needs.
  template <typename Performance, typename Measure, typename Rank, typename Workspace>
  struct Pass {
    using Result = Performance;
    const char* name;
    Measure measure;      // (most, count, found)
    Rank rank;            // the same
    Workspace workspace;  // (number, bytes)
  };
  template <typename Performance, typename Measure, typename Rank, typename Workspace>
  static Pass<Performance, Measure, Rank, Workspace> make_pass(const char* name, Measure measure, Rank rank,
                                                               Workspace workspace) {
    return {name, measure, rank, workspace};
  }
  auto forward_pass(const void* x, const void* w, void* y);
  auto input_pass(const void* dy, const void* w, void* dx);
  auto weight_pass(const void* x, const void* dy, void* dw);
  template <typename P>
  std::vector<typename P::Result> list(const P& pass, bool measured);
  // The algorithm of a pass: known, else the fastest measured. For deterministic runs the first that is deterministic
  // in the library's own ranking, as two measurements may disagree. Sets the math type that goes with it.
  template <typename P>
  Choice choose(std::optional<Choice>& chosen, const P& pass);
  void* workspace(size_t bytes) { return backend_.scratch(CudaBackend::Slot::workspace, bytes); }
  // True where nothing is to be computed; what measuring takes is counted.
  bool rehearses() {
    if (!backend_.stream().rehearsal()) return false;
    workspace(kMostWorkspace);
    return true;
  }
  void set_math(int math) {
    check(cudnnSetConvolutionMathType(conv_, static_cast<cudnnMathType_t>(math)), "a math type");
  }
  void convolve(const Tensor& x, const Tensor& w, Tensor& y);
  void input_gradient(const Tensor& dy, const Tensor& w, Tensor& dx);
  void weight_gradient(const Tensor& x, const Tensor& dy, Tensor& dw);
  bool infer_fused(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& residual, Tensor& y);

  CudaBackend& backend_;
  cudnnHandle_t library_;
  AlgorithmCache& cache_;
  ConvSpec spec_;
  Shape x_shape_, y_shape_;
  int64_t channels_;  // of the input as cuDNN sees it
  std::string key_;
  TensorDescriptor x_, y_, bias_;
  FilterDescriptor w_;
  ConvDescriptor conv_;
  ActivationDescriptor relu_;
  cudnnMathType_t math_;  // what the precision allows
  std::optional<Choice> forward_, backward_data_, backward_weights_;
  bool fuses_ = true;  // until the library says that it does not
  Tensor folded_x_, folded_w_, folded_dx_, converted_x_, converted_w_, converted_dy_, dw_, converted_bias_,
      kept_residual_;
};

CudnnConv::CudnnConv(CudaBackend& backend, cudnnHandle_t library, AlgorithmCache& cache, const std::string& device,
                     const ConvSpec& spec, const Shape& x)
    : backend_(backend),
      library_(library),
      cache_(cache),
      spec_(spec),
      x_shape_(x),
      y_shape_(conv_output_shape(spec, x)),
      channels_(x.rank() == 5 ? (x[1] + kChannelMultiple - 1) / kChannelMultiple * kChannelMultiple
                              : spec.in_channels) {
  const bool half = backend.activation_type() == DType::bf16;
  const cudnnDataType_t type = half ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
  const auto n = static_cast<int>(x[0]), h = static_cast<int>(x[x.rank() - 3]), w = static_cast<int>(x[x.rank() - 2]),
             c = static_cast<int>(channels_);
  check(cudnnSetTensor4dDescriptor(x_, CUDNN_TENSOR_NHWC, type, n, c, h, w), "the input");
  check(cudnnSetTensor4dDescriptor(y_, CUDNN_TENSOR_NHWC, type, n, spec.out_channels, static_cast<int>(y_shape_[1]),
                                   static_cast<int>(y_shape_[2])),
        "the output");
  check(cudnnSetTensor4dDescriptor(bias_, CUDNN_TENSOR_NHWC, type, 1, spec.out_channels, 1, 1), "the bias");
  check(cudnnSetFilter4dDescriptor(w_, type, CUDNN_TENSOR_NHWC, spec.out_channels, c, spec.kernel[1], spec.kernel[2]),
        "the weights");
  check(cudnnSetConvolution2dDescriptor(conv_, spec.padding[1], spec.padding[2], spec.stride[1], spec.stride[2],
                                        spec.dilation[1], spec.dilation[2], CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
        "the convolution");
  math_ = half ? CUDNN_TENSOR_OP_MATH : backend.precision() == Precision::tf32 ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH;
  set_math(math_);
  check(cudnnSetActivationDescriptor(relu_, CUDNN_ACTIVATION_RELU, CUDNN_NOT_PROPAGATE_NAN, 0), "ReLU");
  const char* precision = half ? "bf16" : backend.precision() == Precision::tf32 ? "tf32" : "f32";
  // Which algorithm is fast depends little on the number of images: batches of ragged clips have another one each time.
  key_ = fmt::format("{}, {}, n{} c{} h{} w{} out{} k{}x{} s{}x{} p{}x{}", device, precision,
                     std::bit_ceil(static_cast<unsigned>(std::max(n, 1))), c, h, w, spec.out_channels, spec.kernel[1],
                     spec.kernel[2], spec.stride[1], spec.stride[2], spec.padding[1], spec.padding[2]);
  if (spec.dilated()) key_ += fmt::format(" d{}x{}", spec.dilation[1], spec.dilation[2]);
}

void CudnnConv::check_weights(const Tensor& w) const {
  const Shape expected{spec_.out_channels, spec_.kernel[0], spec_.kernel[1], spec_.kernel[2], spec_.in_channels};
  check_shape("conv", "weights", w.shape, expected);
}

const Tensor& CudnnConv::operand_x(const Tensor& x) {
  check_shape("conv", "x", x.shape, x_shape_);
  if (!deep()) return backend_.as_operand(x, converted_x_);
  fold_depth(backend_, x, channels_, folded_x_);
  return folded_x_;
}

const Tensor& CudnnConv::operand_w(const Tensor& w) {
  check_weights(w);
  if (!deep()) {
    const Tensor& operand = backend_.as_operand(w, converted_w_);
    if (reinterpret_cast<uintptr_t>(operand.data<void>()) % kAlignment == 0) return operand;
    backend_.copy(operand, converted_w_);  // out of the arena, where parameters lie without gaps
    return converted_w_;
  }
  fold_depth(backend_, w, channels_, folded_w_);
  return folded_w_;
}

auto CudnnConv::forward_pass(const void* x, const void* w, void* y) {
  return make_pass<cudnnConvolutionFwdAlgoPerf_t>(
      "forward",
      [=, this](int most, int* count, auto* found) {
        return cudnnFindConvolutionForwardAlgorithmEx(library_, x_, x, w_, w, conv_, y_, y, most, count, found,
                                                      workspace(kMostWorkspace), kMostWorkspace);
      },
      [this](int most, int* count, auto* found) {
        return cudnnGetConvolutionForwardAlgorithm_v7(library_, x_, w_, conv_, y_, most, count, found);
      },
      [this](int number, size_t* bytes) {
        return cudnnGetConvolutionForwardWorkspaceSize(library_, x_, w_, conv_, y_,
                                                       static_cast<cudnnConvolutionFwdAlgo_t>(number), bytes);
      });
}

auto CudnnConv::input_pass(const void* dy, const void* w, void* dx) {
  return make_pass<cudnnConvolutionBwdDataAlgoPerf_t>(
      "backward data",
      [=, this](int most, int* count, auto* found) {
        return cudnnFindConvolutionBackwardDataAlgorithmEx(library_, w_, w, y_, dy, conv_, x_, dx, most, count, found,
                                                           workspace(kMostWorkspace), kMostWorkspace);
      },
      [this](int most, int* count, auto* found) {
        return cudnnGetConvolutionBackwardDataAlgorithm_v7(library_, w_, y_, conv_, x_, most, count, found);
      },
      [this](int number, size_t* bytes) {
        return cudnnGetConvolutionBackwardDataWorkspaceSize(library_, w_, y_, conv_, x_,
                                                            static_cast<cudnnConvolutionBwdDataAlgo_t>(number), bytes);
      });
}

auto CudnnConv::weight_pass(const void* x, const void* dy, void* dw) {
  return make_pass<cudnnConvolutionBwdFilterAlgoPerf_t>(
      "backward weights",
      [=, this](int most, int* count, auto* found) {
        return cudnnFindConvolutionBackwardFilterAlgorithmEx(library_, x_, x, y_, dy, conv_, w_, dw, most, count, found,
                                                             workspace(kMostWorkspace), kMostWorkspace);
      },
      [this](int most, int* count, auto* found) {
        return cudnnGetConvolutionBackwardFilterAlgorithm_v7(library_, x_, y_, conv_, w_, most, count, found);
      },
      [this](int number, size_t* bytes) {
        return cudnnGetConvolutionBackwardFilterWorkspaceSize(
            library_, x_, y_, conv_, w_, static_cast<cudnnConvolutionBwdFilterAlgo_t>(number), bytes);
      });
}

// What can serve, the best first. Empty where the library has nothing to say.
template <typename P>
std::vector<typename P::Result> CudnnConv::list(const P& pass, bool measured) {
  set_math(math_);  // the search heeds it, and a choice of another pass may have set its own
  std::vector<typename P::Result> found(16);
  int count = 0;
  const auto most = static_cast<int>(found.size());
  const cudnnStatus_t status =
      measured ? pass.measure(most, &count, found.data()) : pass.rank(most, &count, found.data());
  found.resize(status == CUDNN_STATUS_SUCCESS ? static_cast<size_t>(count) : 0);
  std::erase_if(found, [&](const auto& one) {
    return one.status != CUDNN_STATUS_SUCCESS || one.memory > kMostWorkspace ||
           (math_ == CUDNN_FMA_MATH && one.mathType != CUDNN_FMA_MATH) ||  // f32 means f32
           (backend_.deterministic() && one.determinism != CUDNN_DETERMINISTIC);
  });
  return found;
}

bool CudnnConv::served() {
  return !list(forward_pass(nullptr, nullptr, nullptr), false).empty() &&
         !list(input_pass(nullptr, nullptr, nullptr), false).empty() &&
         !list(weight_pass(nullptr, nullptr, nullptr), false).empty();
}

template <typename P>
Choice CudnnConv::choose(std::optional<Choice>& chosen, const P& pass) {
  const std::string key = key_ + ", " + pass.name;
  if (!chosen && !backend_.deterministic()) {
    if (const auto known = cache_.find(key)) {
      size_t bytes = 0;
      set_math(known->math);
      if (pass.workspace(known->number, &bytes) == CUDNN_STATUS_SUCCESS && bytes <= kMostWorkspace)
        chosen = Choice{*known, bytes};
    }
  }
  if (!chosen) {
    const auto found = list(pass, !backend_.deterministic());
    if (found.empty()) throw std::runtime_error(fmt::format("[cuDNN] no algorithm for {}", key));
    const auto& best = found.front();
    chosen = Choice{{static_cast<int>(best.algo), static_cast<int>(best.mathType)}, best.memory};
    if (!backend_.deterministic()) cache_.add(key, chosen->algorithm);
  }
  set_math(chosen->algorithm.math);
  return *chosen;
}

void CudnnConv::convolve(const Tensor& x, const Tensor& w, Tensor& y) {
  backend_.resize_activation(y, y_shape_);
  if (rehearses()) return;
  const Choice c = choose(forward_, forward_pass(x.data<void>(), w.data<void>(), y.data<void>()));
  const float one = 1, zero = 0;
  check(cudnnConvolutionForward(library_, &one, x_, x.data<void>(), w_, w.data<void>(), conv_,
                                static_cast<cudnnConvolutionFwdAlgo_t>(c.algorithm.number),
                                workspace(c.workspace_bytes), c.workspace_bytes, &zero, y_, y.data<void>()),
        "a convolution");
}

void CudnnConv::forward(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& y) {
  convolve(operand_x(x), operand_w(w), y);
  if (!b.empty()) add_bias_and_activate(backend_, b, {}, false, y);
}

void CudnnConv::input_gradient(const Tensor& dy, const Tensor& w, Tensor& dx) {
  if (rehearses()) return;
  const Choice c = choose(backward_data_, input_pass(dy.data<void>(), w.data<void>(), dx.data<void>()));
  const float one = 1, zero = 0;
  check(cudnnConvolutionBackwardData(library_, &one, w_, w.data<void>(), y_, dy.data<void>(), conv_,
                                     static_cast<cudnnConvolutionBwdDataAlgo_t>(c.algorithm.number),
                                     workspace(c.workspace_bytes), c.workspace_bytes, &zero, x_, dx.data<void>()),
        "a convolution's gradient of its input");
}

void CudnnConv::backward_data(const Tensor& dy, const Tensor& w, Tensor& dx) {
  check_shape("conv", "dy", dy.shape, y_shape_);
  const Tensor &gradient = backend_.as_operand(dy, converted_dy_), &weights = operand_w(w);
  if (!deep()) {
    backend_.resize_activation(dx, x_shape_);
    input_gradient(gradient, weights, dx);
    return;
  }
  backend_.resize_activation(folded_dx_, {x_shape_[0], x_shape_[2], x_shape_[3], channels_});
  input_gradient(gradient, weights, folded_dx_);
  backend_.resize_activation(dx, x_shape_);
  unfold_depth(backend_, folded_dx_, false, dx);
}

void CudnnConv::weight_gradient(const Tensor& x, const Tensor& dy, Tensor& dw) {
  if (rehearses()) return;
  const Choice c = choose(backward_weights_, weight_pass(x.data<void>(), dy.data<void>(), dw.data<void>()));
  const float one = 1, zero = 0;
  check(cudnnConvolutionBackwardFilter(library_, &one, x_, x.data<void>(), y_, dy.data<void>(), conv_,
                                       static_cast<cudnnConvolutionBwdFilterAlgo_t>(c.algorithm.number),
                                       workspace(c.workspace_bytes), c.workspace_bytes, &zero, w_, dw.data<void>()),
        "a convolution's gradient of its weights");
}

void CudnnConv::backward_weights(const Tensor& x, const Tensor& dy, Tensor& dw, Tensor& db) {
  check_shape("conv", "dy", dy.shape, y_shape_);
  check_weights(dw);
  // cuDNN wants the type of the activations here as well: one rounding of a finished sum.
  backend_.resize_activation(dw_, {spec_.out_channels, spec_.kernel[1], spec_.kernel[2], channels_});
  weight_gradient(operand_x(x), backend_.as_operand(dy, converted_dy_), dw_);
  if (deep()) {
    unfold_depth(backend_, dw_, true, dw);
  } else {
    Tensor sum = dw;
    backend_.add(dw_.reshaped(dw.shape), sum);
  }
  if (!db.empty()) backend_.add_rows(dy, dy.shape.count() / spec_.out_channels, spec_.out_channels, db.data());
}

void CudnnConv::pack(const Tensor& w, const Tensor& scale, Tensor& packed) {
  check_weights(w);
  if (!deep()) return scale_weights(backend_, w, scale, packed);
  Tensor scaled;
  scale_weights(backend_, w, scale, scaled);
  fold_depth(backend_, scaled, channels_, packed);
}

bool CudnnConv::infer_fused(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& residual, Tensor& y) {
  if (!fuses_ || b.empty() || !forward_) return false;  // the first call finds the algorithm
  set_math(forward_->algorithm.math);
  const Tensor& bias = backend_.as_operand(b, converted_bias_);
  const float one = 1, kept = residual.empty() ? 0 : 1;
  const cudnnStatus_t status = cudnnConvolutionBiasActivationForward(
      library_, &one, x_, x.data<void>(), w_, w.data<void>(), conv_,
      static_cast<cudnnConvolutionFwdAlgo_t>(forward_->algorithm.number), workspace(forward_->workspace_bytes),
      forward_->workspace_bytes, &kept, y_, residual.empty() ? y.data<void>() : residual.data<void>(), bias_,
      bias.data<void>(), relu_, y_, y.data<void>());
  fuses_ = status == CUDNN_STATUS_SUCCESS;  // else it is done in two steps from now on
  return fuses_;
}

void CudnnConv::infer(const Tensor& x, const Tensor& packed, const Tensor& b, const Tensor& residual, bool relu,
                      Tensor& y) {
  const Tensor& input = operand_x(x);
  if (!residual.empty()) check_shape("conv", "a residual", residual.shape, y_shape_);
  const bool shared = !residual.empty() && !y.empty() && residual.data<void>() == y.data<void>();
  const bool same_type = residual.empty() || residual.dtype == backend_.activation_type();
  if (!shared) backend_.resize_activation(y, y_shape_);
  if (relu && same_type && infer_fused(input, packed, b, residual, y)) return;
  Tensor added = residual;
  if (shared) {  // the convolution is about to write there
    backend_.copy(residual, kept_residual_);
    added = kept_residual_;
  }
  convolve(input, packed, y);
  if (!b.empty() || !residual.empty() || relu) add_bias_and_activate(backend_, b, added, relu, y);
}

bool multiple(int64_t channels) { return channels % kChannelMultiple == 0; }

}  // namespace

FastConvs::FastConvs(CudaBackend& backend) : backend_(backend), library_(std::make_unique<Library>(backend)) {}
FastConvs::~FastConvs() = default;

std::shared_ptr<Conv> FastConvs::make(const ConvSpec& spec, const Shape& x) {
  if (!multiple(spec.out_channels)) return nullptr;
  const bool flat = x.rank() == 4 && multiple(spec.in_channels);
  const bool folds = x.rank() == 5 && spec.in_channels == 1 && x[1] == spec.kernel[0] && spec.padding[0] == 0 &&
                     x[2] > 1 && !spec.dilated();
  if (!flat && !folds) return nullptr;
  auto conv = std::make_shared<CudnnConv>(backend_, library_->handle, library_->cache, library_->device, spec, x);
  return conv->served() ? conv : nullptr;
}

}  // namespace avsr::backend::cuda
