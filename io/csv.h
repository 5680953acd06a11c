// Tables as text: comma-separated values.
#pragma once

#include <string>

namespace avsr::io {

// As a field of a CSV line: in quotes where it has to be (RFC 4180).
std::string csv_field(const std::string& text);

}  // namespace avsr::io
