#include "io/torch_tensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <stdexcept>

namespace avsr::io {

namespace {

using Kind = PickleValue::Kind;

struct ElementType {
  std::string_view storage_class;
  const char* name;
  size_t bytes;
};
constexpr ElementType kTypes[] = {{"torch.FloatStorage", "float32", 4}, {"torch.DoubleStorage", "float64", 8},
                                  {"torch.HalfStorage", "float16", 2},  {"torch.BFloat16Storage", "bfloat16", 2},
                                  {"torch.LongStorage", "int64", 8},    {"torch.IntStorage", "int32", 4},
                                  {"torch.ShortStorage", "int16", 2},   {"torch.CharStorage", "int8", 1},
                                  {"torch.ByteStorage", "uint8", 1},    {"torch.BoolStorage", "bool", 1}};

constexpr std::string_view kGlobals[] = {
    "collections.OrderedDict", "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter", "torch.FloatStorage", "torch.DoubleStorage", "torch.HalfStorage",
    "torch.BFloat16Storage", "torch.LongStorage", "torch.IntStorage", "torch.ShortStorage", "torch.CharStorage",
    "torch.ByteStorage", "torch.BoolStorage",
    // a best accuracy that NumPy computed
    "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype", "_codecs.encode"};

// No file of these networks comes near; keeps all products below far from overflow.
constexpr int64_t kMostElements = int64_t{1} << 40;

// Keys come from the file: neither long nor with control characters in a message.
std::string shown(const std::string& key) {
  std::string text = key.substr(0, 80);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ') c = '?';
  return text;
}

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

bool is_text(const PickleValue& value) { return value.kind == Kind::text || value.kind == Kind::bytes; }

const PickleValue& item(const PickleValue& value, size_t i, Kind kind, const char* what) {
  if (i >= value.items.size() || value.items[i]->kind != kind) fail(fmt::format("{} is of another form", what));
  return *value.items[i];
}

std::vector<int64_t> integers(const PickleValue& tuple) {
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < tuple.items.size(); ++i) numbers.push_back(item(tuple, i, Kind::integer, "a shape").integer);
  return numbers;
}

// ("storage", class, key, device, elements) with, in old files, what part of another storage it is.
struct StorageId {
  std::string key;
  TorchStorage storage;
  int64_t view_offset = 0, view_count = 0;
};

StorageId storage_id(const PickleValue& persistent) {
  constexpr const char* kWhat = "the name of a storage";
  const PickleValue& id = item(persistent, 0, Kind::tuple, kWhat);
  if (id.items.size() < 5 || !is_text(*id.items[0]) || id.items[0]->text != "storage" || !is_text(*id.items[2]))
    fail(fmt::format("{} is of another form: does the file hold a whole module? Save its state_dict()", kWhat));
  const std::string& storage_class = item(id, 1, Kind::global, kWhat).text;
  const auto type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                 [&](const ElementType& known) { return known.storage_class == storage_class; });
  if (type == std::end(kTypes)) fail(fmt::format("{} is no type of storage", storage_class));
  StorageId found{id.items[2]->text, {type->name, item(id, 4, Kind::integer, kWhat).integer}};
  if (found.storage.count < 0 || found.storage.count > kMostElements)
    fail(fmt::format("storage {} claims {} elements", shown(found.key), found.storage.count));
  found.view_count = found.storage.count;
  if (id.items.size() == 5 || id.items[5]->kind == Kind::none) return found;
  const PickleValue& view = item(id, 5, Kind::tuple, kWhat);
  found.view_offset = item(view, 1, Kind::integer, kWhat).integer;
  found.view_count = item(view, 2, Kind::integer, kWhat).integer;
  if (found.view_offset < 0 || found.view_count < 0 || found.view_offset > found.storage.count ||
      found.view_count > found.storage.count - found.view_offset)
    fail(fmt::format("a view lies outside storage {}", shown(found.key)));
  return found;
}

// Throws unless all numbers lie in [0, room) of the storage and no more of them are asked for than there are.
void require_inside(const TorchTensor& tensor, int64_t room) {
  const auto refuse = [&](const char* why) {
    fail(fmt::format("tensor {} ({}) of offset {} and strides ({}) {} of {} elements", shown(tensor.name),
                     fmt::join(tensor.shape, ", "), tensor.offset, fmt::join(tensor.strides, ", "), why, room));
  };
  if (tensor.strides.size() != tensor.shape.size()) refuse("has a stride too few or too many for its storage");
  int64_t count = 1;
  for (const int64_t size : tensor.shape) {
    if (size < 0 || (size > 0 && count > room / size)) refuse("is larger than its storage");
    count *= size;
  }
  if (tensor.offset < 0 || tensor.offset > room - (count > 0 ? 1 : 0)) refuse("starts outside its storage");
  if (count == 0) return;
  int64_t last = tensor.offset;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    const int64_t steps = tensor.shape[i] - 1, stride = tensor.strides[i];
    if (stride < 0 || (steps > 0 && stride > (room - 1 - last) / steps)) refuse("reaches beyond its storage");
    last += steps > 0 ? steps * stride : 0;
  }
}

