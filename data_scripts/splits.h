// Splits for a corpus that names none.
#pragma once

#include <string>
#include <vector>

#include "data_scripts/sources.h"

namespace avsr::data_scripts {

// Gives each source a split: 80 % train, 10 % val, 10 % test. Where every speaker is known and there are at least
// three, a speaker's clips stay together (shares are then as near as whole speakers allow, none of them empty); else
// clips are dealt one by one, the clips of each label alike. Who goes where depends on hashes of the names, not on the
// order. Returns a sentence that says what was done.
std::string assign_splits(std::vector<Source>& sources);

}  // namespace avsr::data_scripts
