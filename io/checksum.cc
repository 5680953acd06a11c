#include "io/checksum.h"

#include <boost/crc.hpp>

namespace avsr::io {

uint32_t crc32(std::span<const std::byte> bytes) { return crc32(std::span(&bytes, 1)); }

uint32_t crc32(std::span<const std::span<const std::byte>> pieces) {
  boost::crc_32_type crc;
  for (const auto& piece : pieces) crc.process_bytes(piece.data(), piece.size());
  return crc.checksum();
}

}  // namespace avsr::io
