#include "pipeline/training/study.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

#include "io/atomic_file.h"

namespace avsr::pipeline {

void StudySettings::say(const std::string& line) const {
  if (reporter.say) reporter.say(line);
}

RunSettings StudySettings::run_in(const std::string& folder) const {
  RunSettings run;
  run.data = data;
  run.out = out / folder;
  run.stages = stages;
  run.resume = std::filesystem::exists(run.out / "run.json");
  run.workers = workers;
  run.cache_gb = cache_gb;
  run.keep_checkpoints = 0;
  run.stop = stop;
  run.reporter.tick = reporter.tick;
  run.reporter.note = reporter.note;
  run.reporter.say = [this](const std::string& line) { say(fmt::format("  {}", line)); };
  return run;
}

void claim_folder(const std::filesystem::path& out, const std::string& command, const std::string& noun,
                  const nlohmann::json& wanted) {
  io::require_output_folder(out.string());
  const std::string file = (out / (command + ".json")).string();
  if (!std::filesystem::exists(file)) {
    io::write_file_atomically(file, std::string_view(wanted.dump(2) + "\n"));
    return;
  }
  const nlohmann::json known = nlohmann::json::parse(io::read_text_file(file), nullptr, false);
  std::vector<std::string> other;
  for (const auto& [key, value] : wanted.items())
    if (!known.is_object() || !known.contains(key) || known[key] != value) other.push_back(key);
  if (!other.empty())
    throw std::runtime_error(fmt::format("[{}] {} holds another {} (other {}): choose another --out, or remove it",
                                         command, out.string(), noun, fmt::join(other, ", ")));
}

void remove_checkpoints(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.path().filename().string().starts_with("checkpoint")) files.push_back(entry.path());
  for (const std::filesystem::path& file : files) std::filesystem::remove(file);
}

}  // namespace avsr::pipeline
