// An evaluation made by hand, with all that a page can show.
#pragma once

#include "pipeline/evaluation/evaluation.h"

namespace avsr::pipeline {

// Three systems, clean and in two noises at two levels, with a blurred picture and without, and without sound; two
// speakers, four labels (one of which would be a script on a careless page), joined decisions, and two of the worst
// clips.
Evaluation page_evaluation();

}  // namespace avsr::pipeline
