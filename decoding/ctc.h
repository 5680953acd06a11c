// The CTC loss of Graves, Fernández, Gomez and Schmidhuber 2006, and its gradient.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace avsr::decoding {

// Steps, both inclusive.
struct StepWindow {
  int first = 0, last = 0;
};

// A padded batch. What lies beyond a clip's own length is not read.
struct CtcBatch {
  std::span<const float> logits;             // (B, T, V), row-major, before softmax
  int steps = 0;                             // T
  int symbols = 0;                           // V, the blank among them
  std::span<const int> lengths;              // (B) valid steps, 0 to T
  std::span<const std::vector<int>> labels;  // (B) what was said, without blanks; may be empty
  int blank = 0;
  // (B) of each clip the steps at which each of its labels may be read, or nothing for a clip: at any. Other paths then
  // count as wrong (Sak et al. 2015, constrained alignments), so that a network learns to write when it hears. Empty:
  // no clip has any.
  std::span<const std::vector<StepWindow>> windows = {};
};

// (B) -ln P(labels | logits) of each clip, in nats: of all paths over its steps that read as the labels once repeats
// are joined and blanks taken out. In logarithms and double precision.
//   dlogits (B, T, V), or empty where no gradient is wanted: overwritten with each clip's own derivative (equation 16
//   of the paper: probability minus share of the paths); 0 beyond its length. Means over clips are the caller's.
//   No path: a clip with fewer steps than labels plus neighbours that are equal has probability 0. Its loss is infinite
//   and its gradient 0, as PyTorch's with zero_infinity (which, besides, reports a loss of 0).
//   Logits that give no distribution (NaN, plus infinity): loss and gradient of that clip are NaN, so that whoever
//   watches the training sees them. Minus infinity is a probability of 0.
// Throws std::invalid_argument on sizes that do not fit, windows that are not as many as labels, lengths outside 0 ..
// T, labels that are no symbols or blank.
std::vector<double> ctc_loss(const CtcBatch& batch, std::span<float> dlogits = {});

// The same for one clip: logits and dlogits (T, V). Of log-probabilities it is minus their logarithm of the probability
// of the labels, since log softmax leaves them as they are.
double ctc_loss(std::span<const float> logits, int symbols, std::span<const int> labels, int blank,
                std::span<float> dlogits = {});

}  // namespace avsr::decoding
