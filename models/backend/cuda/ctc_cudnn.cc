// CTC by cuDNN. Nothing waits for the device: labels and lengths are uploaded beside the logits, which stay where they
// are.
#include <algorithm>
#include <array>

#include "models/backend/checks.h"
#include "models/backend/cuda/ctc.h"
#include "models/backend/cuda/cudnn_handles.h"
#include "models/backend/host_ctc.h"

namespace avsr::backend::cuda {
namespace {

using CtcDescriptor = Descriptor<cudnnCTCLossDescriptor_t, cudnnCreateCTCLossDescriptor, cudnnDestroyCTCLossDescriptor>;

// Of the two algorithms the one that gives equal bits in equal runs.
constexpr cudnnCTCLossAlgo_t kAlgorithm = CUDNN_CTC_LOSS_ALGO_DETERMINISTIC;

class CudnnCtcLoss final : public CtcLoss {
 public:
  explicit CudnnCtcLoss(CudaBackend& backend) : backend_(backend), others_(backend) {
    check(cudnnCreate(&library_), "starting");
    check(cudnnSetStream(library_, static_cast<cudaStream_t>(backend.stream().handle())), "choosing the stream");
  }
  ~CudnnCtcLoss() override { cudnnDestroy(library_); }
  CudnnCtcLoss(const CudnnCtcLoss&) = delete;
  CudnnCtcLoss& operator=(const CudnnCtcLoss&) = delete;

  void run(const Tensor& logits, const Lengths* lengths, const std::vector<std::vector<int>>& labels,
           const std::vector<std::vector<decoding::StepWindow>>& windows, Tensor& losses, Tensor& dlogits) override {
    if (logits.shape.rank() != 3) reject("ctc", {"expected logits (B, T, V), got ", logits.shape.text()});
    const int64_t batch = logits.shape[0], steps = logits.shape[1], symbols = logits.shape[2];
    const Lengths valid = lengths ? *lengths : Lengths(static_cast<size_t>(batch), static_cast<int>(steps));
    check_lengths("ctc", valid, batch, steps);
    // The library knows no windows.
    const bool anywhere = std::all_of(windows.begin(), windows.end(), [](const auto& clip) { return clip.empty(); });
    if (!anywhere || !cudnn_takes(valid, labels, symbols))
      return others_.run(logits, lengths, labels, windows, losses, dlogits);
    // The library wants a clip that is as long as the batch.
    steps_first(backend_, logits, *std::max_element(valid.begin(), valid.end()), logits_);
    backend_.resize(gradient_, logits_.shape);
    backend_.resize(costs_, {batch});
    backend_.resize(dlogits, logits.shape);
    const DeviceTexts texts = upload(valid, labels);
    compute(texts, labels);
    losses_of_labels(backend_, {costs_.data(), gradient_.data(), texts.lengths, texts.text_lengths}, losses, dlogits);
  }

 private:
  struct DeviceTexts {
    const int *lengths, *text_lengths, *labels;  // labels: of all clips, one after the other
  };

  DeviceTexts upload(const Lengths& lengths, const std::vector<std::vector<int>>& labels) {
    std::vector<int> values = lengths;
    for (const std::vector<int>& text : labels) values.push_back(static_cast<int>(text.size()));
    for (const std::vector<int>& text : labels) values.insert(values.end(), text.begin(), text.end());
    const size_t bytes = values.size() * sizeof(int);
    if (!texts_ || texts_->bytes() < bytes) texts_ = backend_.allocate(2 * bytes);
    backend_.stream().upload(values.data(), texts_->data(), bytes);
    const int* first = static_cast<const int*>(texts_->data());
    return {first, first + lengths.size(), first + 2 * lengths.size()};
  }

  // costs_ and gradient_ from logits_. The library's gradient is with respect to the logits where it takes the softmax.
  void compute(const DeviceTexts& texts, const std::vector<std::vector<int>>& labels) {
    size_t longest = 0;
    for (const std::vector<int>& text : labels) longest = std::max(longest, text.size());
    check(cudnnSetCTCLossDescriptor_v9(ctc_, CUDNN_DATA_FLOAT, CUDNN_LOSS_NORMALIZATION_SOFTMAX,
                                       CUDNN_CTC_ZERO_OOB_GRADIENTS, static_cast<int>(longest)),
          "describing the CTC loss");
    const Shape& s = logits_.shape;
    const std::array<int, 3> sizes{static_cast<int>(s[0]), static_cast<int>(s[1]), static_cast<int>(s[2])};
    const std::array<int, 3> strides{sizes[1] * sizes[2], sizes[2], 1};
    check(cudnnSetTensorNdDescriptor(tensor_, CUDNN_DATA_FLOAT, 3, sizes.data(), strides.data()),
          "describing the logits of the CTC loss");
    size_t bytes = 0;
    check(cudnnGetCTCLossWorkspaceSize_v8(library_, kAlgorithm, ctc_, tensor_, tensor_, &bytes),
          "the workspace of the CTC loss");
    void* workspace = backend_.scratch(CudaBackend::Slot::workspace, std::max<size_t>(bytes, 1));
    if (backend_.stream().rehearsal()) return;
    check(cudnnCTCLoss_v8(library_, kAlgorithm, ctc_, tensor_, logits_.data(), texts.labels, texts.text_lengths,
                          texts.lengths, costs_.data(), tensor_, gradient_.data(), bytes, workspace),
          "the CTC loss");
  }

  CudaBackend& backend_;
  HostCtcLoss others_;
  cudnnHandle_t library_ = nullptr;
  CtcDescriptor ctc_;
  TensorDescriptor tensor_;
  Tensor logits_, gradient_, costs_;  // (T, B, V), (T, B, V), (B)
  std::shared_ptr<Buffer> texts_;
};

}  // namespace

std::shared_ptr<CtcLoss> make_ctc_loss(CudaBackend& backend) { return std::make_shared<CudnnCtcLoss>(backend); }

}  // namespace avsr::backend::cuda
