// PyTorch's files: read as PyTorch wrote them, and refused where they are damaged or want something to be run.
#include "io/torch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/io/pickles.h"
#include "tests/io/support.h"

namespace avsr::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string golden(const std::string& name) { return AVSR_SOURCE_DIR "/tests/io/torch_files/" + name; }

const TorchTensor& named(const TorchFile& file, const std::string& name) {
  for (const TorchTensor& tensor : file.tensors())
    if (tensor.name == name) return tensor;
  throw std::runtime_error("no tensor " + name);
}

// What make_torch_files.py put into each of its tensors.
std::vector<float> twelve() {
  std::vector<float> values;
  for (int k = 0; k < 12; ++k) values.push_back(static_cast<float>(k) / 4 - 1);
  return values;
}

void expect_all_tensors(const TorchFile& file) {
  ASSERT_EQ(file.tensors().size(), 10u);
  EXPECT_EQ(file.tensors().front().name, "plain");
  for (const auto& [name, type] : {std::pair{"plain", "float32"},
                                   {"half", "float16"},
                                   {"bfloat", "bfloat16"},
                                   {"double", "float64"},
                                   {"parameter", "float32"}}) {
    const TorchTensor tensor = named(file, name);
    EXPECT_THAT(tensor.shape, ElementsAre(3, 4)) << name;
    EXPECT_EQ(tensor.type, type) << name;
    EXPECT_EQ(file.values(tensor), twelve()) << name;
  }
  EXPECT_THAT(file.values(named(file, "row")), ElementsAre(0, 0.25, 0.5, 0.75));
  EXPECT_THAT(named(file, "turned").shape, ElementsAre(4, 3));
  EXPECT_THAT(file.values(named(file, "turned")),
              ElementsAre(-1, 0, 1, -.75, .25, 1.25, -.5, .5, 1.5, -.25, .75, 1.75));
  EXPECT_THAT(file.values(named(file, "scalar")), ElementsAre(0.5));
  EXPECT_TRUE(file.values(named(file, "empty")).empty());
  EXPECT_EQ(named(file, "count").type, "int64");
  EXPECT_FALSE(named(file, "count").is_float());
  EXPECT_THROW(file.values(named(file, "count")), std::runtime_error);
}

TEST(TorchFile, BothFormatsAndAllTypesAreRead) {
  for (const char* name : {"tensors_legacy.pt", "tensors_zip.pt", "tensors_protocol4.pt"}) {
    SCOPED_TRACE(name);
    expect_all_tensors(TorchFile::open(golden(name)));
  }
}

TEST(TorchFile, ACheckpointsTensorsAreFoundAndTheRestIsNamed) {
  for (const char* name : {"checkpoint_legacy.pt", "checkpoint_zip.pt"}) {
    SCOPED_TRACE(name);
    const TorchFile file = TorchFile::open(golden(name));
    expect_all_tensors(file);
    EXPECT_THAT(file.others(), ElementsAre("epoch_idx", "best_prec", "optimizer_state_dict"));
  }
}

TEST(TorchFile, AModulesVersionsAreLeftOut) {
  for (const char* name : {"norm_legacy.pt", "norm_zip.pt"}) {
    const TorchFile file = TorchFile::open(golden(name));
    ASSERT_EQ(file.tensors().size(), 5u) << name;
    EXPECT_THAT(file.values(named(file, "running_var")), ElementsAre(1, 1)) << name;
  }
}

TEST(TorchFile, ADictOfPython2IsRead) {
  const std::string pairs = "](](" + python2_text("a") + tensor("0", 4, 1, {3}, {1}) + "ee";
  const TorchFile file =
      TorchFile::parse(legacy_file(global("collections", "OrderedDict") + tuple(pairs) + "R", {1, 2, 3, 4}), "old");
  EXPECT_THAT(file.values(named(file, "a")), ElementsAre(2, 3, 4));
}

std::string refusal(std::vector<uint8_t> bytes) {
  const std::string error = error_of<std::runtime_error>([&] {
    const TorchFile file = TorchFile::parse(std::move(bytes), "hostile.pt");
    for (const TorchTensor& t : file.tensors()) file.values(t);
  });
  EXPECT_THAT(error, AllOf(HasSubstr("hostile.pt: "), Not(HasSubstr("\n"))));
  return error;
}
std::string refusal(const std::string& body, const std::vector<float>& storage = {}) {
  return refusal(legacy_file(body, storage));
}

