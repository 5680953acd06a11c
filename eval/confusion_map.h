// The confusion matrix as a picture.
#pragma once

#include <string>
#include <vector>

#include "eval/class_metrics.h"
#include "eval/gnuplot.h"

namespace avsr::eval {

// The labels that a picture of `most` rows can show, in their order: all that were said or answered where they are no
// more than that, else those with the most clips that were wrong, said or answered; of equals the smaller index.
std::vector<int> labels_to_show(const ConfusionMatrix& matrix, int most);

// Rows: the words said; columns: the answers; each cell as dark as its share of the row's clips, also of those whose
// answer is not shown. Counts stand in the cells where there is room. names (V): of the labels. shown: indices of
// labels. Nothing to be drawn without labels or clips.
SvgPlot confusion_map(const ConfusionMatrix& matrix, const std::vector<std::string>& names,
                      const std::vector<int>& shown);

}  // namespace avsr::eval
