// CRC-32 (ISO 3309, as zip and PNG use it): tells damaged bytes from whole ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace avsr::io {

uint32_t crc32(std::span<const std::byte> bytes);
uint32_t crc32(std::span<const std::span<const std::byte>> pieces);  // of all, one after the other

}  // namespace avsr::io
