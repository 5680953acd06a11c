#include "io/data_uri.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string_view>
#include <vector>

namespace avsr::io {
namespace {

std::string base64_of(std::string_view text) {
  return base64({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

TEST(DataUri, Base64IsTheStandardsExamples) {
  EXPECT_EQ(base64_of(""), "");
  EXPECT_EQ(base64_of("f"), "Zg==");
  EXPECT_EQ(base64_of("fo"), "Zm8=");
  EXPECT_EQ(base64_of("foo"), "Zm9v");
  EXPECT_EQ(base64_of("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64_of("\xff\xfe\xfb"), "//77");
}

TEST(DataUri, APictureIsPng) {
  const Image image{2, 3, 1, {0, 1, 2, 253, 254, 255}};
  EXPECT_EQ(png_data_uri(image).substr(0, 33), "data:image/png;base64,iVBORw0KGgo");
  EXPECT_EQ(decode_image(encode_png(image), 1).pixels, image.pixels);
  EXPECT_THROW(png_data_uri({2, 3, 1, {0, 1}}), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::io
