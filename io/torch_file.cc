#include "io/torch_file.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <set>
#include <stdexcept>

#include "io/atomic_file.h"
#include "io/pickle.h"
#include "io/zip_file.h"

namespace avsr::io {

namespace {

// The first pickle of a legacy file: an integer of ten bytes, 0x1950a86a20f9469cfc6c.
constexpr std::string_view kMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr int64_t kProtocol = 1001;  // of legacy files, the second pickle

bool is_zip(std::span<const uint8_t> bytes) { return bytes.size() >= 4 && std::memcmp(bytes.data(), "PK\3\4", 4) == 0; }
bool is_pickle(std::span<const uint8_t> bytes) { return bytes.size() >= 2 && bytes[0] == 0x80; }

// IEEE 754 binary16. A subnormal is its significand times 2^-24.
float from_half(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16, exponent = (half >> 10) & 31u, significand = half & 1023u;
  if (exponent == 0) {
    const float value = static_cast<float>(significand) * 0x1p-24f;
    return sign ? -value : value;
  }
  const uint32_t wide = exponent == 31 ? 255 : exponent + 127 - 15;
  return std::bit_cast<float>(sign | wide << 23 | significand << 13);
}

template <typename T>
float to_float(const uint8_t* at, const std::string& type) {
  T value;
  std::memcpy(&value, at, sizeof value);
  if constexpr (std::is_same_v<T, uint16_t>)
    return type == "float16" ? from_half(value) : std::bit_cast<float>(uint32_t{value} << 16);
  else
    return static_cast<float>(value);
}

// All numbers of a tensor in row-major order.
template <typename T>
std::vector<float> gather(const TorchTensor& tensor, std::span<const uint8_t> storage) {
  std::vector<float> values(static_cast<size_t>(tensor.count()));
  std::vector<int64_t> index(tensor.shape.size(), 0);
  int64_t at = tensor.offset;
  for (float& value : values) {
    value = to_float<T>(storage.data() + static_cast<size_t>(at) * sizeof(T), tensor.type);
    for (size_t axis = index.size(); axis-- > 0;) {
      at += tensor.strides[axis];
      if (++index[axis] < tensor.shape[axis]) break;
      at -= tensor.strides[axis] * tensor.shape[axis];
      index[axis] = 0;
    }
  }
  return values;
}

// "archive/data.pkl" -> "archive"; PyTorch names the folder after the file.
std::string folder_of_pickle(const ZipMembers& members) {
  constexpr std::string_view kPickle = "/data.pkl";
  std::string folder;
  for (const auto& [name, bytes] : members) {
    if (name.ends_with("/constants.pkl"))
      throw std::runtime_error("a TorchScript program, not a file of weights: save the module's state_dict() instead");
    if (!name.ends_with(kPickle)) continue;
    if (!folder.empty()) throw std::runtime_error("the zip holds two pickles: which one is meant?");
    folder = name.substr(0, name.size() - kPickle.size());
  }
  if (folder.empty()) throw std::runtime_error("a zip, but not one of PyTorch's: it has no data.pkl");
  return folder;
}

std::string_view text_of(const std::vector<uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void TorchFile::read_legacy() {
  std::span<const uint8_t> rest(bytes_);
  const auto next = [&]() {
    Pickle pickle(rest, torch_globals());
    rest = rest.subspan(pickle.bytes());
    return pickle;
  };
  if (next().root().text != kMagic) throw std::runtime_error("a pickle, but not one of PyTorch's");
  if (const Pickle protocol = next(); protocol.root().integer != kProtocol)
    throw std::runtime_error(fmt::format("expected PyTorch's format {}, found {}", kProtocol, protocol.root().integer));
  const Pickle system = next();
  const PickleValue* little = system.root().find("little_endian");
  if (!little || little->integer == 0) throw std::runtime_error("written on a big-endian machine, or damaged");
  const Pickle pickle = next();
  const std::map<std::string, TorchStorage> storages = torch_storages(pickle);
  TorchTree tree = torch_tree(pickle.root(), storages);

  const Pickle keys = next();
  for (const PickleValue* key : keys.root().items) {
    const auto found = storages.find(key->text);
    int64_t count = 0;
    if (found == storages.end() || rest.size() < sizeof count)
      throw std::runtime_error("its list of storages does not fit them: damaged or cut short?");
    std::memcpy(&count, rest.data(), sizeof count);
    rest = rest.subspan(sizeof count);
    if (count != found->second.count || found->second.bytes() > rest.size())
      throw std::runtime_error(fmt::format("expected {} bytes of a storage, {} are left: damaged or cut short?",
                                           found->second.bytes(), rest.size()));
    storages_[key->text] = rest.first(found->second.bytes());
    rest = rest.subspan(found->second.bytes());
  }
  tensors_ = std::move(tree.tensors);
  others_ = std::move(tree.others);
}

void TorchFile::read_zip_archive() {
  const ZipMembers heads = read_zip(bytes_, [](const std::string& name) {
    return name.ends_with("/data.pkl") || name.ends_with("/byteorder") || name.ends_with("/constants.pkl");
  });
  const std::string folder = folder_of_pickle(heads);
  if (const auto order = heads.find(folder + "/byteorder"); order != heads.end() && text_of(order->second) != "little")
    throw std::runtime_error("written on a big-endian machine");
  const Pickle pickle(heads.at(folder + "/data.pkl"), torch_globals());
  const std::map<std::string, TorchStorage> storages = torch_storages(pickle);
  TorchTree tree = torch_tree(pickle.root(), storages);

  std::set<std::string> wanted;  // not the optimizer's
  for (const TorchTensor& tensor : tree.tensors) wanted.insert(fmt::format("{}/data/{}", folder, tensor.storage));
  members_ = read_zip(bytes_, [&](const std::string& name) { return wanted.count(name) > 0; });
  bytes_ = {};
  for (const auto& [name, bytes] : members_) {
    const std::string key = name.substr(folder.size() + std::string_view("/data/").size());
    if (bytes.size() != storages.at(key).bytes())
      throw std::runtime_error(
          fmt::format("expected {} bytes in {}, found {}", storages.at(key).bytes(), name, bytes.size()));
    storages_[key] = bytes;
  }
  tensors_ = std::move(tree.tensors);
  others_ = std::move(tree.others);
}

TorchFile TorchFile::parse(std::vector<uint8_t> bytes, const std::string& name) {
  TorchFile file;
  file.name_ = name;
  file.bytes_ = std::move(bytes);
  try {
    if (is_zip(file.bytes_))
      file.read_zip_archive();
    else if (is_pickle(file.bytes_))
      file.read_legacy();
    else
      throw std::runtime_error("expected a file that torch.save wrote (a zip or a pickle), found neither");
    for (const TorchTensor& tensor : file.tensors_)
      if (!file.storages_.count(tensor.storage))
        throw std::runtime_error(fmt::format("the numbers of {} are missing: damaged or cut short?", tensor.name));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("{}: {}", name, error.what()));
  }
  return file;
}

TorchFile TorchFile::open(const std::filesystem::path& path) {
  std::array<uint8_t, 4> head{};
  // Before all of it is read: somebody may have named a film.
  if (std::ifstream in(path, std::ios::binary); in.read(reinterpret_cast<char*>(head.data()), head.size()))
    if (!is_zip(head) && !is_pickle(head)) return parse({head.begin(), head.end()}, path.string());
  return parse(read_binary_file(path.string()), path.string());
}

std::vector<float> TorchFile::values(const TorchTensor& tensor) const {
  const std::span<const uint8_t> storage = storages_.at(tensor.storage);
  if (tensor.type == "float32") return gather<float>(tensor, storage);
  if (tensor.type == "float64") return gather<double>(tensor, storage);
  if (tensor.type == "float16" || tensor.type == "bfloat16") return gather<uint16_t>(tensor, storage);
  throw std::runtime_error(
      fmt::format("{}: tensor {} is {}, expected floating-point numbers", name_, tensor.name, tensor.type));
}

}  // namespace avsr::io
