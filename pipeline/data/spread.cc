#include "pipeline/data/spread.h"

#include <algorithm>
#include <cstdint>

#include "io/shards.h"
#include "pipeline/data/dataset.h"

namespace avsr::pipeline {

std::vector<int> spread(int count, int most) {
  std::vector<int> chosen;
  const int wanted = std::min(count, most);
  for (int i = 0; i < wanted; ++i) chosen.push_back(static_cast<int>(static_cast<int64_t>(i) * count / wanted));
  return chosen;
}

io::Frames sample_mouths(const std::string& folder, int most) {
  const io::ShardDataset clips = open_prepared(folder);
  io::Frames mouths;
  for (const int index : spread(clips.size(), most)) {
    const io::Frames& about = clips.record(index).clip.mouth;
    if (about.count == 0) continue;
    if (mouths.count == 0) mouths.height = about.height, mouths.width = about.width;
    if (about.height != mouths.height || about.width != mouths.width) continue;
    const io::Frames mouth = clips.read(index, io::ClipPart::kVideo).mouth;
    const uint8_t* middle = mouth.frame(mouth.count / 2);
    mouths.pixels.insert(mouths.pixels.end(), middle, middle + mouth.frame_size());
    ++mouths.count;
  }
  return mouths;
}

}  // namespace avsr::pipeline
