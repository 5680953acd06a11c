// Features of every clip, as other programs read them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "io/atomic_file.h"
#include "io/shards.h"
#include "io/zip_file.h"
#include "models/safetensors.h"
#include "pipeline/device.h"
#include "pipeline/recognition/decoding_choice.h"
#include "pipeline/recognition/extract.h"
#include "preprocessing/normalise.h"
#include "preprocessing/random.h"
#include "tests/pipeline/command_call.h"
#include "tests/pipeline/small_corpus.h"
#include "tests/small_files.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

class Extract : public testing::Test {
 protected:
  Extract() {
    write_small_corpus(folder_ / "data");
    for (const char* stage : {"a-rec", "v-conv"}) write_model(stage);
  }

  void write_model(const std::string& name) {
    const auto backend = open_device({"cpu", 1});
    const Recipe recipe = small_recipe();
    const auto stage =
        std::find_if(recipe.stages.begin(), recipe.stages.end(), [&](const Stage& s) { return s.name == name; });
    models::ModelFile file;
    file.config = network_of(recipe, *stage, 3);
    file.labels = {"not", "of", "these"};
    InputRule rule;
    rule.crop = read_dataset_info(folder_ / "data").json.at("crop");
    rule.geometry = recipe.data.geometry;
    file.preprocessing = to_json(rule);
    models::save_model(folder_ / name, file, models::make_network(*backend, file.config, 5)->parameters());
  }

  Outcome extract(const std::string& model, const std::string& layer, const std::string& out) {
    return call(run_extract, {folder_ / model, "--data", folder_ / "data", "--layer", layer, "--out", folder_ / out,
                              "--batch", "3", "--threads", "1"});
  }

  TemporaryFolder folder_;
};

// The values behind the head of a .npy.
std::vector<float> floats_of(const std::vector<uint8_t>& npy) {
  const size_t head = 10 + npy.at(8) + 256u * npy.at(9);
  EXPECT_EQ(head % 64, 0u);
  std::vector<float> values((npy.size() - head) / sizeof(float));
  std::memcpy(values.data(), npy.data() + head, values.size() * sizeof(float));
  return values;
}

TEST_F(Extract, TheThreeFormsHoldTheSame) {
  const Outcome outcome = extract("a-rec", "audio/recurrent", "f.npz");
  ASSERT_EQ(outcome.code, 0) << outcome.failure << outcome.misuse;
  EXPECT_THAT(outcome.out, HasSubstr("8 clips, 16 features of audio/recurrent"));
  ASSERT_EQ(extract("a-rec", "audio/recurrent", "f.safetensors").code, 0);
  ASSERT_EQ(extract("a-rec", "audio/recurrent", "f").code, 0);

  const models::SafetensorsFile tensors = models::read_safetensors(folder_ / "f.safetensors");
  ASSERT_EQ(tensors.tensors.size(), 8u);
  EXPECT_EQ(tensors.metadata.at("layer"), "audio/recurrent");
  EXPECT_EQ(nlohmann::json::parse(tensors.metadata.at("labels")).at("test-e1-1"), "up") << "the data's own words";
  for (const char* file : {"f.npz", "f/features-000000.npz"}) {
    const io::ZipMembers members =
        io::read_zip(io::read_binary_file(folder_ / file), [](const std::string&) { return true; });
    EXPECT_EQ(members.size(), 8u + 4) << file;
    for (const models::HostTensor& tensor : tensors.tensors) {
      EXPECT_EQ(tensor.shape, (backend::Shape{kSmallFrames, 16}));
      EXPECT_EQ(floats_of(members.at("features/" + tensor.name + ".npy")), tensor.values) << file;
    }
  }
}

