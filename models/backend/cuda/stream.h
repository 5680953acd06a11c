// The device as the rest of this folder sees it: memory, copies and a queue of work. Two implementations, chosen when
// the library is linked: stream_cuda.cc on a GPU, stream_emulated.cc in the host's memory (Note [Emulation]).
//
// Note [Emulation]
// Every kernel of our own is a function object over one index (launch.h), and its arithmetic is compiled for host and
// device alike. The same sources, compiled as plain C++ with stream_emulated.cc, products_emulated.cc and
// conv_emulated.cc, are a back end that runs on any machine: the tests of kernels, layers and networks run on it, so
// that only the launch, cuBLASLt and cuDNN are left to a machine with a GPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace avsr::backend::cuda {

struct DeviceFacts {
  std::string name;         // "cuda:0"
  std::string model;        // "NVIDIA H100 80GB HBM3"
  std::string description;  // one line: the device, its memory, the libraries and their versions
};

class Stream {
 public:
  // rehearsal: nothing is computed or copied; memory is only counted, and addresses are made up.
  // Throws std::runtime_error with one line when the device cannot be used.
  explicit Stream(int device, bool rehearsal = false);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  const DeviceFacts& facts() const { return facts_; }

  void* allocate(size_t bytes);  // throws OutOfMemory
  void free(void* memory, size_t bytes) noexcept;
  void upload(const void* host, void* device, size_t bytes);    // host may be reused when this returns
  void download(const void* device, void* host, size_t bytes);  // waits for all work before it
  void copy(const void* from, void* to, size_t bytes);
  void zero(void* memory, size_t bytes);
  void synchronize();

  bool rehearsal() const { return rehearsal_; }
  int64_t allocations() const { return allocations_; }  // so far
  int64_t waits() const { return waits_; }              // for the device so far: downloads, freed memory, synchronize
  size_t bytes_in_use() const { return bytes_in_use_; }
  size_t peak_bytes() const { return peak_bytes_; }
  void restart_peak() { peak_bytes_ = bytes_in_use_; }
  size_t total_bytes() const;               // that it may use of the device
  void* handle() const { return handle_; }  // cudaStream_t

 private:
  struct Staging;
  void* take(size_t bytes);  // from the device
  void give(void* memory) noexcept;

  int device_;
  bool rehearsal_;
  int64_t allocations_ = 0, waits_ = 0;
  void* handle_ = nullptr;
  std::unique_ptr<Staging> staging_;
  DeviceFacts facts_;
  size_t bytes_in_use_ = 0, peak_bytes_ = 0;
};

}  // namespace avsr::backend::cuda
