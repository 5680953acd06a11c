// Where a sentence model's windows lie in a recording.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "pipeline/recognition/answering.h"

namespace avsr::pipeline {

// Note [Windows of sentences]
// A stretch is a run of frames with one answer. Windows have the length that the model was trained on, and their grid
// begins where the stretch does, never where the file does: what is heard of a stretch depends on what is around it
// alone. A longer stretch has windows that overlap by half, the last of which ends with it and may overlap by more. A
// shorter one has one window, filled up with what stands before and behind it (training clips begin and end in
// silence), of which the stretch's own frames count. One length and no other, because a back end keeps kernels by
// shape: an hour of stretches would meet a hundred, with memory for each.
struct SentenceWindow {
  int64_t start = 0;
  int frames = 0;                   // 0: nobody answers; the stretch alone is told
  int64_t first = 0, end = 0;       // frames that belong to the stretch
  bool begins = true, ends = true;  // whether it is the stretch's first, last window
  Answer answer;
};

class SentenceWindows {
 public:
  explicit SentenceWindows(int window_frames);  // throws std::invalid_argument below 2

  void push(const Answer& answer);  // of the next frame
  void finish();                    // no push afterwards
  // The next window of which all frames are there, of `frames` that the recording has so far; none: later. After
  // finish() `frames` are all that there are.
  std::optional<SentenceWindow> take(int64_t frames);
  int64_t needed_from() const;  // frames before it will not be in any further window

 private:
  void open(const Answer& answer);
  void close();
  SentenceWindow placed(SentenceWindow window, int64_t frames) const;

  int window_frames_;
  bool finished_ = false, open_ = false;
  int64_t pushed_ = 0;
  int64_t start_ = 0, next_ = 0;  // of the stretch that goes on: its first frame, and that of its next window
  Answer answer_;
  std::deque<SentenceWindow> waiting_;
};

}  // namespace avsr::pipeline
