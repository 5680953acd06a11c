// Files inside a page: the browser asks for nothing else.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "io/image_file.h"

namespace avsr::io {

// RFC 4648, with padding.
std::string base64(std::span<const uint8_t> bytes);

// "data:image/png;base64,…". Throws std::invalid_argument as encode_png does.
std::string png_data_uri(const Image& image);

}  // namespace avsr::io
