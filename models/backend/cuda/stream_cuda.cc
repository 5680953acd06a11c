// The device as a GPU.
#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "models/backend/backend.h"
#include "models/backend/cuda/check_cuda.h"
#include "models/backend/cuda/stream.h"

namespace avsr::backend::cuda {
namespace {

// Compute capabilities this plug-in holds code for: AVSR_CUDA_ARCHITECTURES, "80;90;100". Code for X.0 runs on X.Y.
bool built_for(int major) {
  constexpr int kMajors[] = {AVSR_CUDA_MAJORS};
  for (const int known : kMajors)
    if (known == major) return true;
  return false;
}

cudaDeviceProp usable_device(int device) {
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
    throw std::runtime_error("there is no NVIDIA driver on this machine");
  int count = 0;
  if (const cudaError_t status = cudaGetDeviceCount(&count); status != cudaSuccess || count == 0)
    throw std::runtime_error(
        status == cudaErrorInsufficientDriver
            ? fmt::format("the driver is for CUDA {}.{}, older than the {} that this program wants: update the driver",
                          driver / 1000, driver % 1000 / 10, AVSR_CUDA_VERSION)
            : fmt::format("no GPU: {}", cudaGetErrorString(status)));
  if (device >= count) throw std::runtime_error(fmt::format("there are {} GPUs, counted from 0", count));
  cudaDeviceProp facts{};
  check(cudaGetDeviceProperties(&facts, device), "device properties");
  if (!built_for(facts.major))
    throw std::runtime_error(fmt::format("{} has compute capability {}.{}, and this program is built for {}",
                                         facts.name, facts.major, facts.minor, AVSR_CUDA_ARCHITECTURES));
  return facts;
}

}  // namespace

constexpr size_t kStagingBytes = size_t{4} << 20, kStagingPlaces = 16;

// Pinned memory that uploads go through, so that the host's memory is free at once and nothing waits for the device
// unless as many uploads as there are places are still under way: more than a step makes.
struct Stream::Staging {
  struct Place {
    void* memory = nullptr;
    cudaEvent_t copied = nullptr;
  };

  Staging() {
    for (Place& place : places) {
      check(cudaMallocHost(&place.memory, kStagingBytes), "pinned memory");
      check(cudaEventCreateWithFlags(&place.copied, cudaEventDisableTiming), "an event");
    }
  }
  ~Staging() {
    for (Place& place : places) {
      cudaFreeHost(place.memory);
      cudaEventDestroy(place.copied);
    }
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // The next place, once what it held last is on the device.
  const Place& next() {
    const Place& place = places[turn++ % kStagingPlaces];
    check(cudaEventSynchronize(place.copied), "an upload");
    return place;
  }

  Place places[kStagingPlaces];
  size_t turn = 0;
};

Stream::Stream(int device, bool rehearsal) : device_(device), rehearsal_(rehearsal) {
  const cudaDeviceProp facts = usable_device(device);
  check(cudaSetDevice(device), "choosing the device");
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "a stream");
  handle_ = stream;
  staging_ = std::make_unique<Staging>();
  int driver = 0;
  check(cudaDriverGetVersion(&driver), "the driver's version");
  facts_.name = fmt::format("cuda:{}", device);
  facts_.model = facts.name;
  facts_.description = fmt::format("cuda:{}: {}, {:.0f} GiB, driver for CUDA {}.{}, cuDNN {}, cuBLAS {}", device,
                                   facts.name, static_cast<double>(facts.totalGlobalMem) / (1 << 30), driver / 1000,
                                   driver % 1000 / 10, cudnnGetVersion(), cublasLtGetVersion());
}

Stream::~Stream() {
  staging_.reset();
  cudaStreamDestroy(static_cast<cudaStream_t>(handle_));
}

void* Stream::take(size_t bytes) {
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, bytes > 0 ? bytes : 1);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // it is reported here and must not surface again
    const auto gibibytes = [](size_t count) { return static_cast<double>(count) / (1 << 30); };
    throw OutOfMemory(fmt::format(
        "[{}] out of memory: {:.1f} GiB, {:.1f} GiB of it in use here, and {:.2f} GiB more were wanted: use a smaller "
        "batch or network",
        facts_.name, gibibytes(total_bytes()), gibibytes(bytes_in_use_), gibibytes(bytes)));
  }
  check(status, "memory");
  return memory;
}

void Stream::give(void* memory) noexcept {
  cudaStreamSynchronize(static_cast<cudaStream_t>(handle_));  // work under way may still use it
  cudaFree(memory);
}

void Stream::upload(const void* host, void* device, size_t bytes) {
  if (bytes == 0 || rehearsal_) return;
  const auto stream = static_cast<cudaStream_t>(handle_);
  // In pieces: while one travels, the next is copied to its place.
  for (size_t done = 0; done < bytes; done += kStagingBytes) {
    const size_t piece = std::min(kStagingBytes, bytes - done);
    const Staging::Place& place = staging_->next();
    std::memcpy(place.memory, static_cast<const std::byte*>(host) + done, piece);
    check(cudaMemcpyAsync(static_cast<std::byte*>(device) + done, place.memory, piece, cudaMemcpyHostToDevice, stream),
          "copying to the device");
    check(cudaEventRecord(place.copied, stream), "an event");
  }
}

void Stream::download(const void* device, void* host, size_t bytes) {
  if (rehearsal_) {
    std::memset(host, 0, bytes);
    return;
  }
  if (bytes > 0)
    check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, static_cast<cudaStream_t>(handle_)),
          "copying from the device");
  synchronize();
}

void Stream::copy(const void* from, void* to, size_t bytes) {
  if (bytes > 0 && from != to && !rehearsal_)
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, static_cast<cudaStream_t>(handle_)),
          "copying on the device");
}

void Stream::zero(void* memory, size_t bytes) {
  if (bytes > 0 && !rehearsal_)
    check(cudaMemsetAsync(memory, 0, bytes, static_cast<cudaStream_t>(handle_)), "clearing memory");
}

void Stream::synchronize() {
  ++waits_;
  check(cudaStreamSynchronize(static_cast<cudaStream_t>(handle_)), "the work on the device");
}

size_t Stream::total_bytes() const {
  size_t free_bytes = 0, total = 0;
  return cudaMemGetInfo(&free_bytes, &total) == cudaSuccess ? std::min(total, free_bytes + bytes_in_use_) : 0;
}

}  // namespace avsr::backend::cuda
