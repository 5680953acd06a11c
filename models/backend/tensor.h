// A tensor: a shape, an element type and shared device memory.
//
// Shape legend used in every header: B batch, T frames (25 per second), S audio samples (16 kHz), N packed frames of a
// ragged batch (the sum of its lengths), H, W, C, D features, V labels, L target length. One logical layout: channels
// last, row-major: (B, T, C), (N, H, W, C), (N, D, H, W, C).
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace avsr::backend {

enum class DType : uint8_t { f32, bf16, u8 };
size_t bytes_of(DType type);

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes) : sizes_(sizes) {}
  explicit Shape(std::vector<int64_t> sizes) : sizes_(std::move(sizes)) {}

  size_t rank() const { return sizes_.size(); }
  int64_t operator[](size_t i) const { return sizes_[i]; }
  int64_t& operator[](size_t i) { return sizes_[i]; }
  int64_t back() const { return sizes_.back(); }
  int64_t count() const;     // number of elements; 1 for rank 0
  std::string text() const;  // "(8, 29, 44, 44, 64)"
  const std::vector<int64_t>& sizes() const { return sizes_; }
  bool operator==(const Shape&) const = default;

 private:
  std::vector<int64_t> sizes_;
};

// Memory of one device; freed by its destructor. Made by Backend::allocate.
class Buffer {
 public:
  virtual ~Buffer() = default;
  virtual void* data() = 0;  // an address on the buffer's device
  virtual size_t bytes() const = 0;
};

// How the elements lie in memory. kPrivate is known only to the back end that wrote the tensor: it passes between that
// back end's kernels, and Backend::download turns it into channels last.
enum class Layout : uint8_t { kChannelsLast, kPrivate };

// A handle: copies share memory. A kernel that writes a tensor calls Backend::resize first, which keeps the memory when
// it is large enough, so a member tensor of a layer is allocated once per shape.
struct Tensor {
  Shape shape;
  DType dtype = DType::f32;
  Layout layout = Layout::kChannelsLast;
  size_t offset_bytes = 0;  // of this view in the buffer
  std::shared_ptr<Buffer> buffer;

  bool empty() const { return buffer == nullptr; }
  // The elements' address on their device, as T: float of f32, uint16_t of bf16, uint8_t of u8; void or std::byte of
  // any. Throws std::logic_error on another T, so that no kernel takes one type for another.
  template <typename T = float>
  T* data() const {
    if constexpr (!std::is_void_v<T> && !std::is_same_v<T, std::byte>) require_bytes(sizeof(T));
    return reinterpret_cast<T*>(static_cast<std::byte*>(buffer->data()) + offset_bytes);
  }
  // The same elements with another shape of equal count. Throws std::invalid_argument on another count, or when the
  // layout is private.
  Tensor reshaped(Shape other) const;

 private:
  void require_bytes(size_t bytes) const;
};

}  // namespace avsr::backend
