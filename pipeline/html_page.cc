#include "pipeline/html_page.h"

#include <fmt/format.h>

#include <kainjow/mustache.hpp>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace avsr::pipeline {
namespace {

using kainjow::mustache::data;

constexpr std::string_view kPart = "_part";  // ends the name of a template that others include

data to_mustache(const nlohmann::json& json) {
  if (json.is_object()) {
    data object(data::type::object);
    for (const auto& [key, value] : json.items()) object.set(key, to_mustache(value));
    return object;
  }
  if (json.is_array()) {
    data list(data::type::list);
    for (const nlohmann::json& value : json) list.push_back(to_mustache(value));
    return list;
  }
  if (json.is_boolean()) return data(json.get<bool>());
  return data(json.is_string() ? json.get<std::string>() : json.dump());
}

}  // namespace

std::string html_page(const std::string& name, const nlohmann::json& values) {
  const auto& texts = built_in_templates();
  const auto found = texts.find(name);
  if (found == texts.end()) throw std::invalid_argument(fmt::format("[page] there is no template '{}'", name));
  kainjow::mustache::mustache page(found->second);
  if (!page.is_valid())
    throw std::invalid_argument(fmt::format("[page] template '{}': {}", name, page.error_message()));
  nlohmann::json all = values;
  all["style"] = texts.at("style");
  data filled = to_mustache(all);
  for (const auto& part : texts)
    if (part.first.ends_with(kPart))
      filled.set(part.first, kainjow::mustache::partial([&text = part.second] { return text; }));
  return page.render(filled);
}

}  // namespace avsr::pipeline
