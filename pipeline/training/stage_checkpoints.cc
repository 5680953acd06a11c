#include "pipeline/training/stage_checkpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "io/atomic_file.h"
#include "models/safetensors.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "checkpoint-epoch-";

}  // namespace

std::vector<fs::path> StageCheckpoints::kept() const {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder_)) return files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_))
    if (entry.path().filename().string().starts_with(kPrefix) && entry.path().extension() == ".safetensors")
      files.push_back(entry.path());
  std::sort(files.rbegin(), files.rend());  // their numbers have leading zeros
  return files;
}

bool StageCheckpoints::any() const { return fs::exists(last()) || !kept().empty(); }

void StageCheckpoints::save(layers::ParameterArena& arena, const models::NamedTensors& tensors,
                            const nlohmann::json& state) const {
  models::save_checkpoint(last(), arena, tensors, state);
}

void StageCheckpoints::keep(int epoch) const {
  if (keep_ > 0) {
    // Bytes of its own, not a second name for the same ones: it is there for when those are damaged.
    const fs::path file = folder_ / fmt::format("{}{:04}.safetensors", kPrefix, epoch);
    io::write_file_atomically(file.string(), io::read_binary_file(last().string()));
  }
  const std::vector<fs::path> files = kept();
  for (size_t i = static_cast<size_t>(keep_); i < files.size(); ++i) fs::remove(files[i]);
}

std::optional<nlohmann::json> StageCheckpoints::load(layers::ParameterArena& arena, const models::NamedTensors& tensors,
                                                     const std::function<void(const std::string&)>& say) const {
  std::vector<fs::path> files = kept();
  if (fs::exists(last())) files.insert(files.begin(), last());
  std::string damage;
  for (const fs::path& file : files) {
    try {
      nlohmann::json state = models::load_checkpoint(file, arena, tensors);
      if (!damage.empty() && say) say(fmt::format("going on from {}", file.string()));
      return state;
    } catch (const models::DamagedFile& error) {
      damage = error.what();
      if (say) say(fmt::format("warning: {}", damage));
      fs::rename(file, fs::path(file) += ".damaged");
    }
  }
  if (damage.empty()) return std::nullopt;
  throw std::runtime_error(fmt::format(
      "[train] {}: no checkpoint of this stage can be read (the damaged ones now end in .damaged); bring one "
      "back from a copy, or run again to train the stage from its start",
      folder_.string()));
}

}  // namespace avsr::pipeline
