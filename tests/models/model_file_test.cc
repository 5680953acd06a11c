// Model files, parts of them, checkpoints, and the container below.
#include "models/model_file.h"

#include <gmock/gmock.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>

#include "models/checkpoint.h"
#include "models/safetensors.h"
#include "tests/models/network_fixture.h"

namespace avsr::models {
namespace {

using backend::Lengths;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class ModelFiles : public NetworkFixture {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("avsr_model_file_test_" + std::to_string(::getpid()) + "_" +
                                                  ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  ModelFile description(const NetworkConfig& config) {
    return {.config = config,
            .labels = {"ABOUT", "ÇA VA", "\"QUOTED\"", "WORD"},
            .preprocessing = {{"crop", 24}, {"mean", 0.413621}},
            .provenance = {{"seed", 3}}};
  }
  std::filesystem::path saved(const NetworkConfig& config, Network& network) {
    const auto path = folder_ / "model.safetensors";
    save_model(path, description(config), network.parameters());
    return path;
  }
  template <typename Call>
  std::string failure(Call&& call) {
    try {
      call();
    } catch (const std::runtime_error& e) {
      return e.what();
    }
    return "accepted";
  }
  std::filesystem::path folder_;
};

// Half a step of the row's 127 at most; what has one axis and the statistics stay as they were.
TEST_F(ModelFiles, CompactOnesAreAQuarterAndNearlyTheSame) {
  const NetworkConfig config = narrow_config(Streams::audiovisual, BackEnd::recurrent, backend::Cell::lstm);
  const auto network = make_network(*backend_, config, 3);
  const auto path = saved(config, *network), compact = folder_ / "compact.safetensors";
  save_compact(path, compact);
  EXPECT_LT(std::filesystem::file_size(compact),
            std::filesystem::file_size(path) / 2);  // so small a model is half header and biases

  const LoadedModel loaded = load_model(compact, *backend_);
  EXPECT_EQ(backend_->values(loaded.network->parameters().statistics()),
            backend_->values(network->parameters().statistics()));
  for (const layers::Parameter* p : network->parameters().all()) {
    const std::vector<float> before = backend_->values(p->value),
                             after = backend_->values(loaded.network->parameters().at(p->name).value);
    const size_t rows = p->value.shape.rank() < 2 ? before.size() : static_cast<size_t>(p->value.shape[0]);
    const size_t length = before.size() / rows;
    for (size_t row = 0; row < rows; ++row) {
      float largest = 0;
      for (size_t i = row * length; i < (row + 1) * length; ++i) largest = std::max(largest, std::abs(before[i]));
      const float allowed = p->value.shape.rank() < 2 ? 0 : largest / 127 * 0.5001F;
      for (size_t i = row * length; i < (row + 1) * length; ++i)
        ASSERT_NEAR(after[i], before[i], allowed) << p->name << " row " << row;
    }
  }
  LoadReport report = load_parameters(compact, network->parameters(), {"video"});
  EXPECT_THAT(report.loaded, Contains("video/trunk/layer1/0/conv1/weight"));
  EXPECT_THAT(failure([&] { save_compact(folder_ / "none.safetensors", compact); }), HasSubstr("none.safetensors"));
  EXPECT_THROW(save_compact(compact, folder_ / "twice.safetensors"), std::invalid_argument);
}

TEST_F(ModelFiles, CompactOnesWithBadScalesAreRefused) {
  const NetworkConfig config = narrow_config(Streams::audio, BackEnd::recurrent, backend::Cell::gru);
  const auto network = make_network(*backend_, config, 3);
  const auto path = saved(config, *network), compact = folder_ / "compact.safetensors";
  save_compact(path, compact);
  const SafetensorsFile good = read_safetensors(compact);
  const auto refusal = [&](const std::function<void(SafetensorsFile&)>& spoil) {
    SafetensorsFile file = good;
    spoil(file);
    write_safetensors(compact, file);
    return failure([&] { load_model(compact, *backend_); });
  };
  const auto scales = [](SafetensorsFile& file) -> HostTensor& {
    return *std::find_if(file.tensors.begin(), file.tensors.end(),
                         [](const HostTensor& t) { return t.name.ends_with(".scale"); });
  };
  EXPECT_THAT(refusal([](SafetensorsFile&) {}), HasSubstr("accepted"));
  EXPECT_THAT(refusal([&](SafetensorsFile& file) { scales(file).name = "other"; }), HasSubstr("missing"));
  EXPECT_THAT(refusal([&](SafetensorsFile& file) {
                scales(file).values.push_back(1);
                scales(file).shape = {scales(file).shape[0] + 1};
              }),
              HasSubstr("a scale for each row"));
  EXPECT_THAT(refusal([&](SafetensorsFile& file) { scales(file).values[0] = std::numeric_limits<float>::infinity(); }),
              HasSubstr("finite"));
  EXPECT_THAT(refusal([](SafetensorsFile& file) { file.metadata["storage"] = "int4"; }), HasSubstr("int4"));
}

TEST_F(ModelFiles, GiveBackTheSameNetwork) {
  for (const Streams streams : {Streams::video, Streams::audio, Streams::audiovisual}) {
    NetworkConfig config = narrow_config(streams, BackEnd::recurrent, backend::Cell::gru);
    config.audio.pool = {21, 21, 1};
    const auto network = make_network(*backend_, config, 3);
    if (streams != Streams::audiovisual) perturb(network->parameters());
    const auto path = folder_ / "deeper" / "model.safetensors";
    save_model(path, description(config), network->parameters());
    const LoadedModel loaded = load_model(path, *backend_);
    EXPECT_EQ(nlohmann::json(loaded.file.config), nlohmann::json(config));
    EXPECT_EQ(loaded.file.labels, description(config).labels);
    EXPECT_EQ(loaded.file.preprocessing.at("mean"), 0.413621);
    EXPECT_EQ(read_model_header(path).provenance.at("seed"), 3);
    EXPECT_EQ(backend_->values(loaded.network->parameters().values()),
              backend_->values(network->parameters().values()));
    EXPECT_EQ(backend_->values(loaded.network->parameters().statistics()),
              backend_->values(network->parameters().statistics()));
    if (streams == Streams::audiovisual) continue;  // 21-sample pooling gives other steps than the video's frames
    const Inputs inputs = random_inputs(config, {7, 9}, 9);
    Lengths steps;
    EXPECT_EQ(backend_->values(loaded.network->forward(inputs, Mode::inference, 0, steps)),
              backend_->values(network->forward(inputs, Mode::inference, 0, steps)));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path.parent_path()), {}), 1);  // no temporary left
  }
}

