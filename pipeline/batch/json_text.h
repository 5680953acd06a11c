// JSON as files hold it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace avsr::pipeline {

// The name of a file need not be UTF-8, which JSON must be: other bytes become U+FFFD.
inline std::string json_text(const nlohmann::json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace avsr::pipeline
