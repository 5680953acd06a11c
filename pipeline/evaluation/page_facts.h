// What was tested, for a page on an evaluation: values for templates/tested_part.html.
#pragma once

#include <nlohmann/json.hpp>

#include "pipeline/evaluation/tested_split.h"

namespace avsr::pipeline {

// facts, models, noises, notes, grouped_by, first_condition.
void add_facts(const TestedSplit& split, nlohmann::json& page);

}  // namespace avsr::pipeline