TEST_F(ModelFiles, SayHowAnswersAreAveraged) {
  const NetworkConfig config = narrow_config(Streams::audio);
  const auto network = make_network(*backend_, config, 3);
  const auto path = folder_ / "model.safetensors";
  ModelFile file = description(config);
  file.averaging = {Loss::per_frame, 5};
  save_model(path, file, network->parameters());
  EXPECT_EQ(read_model_header(path).averaging, file.averaging);

  SafetensorsFile other = read_safetensors(path);
  other.metadata["averaging"] = R"({"form": "median", "middle_steps": 0})";
  write_safetensors(path, other);
  EXPECT_THAT(failure([&] { read_model_header(path); }), HasSubstr("got median"));
  other.metadata["averaging"] = R"({"form": "mean_logits", "middle_steps": -1})";
  write_safetensors(path, other);
  EXPECT_THAT(failure([&] { read_model_header(path); }), HasSubstr("got -1"));
}

TEST_F(ModelFiles, LoadPartsStrictly) {
  const NetworkConfig stage1 = narrow_config(Streams::video, BackEnd::temporal_conv);
  const NetworkConfig stage2 = narrow_config(Streams::video);
  const auto from = make_network(*backend_, stage1, 3);
  perturb(from->parameters());
  const auto path = folder_ / "stage1.safetensors";
  save_model(path, description(stage1), from->parameters());
  const auto to = make_network(*backend_, stage2, 4);
  const auto head = backend_->values(to->parameters().at("video/head/weight").value);
  const LoadReport report = load_parameters(path, to->parameters(), {"video/frontend", "video/trunk", "video/embed"});
  EXPECT_THAT(report.loaded, Contains("video/trunk/layer1/0/bn1/running_var"));
  EXPECT_THAT(report.ignored, Contains("video/temporal_conv/linear2/weight"));
  EXPECT_THAT(report.loaded, Not(Contains(HasSubstr("temporal"))));
  for (const std::string& name : report.loaded)
    EXPECT_EQ(backend_->values(to->parameters().at(name).value), backend_->values(from->parameters().at(name).value));
  EXPECT_EQ(backend_->values(to->parameters().at("video/head/weight").value), head);

  const auto before = backend_->values(to->parameters().values());
  const std::string missing = failure([&] { load_parameters(path, to->parameters(), {"video"}); });
  EXPECT_THAT(missing, HasSubstr("video/head/weight (4, 16): not in the file"));
  EXPECT_THAT(missing,
              HasSubstr("video/temporal_conv/conv1/weight (32, 1, 1, 5, 16): in the file, not in the network"));
  EXPECT_EQ(backend_->values(to->parameters().values()), before);
  NetworkConfig wider = stage2;
  wider.video.embedding = 24;
  const auto other = make_network(*backend_, wider, 4);
  EXPECT_THAT(failure([&] { load_parameters(path, other->parameters(), {"video/embed"}); }),
              HasSubstr("video/embed/linear/weight: expected (24, 16), the file has (16, 16)"));
  EXPECT_THROW(load_parameters(path, to->parameters(), {"audio/trunk"}), std::invalid_argument);
}

