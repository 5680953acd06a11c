#include "tests/include_rules/include_rules.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace avsr::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(IncludeRules, TheHouseKeepsThem) { EXPECT_THAT(forbidden_includes(AVSR_SOURCE_DIR), IsEmpty()); }

// A source tree of a few files, made for one test and removed after it.
class SmallTree : public ::testing::Test {
 protected:
  SmallTree() {
    std::string pattern = (fs::temp_directory_path() / "avsr_include_rules_XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("cannot make " + pattern);
    root_ = pattern;
  }
  ~SmallTree() override { fs::remove_all(root_); }

  void write(const std::string& file, const std::string& text) {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }

  // What is said of one file that holds one include line.
  std::vector<std::string> said_of(const std::string& file, const std::string& line) {
    write(file, line + "\n");
    auto found = forbidden_includes(root_);
    fs::remove(root_ / file);
    return found;
  }

  fs::path root_;
};

TEST_F(SmallTree, EdgesOfTheTablePass) {
  write("pipeline/commands/a.cc", "#include \"models/network.h\"\n#include \"data_scripts/grid.h\"\n");
  write("pipeline/training/a.cc", "#include \"pipeline/data/loader.h\"\n#include \"pipeline/device.h\"\n");
  write("models/fusion.cc", "#include \"models/backend/cpu/conv.h\"\n#include <fmt/format.h>\n");
  write("models/layers/conv.cc", "#include \"models/backend/kernels.h\"\n");
  write("models/backend/cpu/conv.cc", "#include <dnnl.hpp>\n#include \"models/backend/tensor.h\"\n");
  write("preprocessing/a.h", "#include \"io/clip.h\"\n#include <opencv2/imgproc.hpp>\n");
  write("io/a.cc", "extern \"C\" {\n#include <libavformat/avformat.h>\n}\n#include <opencv2/imgcodecs.hpp>\n");
  write("tests/io/a_test.cc", "#include <dnnl.hpp>\n#include \"pipeline/a.h\"\n");
  EXPECT_THAT(forbidden_includes(root_), IsEmpty());
}

TEST_F(SmallTree, ForbiddenEdgesAreNamed) {
  EXPECT_THAT(said_of("io/a.h", "#include \"preprocessing/a.h\""),
              ElementsAre(HasSubstr("io/a.h:1: includes preprocessing/a.h, but io/ may include only io/")));
  for (const auto& [file, header] : std::vector<std::pair<std::string, std::string>>{
           {"eval/a.h", "models/network.h"},
           {"decoding/a.h", "models/network.h"},
           {"models/a.h", "decoding/ctc.h"},
           {"models/a.h", "pipeline/a.h"},
           {"models/a.cc", "io/media_reader.h"},
           {"models/layers/a.cc", "models/network.h"},
           {"models/layers/a.cc", "models/backend/cpu/conv.h"},
           {"models/backend/a.h", "models/backend/cpu/conv.h"},
           {"models/backend/cpu/a.cc", "models/layers/conv.h"},
           {"models/backend/cuda/a.cu", "models/backend/cpu/conv.h"},
           {"preprocessing/a.cc", "io/media_reader.h"},
           {"data_scripts/a.cc", "models/network.h"},
           {"io/deep/folder/a.cc", "eval/a.h"},
           {"io/a.cc", "b.h"},
           {"pipeline/a.cc", "pipeline/data/a.h"},
           {"pipeline/data/a.cc", "pipeline/training/a.h"},
           {"pipeline/recognition/a.cc", "pipeline/evaluation/a.h"},
           {"pipeline/training/a.cc", "pipeline/commands/a.h"},
       }) {
    EXPECT_EQ(said_of(file, "#  include \"" + header + "\"").size(), 1U) << file << " -> " << header;
  }
}

TEST_F(SmallTree, ForeignHeadersStayInTheirPlaces) {
  EXPECT_THAT(said_of("pipeline/a.cc", "#include <opencv2/core.hpp>"), ElementsAre(HasSubstr("OpenCV stays in")));
  for (const auto& [file, header] : std::vector<std::pair<std::string, std::string>>{
           {"pipeline/a.cc", "sndfile.h"},
           {"preprocessing/a.cc", "libavutil/frame.h"},
           {"data_scripts/a.cc", "archive_entry.h"},
           {"io/a.cc", "dlib/image_processing.h"},
           {"models/a.cc", "dnnl.hpp"},
           {"models/layers/a.cc", "oneapi/dnnl/dnnl.h"},
           {"models/backend/cpu/a.cc", "cuda_runtime.h"},
       }) {
    EXPECT_EQ(said_of(file, "#include <" + header + ">").size(), 1U) << file << " -> " << header;
  }
}

TEST_F(SmallTree, OneFileOfIoKnowsOpenCv) {
  write("io/image.cc", "#include <opencv2/core.hpp>\n#include <opencv2/imgcodecs.hpp>\n");
  EXPECT_THAT(forbidden_includes(root_), IsEmpty());
  EXPECT_THAT(said_of("io/shard.cc", "#include <opencv2/core.hpp>"), ElementsAre(HasSubstr("io/image.cc does")));
}

TEST_F(SmallTree, AnEmptyTreeIsAnError) { EXPECT_THROW(forbidden_includes(root_), std::runtime_error); }

}  // namespace
}  // namespace avsr::tests
