// Grey images of one size that wait for what is to be cut out of them.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace avsr::preprocessing {

class PictureQueue {
 public:
  void push(const uint8_t* pixels, size_t size) {
    std::vector<uint8_t> copy;
    if (!spare_.empty()) {
      copy = std::move(spare_.back());
      spare_.pop_back();
    }
    copy.assign(pixels, pixels + size);
    pictures_.push_back(std::move(copy));
  }
  // index: counted from 0 in the order of push; not dropped yet.
  const uint8_t* at(int64_t index) const { return pictures_[static_cast<size_t>(index - first_)].data(); }
  void drop_before(int64_t index) {
    for (; first_ < index && !pictures_.empty(); ++first_) {
      spare_.push_back(std::move(pictures_.front()));
      pictures_.pop_front();
    }
  }
  int64_t end() const { return first_ + static_cast<int64_t>(pictures_.size()); }
  size_t held() const { return pictures_.size(); }

 private:
  std::deque<std::vector<uint8_t>> pictures_;
  std::vector<std::vector<uint8_t>> spare_;  // memory to be used again
  int64_t first_ = 0;
};

}  // namespace avsr::preprocessing
