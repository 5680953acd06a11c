// What is wrong with a recipe can be known before any data are read: a late stage with a mistyped path must not be
// found out hours later.
#pragma once

#include <string>
#include <vector>

#include "models/backend/backend.h"
#include "pipeline/training/recipe.h"
#include "pipeline/training/transfer.h"

namespace avsr::pipeline {

// Declares the network of every stage, chosen or not, and looks whether what it loads, trains and freezes is there, and
// whether the ancestor (null: none) brings anything. `stages`: names that the user gave; each must be one of the
// recipe's. Throws std::invalid_argument naming the stage.
void check_recipe(backend::Backend& backend, const Recipe& recipe, const Ancestor* ancestor,
                  const std::vector<std::string>& stages);

}  // namespace avsr::pipeline
