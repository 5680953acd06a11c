// Texts that all written reports of evaluations share.
#pragma once

#include <string>

#include "pipeline/evaluation/tested_split.h"

namespace avsr::pipeline {

// A label or a model's name as text of results.md: "<background>" is no HTML, and "|" ends no cell.
std::string markdown_text(const std::string& name);

// The first line of a table (in Markdown two): what stands in its corner, and a column for each of the panel's
// conditions. As plain text the first column is `width` characters wide, the others 9.
std::string table_heading(const std::string& corner, const TestedSplit::Panel& panel, bool markdown = true,
                          size_t width = 0);

// "noise-curve.svg" for the first panel, then "noise-curve-white-blur-2.svg".
std::string picture_of(const TestedSplit::Panel& panel, bool first);

// "Split …, data hash …, seed …."
std::string data_text(const TestedSplit& split);

}  // namespace avsr::pipeline