TEST_F(ModelFiles, RefuseWhatIsNoModel) {
  const NetworkConfig config = narrow_config(Streams::audio);
  const auto network = make_network(*backend_, config, 3);
  const auto path = saved(config, *network);
  ModelFile wrong = description(config);
  wrong.labels.pop_back();
  EXPECT_THROW(save_model(path, wrong, network->parameters()), std::invalid_argument);
  EXPECT_THAT(failure([&] { load_model(folder_ / "absent", *backend_); }), HasSubstr("absent: cannot be opened"));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 40);
  EXPECT_THAT(failure([&] { load_model(path, *backend_); }), HasSubstr("cut short"));
  std::filesystem::resize_file(path, 100);
  EXPECT_THAT(failure([&] { load_model(path, *backend_); }), HasSubstr("header claims"));
  std::filesystem::resize_file(path, 3);
  EXPECT_THAT(failure([&] { load_model(path, *backend_); }), HasSubstr("shorter than 8 bytes"));
  std::ofstream(path) << "this is text and no tensor file at all";
  EXPECT_THAT(failure([&] { load_model(path, *backend_); }), HasSubstr("header claims"));
  write_safetensors(path, {{}, {{"x", {2}, {1, 2}}}});
  EXPECT_THAT(failure([&] { load_model(path, *backend_); }), HasSubstr("has no \"format\""));
}