TEST(TorchFile, WhatWouldRunAProgramIsRefusedByName) {
  const std::string arguments = tuple(text("touch /tmp/hostile"));
  for (const auto& [module, name] : {std::pair{"os", "system"},
                                     {"posix", "system"},
                                     {"builtins", "eval"},
                                     {"__builtin__", "eval"},
                                     {"builtins", "getattr"},
                                     {"builtins", "exec"},
                                     {"subprocess", "Popen"},
                                     {"torch", "load"},
                                     {"torch.hub", "load"},
                                     {"torch._utils", "_rebuild_tensor_v2.__globals__"},
                                     {"", ""}})
    EXPECT_THAT(refusal(global(module, name) + arguments + "R"), HasSubstr(std::string(module) + "." + name));
  EXPECT_THAT(refusal(text("os") + text("system") + "\x93" + arguments + "R"), HasSubstr("os.system"));  // protocol 4
  EXPECT_THAT(refusal(global("models", "Lipreading") + ")\x81"), HasSubstr("state_dict()"));  // a whole module
  // Other ways to make objects: INST, OBJ, NEWOBJ, NEWOBJ_EX, EXT1, PERSID, and protocol 0's texts.
  for (const char* opcode : {"i", "o", "\x81", "\x92", "\x82", "P", "I1\n", "S'a'\n", "\xff"})
    EXPECT_THAT(refusal("()" + std::string(opcode)), HasSubstr("opcode 0x"));
  EXPECT_THAT(refusal("}" + tuple("") + "R"), HasSubstr("call of a named object"));
  EXPECT_THAT(refusal(global("torch", "FloatStorage") + "}b"), HasSubstr("state"));  // BUILD on a class
  EXPECT_THAT(refusal(std::string("c") + std::string(500, 'x') + "\n\x1b[31m\n"), Not(HasSubstr("\x1b")));
}

TEST(TorchFile, ImpossibleLengthsTakeNoMemory) {
  for (const std::string& body : {"X" + raw(~uint32_t{0}), "\x8d" + raw(~uint64_t{0}), "\x8e" + raw(uint64_t{1} << 60),
                                  "B" + raw(~uint32_t{0}), std::string("\x8a\xff")})
    EXPECT_THAT(refusal(body), HasSubstr("cut short?"));
  EXPECT_THAT(refusal("}r" + raw(~uint32_t{0}) + "j" + raw(uint32_t{5})), HasSubstr("not there"));  // a memo of 2^32
  EXPECT_THAT(refusal("}" + std::string(2'000'000, '2')), HasSubstr("operations"));                 // DUP for ever
  EXPECT_THAT(refusal(std::string(2'000'000, '(')), HasSubstr("operations"));
}

TEST(TorchFile, AStackThatIsEmptyIsNoticed) {
  for (const char* body : {"",  "t",   "e",    "u",    "s",    "a",  "R",  "b",    "Q",  "0",  "1",
                           "2", "q\1", "\x94", "\x85", "\x87", "(0", "(R", "}(Nu", "]s", "}a", "\x93"})
    EXPECT_THAT(refusal(body), HasSubstr("at its byte")) << body;
}

TEST(TorchFile, WhatHoldsItselfOrRepeatsIsNotFollowed) {
  // A dict that is its own model_state_dict, and lists of lists of lists, each ten times the one before.
  EXPECT_THAT(refusal("}q\1" + text("model_state_dict") + "h\1s"), HasSubstr("none in it"));
  std::string bomb(
      "]q\0"
      "0",
      4);
  for (char level = 1; level < 30; ++level) {
    bomb += "](";
    for (int i = 0; i < 10; ++i) (bomb += 'h') += static_cast<char>(level - 1);
    ((bomb += "eq") += level) += '0';
  }
  EXPECT_THAT(refusal("}" + text("a") + bomb + "h\35s"), HasSubstr("none in it"));
  // One list of pairs copied into many ordered dicts.
  std::string pairs = "](";
  for (int i = 0; i < 3000; ++i) pairs += "NN\x86";
  pairs += "e\x85q\1" + global("collections", "OrderedDict") + "q\2" + "0";
  for (int i = 0; i < 3000; ++i) pairs += "h\2h\1R0";
  EXPECT_THAT(refusal(pairs + "N"), HasSubstr("pairs"));
}

