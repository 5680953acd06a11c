// Where a word lies in its training example, and stretches cut around it at random.
#pragma once

#include "preprocessing/random.h"

namespace avsr::pipeline {

// In frames from the start of an example, fractions too. Without a word both are equal.
struct WordSpan {
  double first = 0, last = 0;
  // Whether frame t belongs to the word: its middle lies inside.
  bool holds(int t) const { return t + 0.5 >= first && t + 0.5 < last; }
};

struct TimeCrop {
  int first = 0, frames = 0;
};

// Variable length (Ma et al. 2021): from a uniformly drawn frame before the word to one behind it, and never fewer than
// `least` frames where the example has as many. A word that reaches beyond the example reaches to its end.
TimeCrop draw_time_crop(const WordSpan& word, int frames, int least, preprocessing::Random random);

}  // namespace avsr::pipeline
