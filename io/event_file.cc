#include "io/event_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <boost/crc.hpp>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <stdexcept>

namespace avsr::io {
namespace {

constexpr char kPrefix[] = "events.out.tfevents.";

void put_fixed(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

// CRC-32C (Castagnoli) as TFRecord keeps it: rotated and moved, so that the checksum of data that holds checksums is
// still one.
uint32_t masked_crc(const std::string& data) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(data.data(), data.size());
  return std::rotr(crc.checksum(), 15) + 0xa282ead8u;
}

std::string record(const std::string& data) {
  std::string length, framed;
  put_fixed(length, data.size(), 8);
  framed = length;
  put_fixed(framed, masked_crc(length), 4);
  framed += data;
  put_fixed(framed, masked_crc(data), 4);
  return framed;
}

// ---- protobuf's wire format: each field is a key (number, kind) and a value
enum Kind : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}
void put_key(std::string& out, int number, Kind kind) { put_varint(out, static_cast<uint64_t>(number) << 3 | kind); }
void put_bytes(std::string& out, int number, const std::string& bytes) {
  put_key(out, number, kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

// ---- tensorflow/core/util/event.proto, framework/summary.proto
// Event {1: double wall_time, 2: int64 step}; callers append one of 3: file_version, 5: summary, 7: session_log.
std::string event_head(int64_t step) {
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::string event;
  put_key(event, 1, kFixed64);
  put_fixed(event, std::bit_cast<uint64_t>(now), 8);
  put_key(event, 2, kVarint);
  put_varint(event, static_cast<uint64_t>(step));
  return event;
}

std::string version_event() {
  std::string event = event_head(0);
  put_bytes(event, 3, "brain.Event:2");
  return event;
}

// SessionLog {1: status = START (1)}: readers drop earlier points from this step on.
std::string start_event(int64_t step) {
  std::string log, event = event_head(step);
  put_key(log, 1, kVarint);
  put_varint(log, 1);
  put_bytes(event, 7, log);
  return event;
}

// Summary {1: repeated Value {1: tag, 2: float simple_value}}
std::string summary_event(int64_t step, const std::vector<std::pair<std::string, double>>& scalars) {
  std::string summary, event = event_head(step);
  for (const auto& [tag, number] : scalars) {
    std::string value;
    put_bytes(value, 1, tag);
    put_key(value, 2, kFixed32);
    put_fixed(value, std::bit_cast<uint32_t>(static_cast<float>(number)), 4);
    put_bytes(summary, 1, value);
  }
  put_bytes(event, 5, summary);
  return event;
}

// Readers take a folder's files in the order of their names.
int next_number(const std::string& folder) {
  int last = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    int number = 0;
    std::from_chars(name.data() + sizeof(kPrefix) - 1, name.data() + name.size(), number);
    last = std::max(last, number);
  }
  return last + 1;
}

}  // namespace

EventFile::EventFile(const std::string& folder, int64_t first_step) {
  std::filesystem::create_directories(folder);
  path_ = (std::filesystem::path(folder) / fmt::format("{}{:06}", kPrefix, next_number(folder))).string();
  file_.open(path_, std::ios::binary);
  write(version_event());
  write(start_event(first_step));
}

void EventFile::add(int64_t step, const std::vector<std::pair<std::string, double>>& scalars) {
  write(summary_event(step, scalars));
}

void EventFile::write(const std::string& event) {
  file_ << record(event) << std::flush;
  if (!file_)
    throw std::runtime_error(fmt::format(
        "[events] {}: cannot be written: is the disk full, or may nothing be written there? Free some space", path_));
}

}  // namespace avsr::io