TEST(TorchFile, TensorsOutsideTheirStorageAreRefused) {
  const int64_t huge = int64_t{1} << 62;
  const std::vector<float> four{1, 2, 3, 4};
  const auto with = [&](int64_t offset, std::vector<int64_t> shape, std::vector<int64_t> strides) {
    return refusal(one_tensor(tensor("0", 4, offset, shape, strides)), four);
  };
  for (const std::string& error :
       {with(0, {5}, {1}), with(1, {4}, {1}), with(-1, {2}, {1}), with(4, {1}, {1}), with(0, {2}, {4}),
        with(0, {2}, {-1}), with(3, {2}, {-1}), with(0, {2, 2}, {3, 1}), with(0, {huge, huge}, {1, 1}),
        with(0, {2}, {huge}), with(huge, {1}, {1}), with(0, {100}, {0}), with(0, {-1}, {1}), with(5, {0}, {1}),
        with(0, {2, 2}, {2}), with(0, {2}, {2, 1})})
    EXPECT_THAT(error, AllOf(HasSubstr("tensor a"), HasSubstr("storage")));
  EXPECT_THAT(refusal(one_tensor(tensor("0", huge, 0, {1}, {1})), four), HasSubstr("claims"));
  EXPECT_THAT(refusal(one_tensor(tensor("0", 5, 0, {5}, {1})), four), HasSubstr("cut short?"));
  EXPECT_THAT(refusal(one_tensor(tensor("1", 4, 0, {4}, {1})), four), HasSubstr("cut short?"));
  EXPECT_THAT(refusal(one_tensor(tensor("0", 4, 0, {4}, {1}))), HasSubstr("missing"));
  const std::string twice =
      "}" + text("a") + tensor("0", 4, 0, {4}, {1}) + "s" + text("b") + tensor("0", 3, 0, {3}, {1}) + "s";
  EXPECT_THAT(refusal(twice, four), HasSubstr("storage 0 is named as"));
  const std::string same =
      "}" + text("a") + tensor("0", 4, 0, {4}, {1}) + "s" + text("a") + tensor("0", 4, 0, {4}, {1}) + "s";
  EXPECT_THAT(refusal(same, four), HasSubstr("stands twice"));
  // A step that is never taken may have any length.
  const TorchFile good = TorchFile::parse(legacy_file(one_tensor(tensor("0", 4, 0, {1, 4}, {huge, 1})), four), "good");
  EXPECT_EQ(good.values(good.tensors()[0]), four);
}

TEST(TorchFile, OtherFilesAreToldApart) {
  EXPECT_THAT(refusal(std::vector<uint8_t>{}), HasSubstr("torch.save"));
  EXPECT_THAT(refusal(std::vector<uint8_t>{'R', 'I', 'F', 'F'}), HasSubstr("torch.save"));
  EXPECT_THAT(refusal(std::vector<uint8_t>{'P', 'K', 3, 4}), HasSubstr("zip"));
  const std::string list = pickle("]");
  EXPECT_THAT(refusal(std::vector<uint8_t>(list.begin(), list.end())), HasSubstr("not one of PyTorch's"));
  EXPECT_THAT(refusal("]"), HasSubstr("dict of tensors"));
  EXPECT_THAT(error_of<std::runtime_error>([] { TorchFile::open("/no/such/file.pt"); }), HasSubstr("/no/such/file.pt"));
}

// Damaged files end in an error or in tensors that lie where they should; the sanitizers watch.
TEST(TorchFile, RandomDamageNeverReadsBeyondTheFile) {
  std::mt19937 random(7);
  int refused = 0, read = 0;
  for (const char* name : {"tensors_legacy.pt", "checkpoint_legacy.pt", "tensors_zip.pt", "tensors_protocol4.pt"}) {
    const std::vector<uint8_t> whole = read_binary_file(golden(name));
    for (int round = 0; round < 400; ++round) {
      std::vector<uint8_t> bytes = whole;
      const size_t changes = 1 + random() % 4;
      for (size_t i = 0; i < changes; ++i) bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
      if (round % 4 == 0) bytes.resize(random() % bytes.size());
      if (round % 4 == 1)
        bytes.insert(bytes.begin() + static_cast<int64_t>(random() % bytes.size()), random() % 9, uint8_t{'h'});
      try {
        const TorchFile file = TorchFile::parse(std::move(bytes), "damaged");
        for (const TorchTensor& tensor : file.tensors())
          if (tensor.is_float()) {
            EXPECT_EQ(file.values(tensor).size(), static_cast<size_t>(tensor.count()));
          }
        ++read;
      } catch (const std::runtime_error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 100);
  EXPECT_GT(read, 100);  // where only numbers were hit
}

}  // namespace
}  // namespace avsr::io
