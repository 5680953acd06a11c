// Shared libraries of ours that are loaded when they are wanted: what they need may be absent.
#pragma once

#include <string>

namespace avsr::pipeline {

// Looked for beside the program, in ../lib/avsr of it, and on the loader's path. It stays loaded for the program's
// life: its code runs in the objects that it makes. Null with a text in `error`: it is there and cannot be loaded; null
// without: it is not there.
void* load_plugin(const std::string& file, std::string& error);

// The address of `function`. Throws std::runtime_error unless the plug-in was built with this program's headers, whose
// fingerprint `interface_function` returns.
void* plugin_address(void* library, const std::string& file, const char* function, const char* interface_function);
template <typename Function>
Function plugin_function(void* library, const std::string& file, const char* function, const char* interface_function) {
  return reinterpret_cast<Function>(plugin_address(library, file, function, interface_function));
}

}  // namespace avsr::pipeline
