// Matrix products by cuBLASLt. It counts columns first, so a row-major c = a b is its c' = b' a'.
#include <cublasLt.h>

#include <algorithm>
#include <cstdint>
#include <map>

#include <fmt/format.h>

#include "models/backend/cuda/check_cuda.h"
#include "models/backend/cuda/products.h"

namespace avsr::backend::cuda {
namespace {

constexpr size_t kWorkspaceBytes = size_t{32} << 20;  // what NVIDIA advises for this generation

void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw std::runtime_error(fmt::format("[cuBLASLt] {}: {}", what, cublasLtGetStatusString(status)));
}

cudaDataType_t type_of(bool bf16) { return bf16 ? CUDA_R_16BF : CUDA_R_32F; }

// An operand as cuBLASLt sees it: the row-major (rows, columns) matrix is its column-major (columns, rows).
cublasLtMatrixLayout_t layout(int64_t rows, int64_t columns, bool bf16, int64_t count, int64_t step) {
  cublasLtMatrixLayout_t made = nullptr;
  check(cublasLtMatrixLayoutCreate(&made, type_of(bf16), static_cast<uint64_t>(columns), static_cast<uint64_t>(rows),
                                   columns),
        "a matrix layout");
  if (count > 1) {
    const auto batches = static_cast<int32_t>(count);
    check(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batches, sizeof batches),
          "a batch count");
    check(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &step, sizeof step),
          "a batch step");
  }
  return made;
}

// Bytes, powers of two, that the operands' addresses are multiples of: parameters lie in their arena without gaps, and
// an algorithm may want more than 4 bytes.
struct Alignments {
  uint32_t a, b, c;
  auto operator<=>(const Alignments&) const = default;
};

uint32_t alignment_of(const void* address) {
  const auto bits = reinterpret_cast<uintptr_t>(address);
  return static_cast<uint32_t>(std::min<uintptr_t>(bits & (~bits + 1), 256));
}

struct Plan {
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t a = nullptr, b = nullptr, c = nullptr;
  cublasLtMatmulAlgo_t algorithm{};

  Plan() = default;
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() {
    for (const auto made : {a, b, c})
      if (made) cublasLtMatrixLayoutDestroy(made);
    if (operation) cublasLtMatmulDescDestroy(operation);
  }
};

}  // namespace

struct Products::Plans {
  cublasLtHandle_t library = nullptr;
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  void* workspace = nullptr;
  struct Key {
    Product product;
    Alignments of;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, Plan> made;

  const Plan& of(const Product& product, const Alignments& alignments);
};

Products::Products(Stream& stream, Precision precision) : stream_(stream), plans_(std::make_unique<Plans>()) {
  check(cublasLtCreate(&plans_->library), "starting");
  if (precision == Precision::tf32) plans_->compute = CUBLAS_COMPUTE_32F_FAST_TF32;
  plans_->workspace = stream_.allocate(kWorkspaceBytes);
}

Products::~Products() {
  plans_->made.clear();
  stream_.free(plans_->workspace, kWorkspaceBytes);
  cublasLtDestroy(plans_->library);
}

const Plan& Products::Plans::of(const Product& product, const Alignments& alignments) {
  const auto [entry, fresh] = made.try_emplace({product, alignments});
  Plan& plan = entry->second;
  if (!fresh) return plan;
  try {
    const Product& p = product;
    check(cublasLtMatmulDescCreate(&plan.operation, p.inputs_bf16 ? CUBLAS_COMPUTE_32F : compute, CUDA_R_32F),
          "an operation");
    // Its first operand is our b, its second our a.
    const cublasOperation_t first = p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N,
                            second = p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(cublasLtMatmulDescSetAttribute(plan.operation, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first),
          "a transposition");
    check(cublasLtMatmulDescSetAttribute(plan.operation, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second),
          "a transposition");
    plan.a = layout(p.transpose_a ? p.k : p.m, p.transpose_a ? p.m : p.k, p.inputs_bf16, p.count, p.a_step);
    plan.b = layout(p.transpose_b ? p.n : p.k, p.transpose_b ? p.k : p.n, p.inputs_bf16, p.count, p.b_step);
    plan.c = layout(p.m, p.n, p.output_bf16, p.count, p.c_step);
    cublasLtMatmulPreference_t preference = nullptr;
    check(cublasLtMatmulPreferenceCreate(&preference), "a preference");
    check(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &kWorkspaceBytes,
                                               sizeof kWorkspaceBytes),
          "a workspace limit");
    const auto set_alignment = [&](cublasLtMatmulPreferenceAttributes_t operand, uint32_t bytes) {
      check(cublasLtMatmulPreferenceSetAttribute(preference, operand, &bytes, sizeof bytes), "an alignment");
    };
    set_alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignments.b);  // its a is our b
    set_alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignments.a);
    set_alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignments.c);
    set_alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignments.c);
    cublasLtMatmulHeuristicResult_t found{};
    int count = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(library, plan.operation, plan.b, plan.a, plan.c,
                                                                 plan.c, preference, 1, &found, &count);
    cublasLtMatmulPreferenceDestroy(preference);
    check(status, "choosing an algorithm");
    if (count == 0 || found.state != CUBLAS_STATUS_SUCCESS)
      throw std::runtime_error(fmt::format("[cuBLASLt] no algorithm for a product of {} x {} x {}", p.m, p.k, p.n));
    plan.algorithm = found.algo;
  } catch (...) {
    made.erase(entry);
    throw;
  }
  return plan;
}

void Products::run(const Product& product, const void* a, const void* b, void* c) {
  if (product.m == 0 || product.n == 0 || product.k == 0 || stream_.rehearsal()) return;
  const Plan& plan = plans_->of(product, {alignment_of(a), alignment_of(b), alignment_of(c)});
  const float one = 1, kept = product.accumulate ? 1 : 0;
  check(
      cublasLtMatmul(plans_->library, plan.operation, &one, b, plan.b, a, plan.a, &kept, c, plan.c, c, plan.c,
                     &plan.algorithm, plans_->workspace, kWorkspaceBytes, static_cast<cudaStream_t>(stream_.handle())),
      "a matrix product");
}

}  // namespace avsr::backend::cuda
