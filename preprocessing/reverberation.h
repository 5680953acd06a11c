// A room: speech as its impulse response makes it.
#pragma once

#include <string>

#include "io/clip.h"

namespace avsr::preprocessing {

// speech convolved with the response, which starts at its direct sound (its largest magnitude; what is earlier comes
// before it), so that lips and sound stay together; of the speech's own length and power. `name` is the response's in
// errors. Throws std::runtime_error when it is silent or has a sample that is not finite. Silent speech stays silent.
io::Waveform reverberated(const io::Waveform& speech, const io::Waveform& response, const std::string& name);

}  // namespace avsr::preprocessing
