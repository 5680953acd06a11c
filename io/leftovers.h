// What an AtomicFile leaves behind when its process is killed.
#pragma once

#include <set>
#include <string>

namespace avsr::io {

// Removes from a folder, if there is one, the temporary files that were to become one of `names`, whichever process
// began them. For a caller that alone writes files of these names.
void remove_leftovers(const std::string& folder, const std::set<std::string>& names);

}  // namespace avsr::io