// A file of a few kB must not take hours or all memory, nor be read beyond its end.
TEST_F(ModelFiles, RefuseHostileFiles) {
  const NetworkConfig config = narrow_config(Streams::audio);
  const auto network = make_network(*backend_, config, 3);
  const auto path = saved(config, *network);
  const SafetensorsFile good = read_safetensors(path);
  const auto refused = [&](const char* key, const std::string& from, const std::string& to) {
    SafetensorsFile bad = good;
    std::string& text = bad.metadata.at(key);
    const size_t at = text.rfind(from);  // the recurrent layers' size stands behind the fusion's
    EXPECT_NE(at, std::string::npos) << text;
    write_safetensors(path, (text.replace(at, from.size(), to), bad));
    return failure([&] { load_model(path, *backend_); });
  };
  const nlohmann::json labels = nlohmann::json::parse(good.metadata.at("labels"));
  const std::string first = labels.at(0).dump(), second = labels.at(1).dump();
  EXPECT_THAT(refused("labels", first + ",", ""), HasSubstr("its list has 3"));
  EXPECT_THAT(refused("labels", first, second), HasSubstr("stands twice"));
  const std::string hidden = "\"hidden\":" + std::to_string(config.recurrent.hidden);
  EXPECT_THAT(refused("architecture", hidden, "\"hidden\":100000000"), HasSubstr("1 to 65536"));
  EXPECT_THAT(refused("architecture", hidden, "\"hidden\":60000"), HasSubstr("does not fit the network"));

  const auto header = [&](const std::string& tensors) {
    const uint64_t length = tensors.size();
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(&length), sizeof length) << tensors << "12345678";
    out.close();
    return failure([&] { read_safetensors(path); });
  };
  EXPECT_THAT(header(R"({"x":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]}})"),
              HasSubstr("has shape"));
  EXPECT_THAT(header(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551608,18446744073709551612]}})"),
              HasSubstr("wants 4 bytes"));
  EXPECT_EQ(header(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"), "accepted");
  EXPECT_THAT(header(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                     R"("y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"),
              HasSubstr("tensors x and y lie on the same bytes"));
}

TEST_F(ModelFiles, RefuseWeightsThatAreNotFinite) {
  const NetworkConfig config = narrow_config(Streams::audio);
  const auto network = make_network(*backend_, config, 3);
  const auto path = saved(config, *network);
  SafetensorsFile bad = read_safetensors(path);
  bad.tensors.back().values.back() = std::numeric_limits<float>::quiet_NaN();
  write_safetensors(path, bad);
  EXPECT_THAT(failure([&] { load_model(path, *backend_); }),
              ::testing::AllOf(HasSubstr(path.string()), HasSubstr("found nan in " + bad.tensors.back().name)));
  EXPECT_THAT(failure([&] { load_parameters(path, network->parameters(), {""}); }), HasSubstr("found nan"));
}

TEST_F(ModelFiles, UnknownSettingsAreNotIgnored) {
  nlohmann::json j = narrow_config(Streams::audio);
  EXPECT_EQ(nlohmann::json(j.get<NetworkConfig>()), j);
  j["audio"]["embeding"] = 3;
  EXPECT_THROW(j.get<NetworkConfig>(), std::invalid_argument);
  EXPECT_THROW(nlohmann::json({{"streams", "smell"}}).get<NetworkConfig>(), std::invalid_argument);
}

TEST_F(ModelFiles, CheckpointContinuesBitEqual) {
  NetworkConfig config = narrow_config(Streams::audiovisual);
  config.fusion.hidden_dropout = 0.3f;
  const Inputs inputs = random_inputs(config, {7, 9}, 9);
  const auto path = folder_ / "checkpoint.safetensors";
  const auto network = make_network(*backend_, config, 3);
  Trainer trainer(*backend_);
  for (int i = 0; i < 2; ++i) trainer.step(*network, inputs, {0, 1});
  save_checkpoint(path, network->parameters(), {{"first", &trainer.first_}, {"second", &trainer.second_}},
                  {{"step", trainer.step_}});
  std::vector<double> expected, got;
  for (int i = 0; i < 2; ++i) expected.push_back(trainer.step(*network, inputs, {0, 1}));

  const auto again = make_network(*backend_, config, 99);
  Trainer resumed(*backend_);
  resumed.first_ = backend_->zeros(again->parameters().values().shape);
  resumed.second_ = backend_->zeros(again->parameters().values().shape);
  resumed.step_ =
      load_checkpoint(path, again->parameters(), {{"first", &resumed.first_}, {"second", &resumed.second_}}).at("step");
  for (int i = 0; i < 2; ++i) got.push_back(resumed.step(*again, inputs, {0, 1}));
  EXPECT_EQ(got, expected);
  EXPECT_EQ(backend_->values(again->parameters().values()), backend_->values(network->parameters().values()));
  EXPECT_EQ(backend_->values(again->parameters().statistics()), backend_->values(network->parameters().statistics()));

  config.fusion.hidden = 16;
  const auto other = make_network(*backend_, config, 3);
  EXPECT_THAT(failure([&] { load_checkpoint(path, other->parameters(), {}); }), HasSubstr("another network"));
  EXPECT_THAT(failure([&] { load_checkpoint(path, again->parameters(), {{"third", &resumed.first_}}); }),
              HasSubstr("expected tensor third"));
}

}  // namespace
}  // namespace avsr::models
