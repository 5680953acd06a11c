// How far two names are apart, for suggestions in error messages.
#pragma once

#include <cstddef>
#include <string_view>

namespace avsr::layers {

// Letters to insert, delete or replace to turn one into the other (Levenshtein 1966).
size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace avsr::layers