bool is_tensor(const PickleValue& value) {
  return value.kind == Kind::call && value.text.starts_with("torch._utils._rebuild");
}

TorchTensor tensor_of(const std::string& name, const PickleValue& call,
                      const std::map<std::string, TorchStorage>& storages) {
  const std::string what = fmt::format("tensor {}", shown(name));
  const PickleValue* arguments = call.items.front();
  if (call.text == "torch._utils._rebuild_parameter") {
    const PickleValue& inner = item(*arguments, 0, Kind::call, what.c_str());
    if (!is_tensor(inner) || inner.text == call.text) fail(fmt::format("{} is a parameter of no tensor", what));
    arguments = inner.items.front();
  }
  const StorageId id = storage_id(item(*arguments, 0, Kind::persistent, what.c_str()));
  TorchTensor tensor{name,
                     integers(item(*arguments, 2, Kind::tuple, what.c_str())),
                     storages.at(id.key).type,
                     id.key,
                     item(*arguments, 1, Kind::integer, what.c_str()).integer,
                     integers(item(*arguments, 3, Kind::tuple, what.c_str()))};
  require_inside(tensor, id.view_count);
  tensor.offset += id.view_offset;
  for (size_t i = 0; i < tensor.shape.size(); ++i)  // a step that is never taken may have any length
    if (tensor.shape[i] < 2) tensor.strides[i] = 0;
  return tensor;
}

const PickleValue& dict_of_tensors(const PickleValue& root) {
  for (const char* key : {"model_state_dict", "state_dict", "model"})
    if (const PickleValue* inner = root.find(key); inner && inner->kind == Kind::dict) return *inner;
  if (root.kind != Kind::dict) fail("expected a dict of tensors (a state_dict), found something else");
  return root;
}

void add_others(const PickleValue& dict, const PickleValue* except, std::vector<std::string>& others) {
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2)
    if (dict.items[i + 1] != except && !is_tensor(*dict.items[i + 1]))
      others.push_back(is_text(*dict.items[i]) ? shown(dict.items[i]->text) : "(a key that is no text)");
}

}  // namespace

int64_t TorchTensor::count() const {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

size_t TorchStorage::bytes() const {
  const auto known =
      std::find_if(std::begin(kTypes), std::end(kTypes), [&](const ElementType& one) { return type == one.name; });
  return static_cast<size_t>(count) * known->bytes;
}

std::span<const std::string_view> torch_globals() { return kGlobals; }

std::map<std::string, TorchStorage> torch_storages(const Pickle& pickle) {
  std::map<std::string, TorchStorage> storages;
  for (const PickleValue& value : pickle.values()) {
    if (value.kind != Kind::persistent) continue;
    const StorageId id = storage_id(value);
    const auto [known, added] = storages.emplace(id.key, id.storage);
    if (!added && (known->second.type != id.storage.type || known->second.count != id.storage.count))
      fail(fmt::format("storage {} is named as {} elements of {} and as {} of {}", shown(id.key), known->second.count,
                       known->second.type, id.storage.count, id.storage.type));
  }
  return storages;
}

TorchTree torch_tree(const PickleValue& root, const std::map<std::string, TorchStorage>& storages) {
  const PickleValue& dict = dict_of_tensors(root);
  TorchTree tree;
  std::set<std::string> names;
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const PickleValue &key = *dict.items[i], &value = *dict.items[i + 1];
    if (!is_tensor(value)) continue;
    if (!is_text(key)) fail("expected texts as the names of tensors, found something else");
    if (!names.insert(key.text).second) fail(fmt::format("tensor {} stands twice", shown(key.text)));
    tree.tensors.push_back(tensor_of(key.text, value, storages));
  }
  if (tree.tensors.empty()) fail("expected a dict of tensors (a state_dict), found none in it");
  add_others(dict, nullptr, tree.others);
  if (&dict != &root) add_others(root, &dict, tree.others);
  return tree;
}

}  // namespace avsr::io
