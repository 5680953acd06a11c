#include "pipeline/batch/done_record.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "io/atomic_file.h"
#include "pipeline/batch/json_text.h"

namespace avsr::pipeline {

namespace fs = std::filesystem;

InputState state_of(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0)
    throw std::runtime_error(fmt::format("{}: cannot open: {}", path, std::strerror(errno)));
  return {fs::absolute(path).lexically_normal().string(), static_cast<uintmax_t>(status.st_size),
          status.st_mtim.tv_sec * 1000000000LL + status.st_mtim.tv_nsec};
}

std::string DoneRecords::path(const std::string& stem) const {
  return (fs::path(out_) / ".avsr" / (stem + ".json")).string();
}

void DoneRecords::write(const std::string& stem, const DoneRecord& record) const {
  io::write_file_atomically(path(stem), json_text({{"input", record.input.path},
                                                   {"bytes", record.input.bytes},
                                                   {"modified_ns", record.input.modified_ns},
                                                   {"made_with", record.made_with},
                                                   {"formats", record.formats},
                                                   {"outputs", record.outputs},
                                                   {"seconds", record.seconds},
                                                   {"words", record.words}}));
}

std::optional<DoneRecord> DoneRecords::read(const std::string& stem) const {
  const std::string file = path(stem);
  std::error_code error;
  if (!fs::exists(file, error)) return {};
  try {
    const nlohmann::json json = nlohmann::json::parse(io::read_text_file(file));
    DoneRecord record;
    json.at("input").get_to(record.input.path);
    json.at("bytes").get_to(record.input.bytes);
    json.at("modified_ns").get_to(record.input.modified_ns);
    json.at("made_with").get_to(record.made_with);
    json.at("formats").get_to(record.formats);
    json.at("outputs").get_to(record.outputs);
    json.at("seconds").get_to(record.seconds);
    json.at("words").get_to(record.words);
    return record;
  } catch (const nlohmann::json::exception&) {
    return {};  // somebody else's file, or damaged by a crash of the machine: the results are made again
  }
}

void DoneRecords::remove(const std::string& stem) const {
  std::error_code error;
  fs::remove(path(stem), error);
  if (error) throw std::runtime_error(fmt::format("{}: cannot remove: {}", path(stem), error.message()));
}

bool DoneRecords::holds(const DoneRecord& record, const InputState& input, const std::string& made_with,
                        std::string& why) const {
  if (record.made_with != made_with) {
    why = "the models or settings have changed";
  } else if (record.input.path != input.path) {
    why = "another file had this name";
  } else if (record.input != input) {
    why = "the file has changed";
  } else {
    std::error_code error;
    for (const std::string& output : record.outputs)
      if (!fs::is_regular_file(fs::path(out_) / output, error)) why = "a result is gone";
  }
  return why.empty();
}

}  // namespace avsr::pipeline
