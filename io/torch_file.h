// The tensors of a file that PyTorch's torch.save wrote, read as data: nothing in the file is executed.
//
// Both of its formats: the zip of today, and the bare pickles of before 1.6 (the "legacy" format).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/torch_tensors.h"

namespace avsr::io {

class TorchFile {
 public:
  // Throws std::runtime_error naming the file and what is wrong with it: in neither format, cut short, asking for a
  // Python object that weights do not need, tensors outside their memory, no tensors at all.
  static TorchFile open(const std::filesystem::path& path);
  // The same for a file's bytes.
  static TorchFile parse(std::vector<uint8_t> bytes, const std::string& name);
  TorchFile(TorchFile&&) noexcept = default;  // no copies: they would share their storages
  TorchFile& operator=(TorchFile&&) noexcept = default;

  // In the file's order: of the dict that the file is or, in a training checkpoint, has as "model_state_dict",
  // "state_dict" or "model".
  const std::vector<TorchTensor>& tensors() const { return tensors_; }
  // What else a training checkpoint holds, by key: epochs, the optimizer's state, ….
  const std::vector<std::string>& others() const { return others_; }
  // Row-major, as f32. Throws std::runtime_error for a tensor whose type is no floating-point one.
  std::vector<float> values(const TorchTensor& tensor) const;

 private:
  TorchFile() = default;
  void read_legacy();
  void read_zip_archive();

  std::string name_;
  std::vector<uint8_t> bytes_;                                // the file; emptied once a zip is unpacked
  std::map<std::string, std::vector<uint8_t>> members_;       // of a zip
  std::map<std::string, std::span<const uint8_t>> storages_;  // by key, in one of the two
  std::vector<TorchTensor> tensors_;
  std::vector<std::string> others_;
};

}  // namespace avsr::io
