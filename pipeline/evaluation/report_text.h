// Texts that all written reports of evaluations share.
#pragma once

#include <string>

#include "pipeline/evaluation/tested_split.h"

namespace avsr::pipeline {

// A label or a model's name as text of results.md: "<background>" is no HTML, and "|" ends no cell.
std::string markdown_text(const std::string& name);

// "noise-curve.svg" for the first panel, then "noise-curve-white-blur-2.svg".
std::string picture_of(const TestedSplit::Panel& panel, bool first);

// "Split …, data hash …, seed …."
std::string data_text(const TestedSplit& split);

}  // namespace avsr::pipeline
