// Writes a file so that a reader, or a run killed half-way, never meets a half-written one.
#pragma once

#include <filesystem>
#include <functional>
#include <span>

namespace avsr::models {

using ByteSink = std::function<void(std::span<const std::byte>)>;

// `write` is handed a sink and puts the contents into it, in order. They go to a temporary file in the same folder, are
// flushed to disk and renamed over `path`. Missing folders are made. Throws std::runtime_error naming the file.
void write_atomically(const std::filesystem::path& path, const std::function<void(const ByteSink&)>& write);

}  // namespace avsr::models