TEST_F(Extract, AShortClipAmongLongOnesGivesWhatTheNetworkMakesOfItAlone) {
  io::ShardWriter writer(folder_ / "ragged", "clips");
  preprocessing::Random random(4);
  for (const int frames : {29, 17, 23}) {
    io::Clip clip;
    clip.key = fmt::format("of-{}", frames);
    clip.split = "test";
    clip.label = "up";
    for (int i = 0; i < frames * io::kSamplesPerFrame; ++i)
      clip.audio.samples.push_back(static_cast<float>(0.1 * random.normal()));
    writer.add(clip);
  }
  writer.finish();
  fs::copy_file(folder_ / "data/dataset.json", folder_ / "ragged/dataset.json");
  const Outcome outcome =
      call(run_extract, {folder_ / "a-rec", "--data", folder_ / "ragged", "--layer", "audio/recurrent", "--out",
                         folder_ / "r.npz", "--batch", "3", "--threads", "1"});
  ASSERT_EQ(outcome.code, 0) << outcome.failure << outcome.misuse;
  const io::ZipMembers members =
      io::read_zip(io::read_binary_file(folder_ / "r.npz"), [](const std::string&) { return true; });

  const auto backend = open_device({"cpu", 1});
  const models::LoadedModel model = models::load_model(folder_ / "a-rec", *backend);
  const io::ShardDataset shards = open_prepared(folder_ / "ragged");
  for (int i = 0; i < shards.size(); ++i) {
    io::Clip clip = shards.read(i);
    preprocessing::z_normalise(clip.audio);
    const auto samples = static_cast<int>(clip.audio.samples.size());
    models::Inputs inputs;
    inputs.frames = {samples / io::kSamplesPerFrame};
    inputs.samples = {samples};
    inputs.audio = backend->from_values({1, samples}, clip.audio.samples);
    backend::Lengths steps;
    model.network->forward(inputs, models::Mode::inference, 0, steps);
    const backend::Tensor& alone = model.network->features("audio/recurrent");
    EXPECT_EQ(alone.shape, (backend::Shape{1, inputs.frames[0], 16}));
    EXPECT_THAT(floats_of(members.at(fmt::format("features/{}.npy", clip.key))),
                testing::Pointwise(testing::FloatNear(1e-4f), backend->values(alone)))
        << clip.key;
  }
}

TEST_F(Extract, RefusesFeaturesOfAnotherRunAndUnknownEndings) {
  tests::put(folder_ / "f/features-000001.npz", "of a longer run");
  EXPECT_THAT(extract("a-rec", "audio/recurrent", "f").failure,
              AllOf(HasSubstr("features-000001.npz"), HasSubstr("another --out")));
  EXPECT_FALSE(fs::exists(folder_ / "f/features-000000.npz"));
  EXPECT_THAT(extract("a-rec", "audio/recurrent", "f.npy").misuse, AllOf(HasSubstr("f.npy"), HasSubstr("FILE.npz")));
  EXPECT_FALSE(fs::exists(folder_ / "f.npy"));
  EXPECT_EQ(extract("a-rec", "audio/recurrent", "f.v2/").code, 0) << "a folder";
  EXPECT_TRUE(fs::exists(folder_ / "f.v2/features-000000.npz"));
}

// Which clips a model can use is one rule, the data set's.
TEST_F(Extract, ThresholdsAreChosenOnClipsWithAFace) {
  io::ShardWriter writer(folder_ / "faces", "clips");
  const io::ShardDataset shards = open_prepared(folder_ / "data", "val");
  for (int i = 0; i < 3; ++i) {
    io::Clip clip = shards.read(i);
    if (i > 0) clip.quality.reason = "no_face";
    writer.add(clip);
  }
  writer.finish();
  fs::copy_file(folder_ / "data/dataset.json", folder_ / "faces/dataset.json");
  const auto backend = open_device({"cpu", 1});
  EXPECT_THAT(choose_decoding(*backend, folder_ / "v-conv", folder_ / "faces").value(),
              HasSubstr("of 1 validation clips"));
}

TEST_F(Extract, NumPyReadsIt) {
  if (std::system("python3 -c 'import numpy' 2>/dev/null") != 0) GTEST_SKIP() << "this machine's python3 has no numpy";
  ASSERT_EQ(extract("v-conv", "video/embed", "f.npz").code, 0);
  const std::string script =
      "import numpy, sys\n"
      "z = numpy.load(sys.argv[1])\n"
      "keys, words = z['keys'].astype(str), z['words'].astype(str)\n"
      "assert len(keys) == 8 and list(words) == ['down', 'up'], (keys, words)\n"
      "assert z['lengths'].dtype == numpy.int32 and (z['lengths'] == 29).all()\n"
      "assert words[z['labels'][list(keys).index('test-e1-1')]] == 'up'\n"
      "f = z['features/' + keys[0]]\n"
      "assert f.shape == (29, 8) and f.dtype == numpy.float32 and numpy.isfinite(f).all() and f.std() > 0\n";
  io::write_file_atomically(folder_ / "check.py", script);
  EXPECT_EQ(std::system(("python3 " + (folder_ / "check.py") + " " + (folder_ / "f.npz")).c_str()), 0);
}

TEST_F(Extract, AnUnknownLayerIsRefusedBeforeAnythingIsWritten) {
  EXPECT_THAT(extract("a-rec", "audio/trnk", "g.npz").misuse, HasSubstr("audio/recurrent"));
  EXPECT_FALSE(fs::exists(folder_ / "g.npz"));
}

}  // namespace
}  // namespace avsr::pipeline
