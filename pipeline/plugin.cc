#include "pipeline/plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>

namespace avsr::pipeline {

void* load_plugin(const std::string& file, std::string& error) {
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (const std::filesystem::path& path : {program / file, program / "../lib/avsr" / file}) {
    if (!std::filesystem::exists(path)) continue;
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    error = dlerror();
    return nullptr;
  }
  if (void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  const std::string text = dlerror();
  // On the loader's path only this text tells "absent" from "present, but a library that it needs is absent".
  if (!text.starts_with(file + ": cannot open shared object file")) error = text;
  return nullptr;
}

void* plugin_address(void* library, const std::string& file, const char* function, const char* interface_function) {
  using Interface = const char* (*)();
  const auto interface = reinterpret_cast<Interface>(dlsym(library, interface_function));
  void* address = dlsym(library, function);
  if (!interface || !address || std::string(interface()) != AVSR_BACKEND_INTERFACE)
    throw std::runtime_error(
        fmt::format("[device] {} is of another version than this program: install both of one build", file));
  return address;
}

}  // namespace avsr::pipeline
