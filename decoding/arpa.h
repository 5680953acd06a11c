// ARPA files: n-gram models as SRILM, KenLM and others write them.
#pragma once

#include <filesystem>
#include <istream>
#include <string_view>

#include "decoding/ngram.h"

namespace avsr::decoding {

// UTF-8, not compressed. Read as these programs write it: any text before \data\; fields parted by tabs or spaces;
// lines ended by LF or CR LF; -99 or -inf for a probability of 0; no back-off weight where it is 0; n-grams whose
// beginnings are not listed. What follows \end\ is not read. Throws std::runtime_error, "file:line: expected …, found
// …": a file that cannot be read, is cut off or is none of these; n-grams that are not as many as announced, have words
// that are no unigrams, are there twice, or have a probability above 1.
Ngram read_arpa(const std::filesystem::path& file);
// The same from a stream; name: what errors call it.
Ngram read_arpa(std::istream& in, std::string_view name);

}  // namespace avsr::decoding
