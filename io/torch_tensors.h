// What the pickle of a PyTorch file says of tensors: their names, shapes, and where in which storage they lie.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/pickle.h"

namespace avsr::io {

struct TorchTensor {
  std::string name;            // its key in the file's dict of tensors
  std::vector<int64_t> shape;  // PyTorch's order of the axes
  std::string type;            // "float32", "float16", "bfloat16", "float64", "int64", …
  // Where its numbers lie, in elements of that type: inside the storage, and not more of them than that has.
  std::string storage;
  int64_t offset = 0;
  std::vector<int64_t> strides;

  int64_t count() const;  // of its numbers
  bool is_float() const { return type.find("float") != std::string::npos; }
};

// A stretch of memory that tensors share.
struct TorchStorage {
  std::string type;
  int64_t count = 0;  // elements

  size_t bytes() const;
};

// The names that pickles of weights ask for.
std::span<const std::string_view> torch_globals();

// All storages that the pickle names, by key. Throws std::runtime_error on one of an unknown type or impossible size,
// or named twice in different ways.
std::map<std::string, TorchStorage> torch_storages(const Pickle& pickle);

struct TorchTree {
  std::vector<TorchTensor> tensors;  // in the file's order
  std::vector<std::string> others;   // the keys of what else there is
};
// The tensors of the dict that the root is, or that it has as "model_state_dict", "state_dict" or "model". Throws
// std::runtime_error when there is none, a name stands twice, or a tensor does not lie in its storage.
TorchTree torch_tree(const PickleValue& root, const std::map<std::string, TorchStorage>& storages);

}  // namespace avsr::io
