#include "io/data_uri.h"

#include <algorithm>
#include <boost/archive/iterators/base64_from_binary.hpp>
#include <boost/archive/iterators/transform_width.hpp>
#include <vector>

namespace avsr::io {

std::string base64(std::span<const uint8_t> bytes) {
  using Digits = boost::archive::iterators::base64_from_binary<
      boost::archive::iterators::transform_width<std::vector<uint8_t>::const_iterator, 6, 8>>;
  // Whole groups of three: the iterators would read beyond an end inside one.
  const size_t missing = (3 - bytes.size() % 3) % 3;
  std::vector<uint8_t> whole(bytes.size() + missing);
  std::copy(bytes.begin(), bytes.end(), whole.begin());
  std::string text(Digits(whole.cbegin()), Digits(whole.cend()));
  text.replace(text.size() - missing, missing, missing, '=');
  return text;
}

std::string png_data_uri(const Image& image) { return "data:image/png;base64," + base64(encode_png(image)); }

}  // namespace avsr::io
