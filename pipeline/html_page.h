// Pages for a browser, from the Mustache templates of pipeline/templates, which are built into the program.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace avsr::pipeline {

// The page of a template by its file's name without ending. values: an object of texts, true and false, lists and
// further objects; a text is made safe for HTML by {{name}}, and stands as it is with {{{name}}}. The common style
// sheet is {{{style}}}; {{>name_part}} includes the template of that name, with the page's values. Throws
// std::invalid_argument where there is no such template or it is not well-formed.
std::string html_page(const std::string& name, const nlohmann::json& values);

// The files of pipeline/templates: name -> text.
const std::map<std::string, std::string>& built_in_templates();

}  // namespace avsr::pipeline
