// A bounded cache of kernel objects: the least recently used one leaves first.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

namespace avsr::backend {

template <typename Key, typename Kernel>
class KernelCache {
 public:
  explicit KernelCache(size_t capacity = 256) : capacity_(capacity) {}

  // The kernel of this key; make() builds it on first use.
  template <typename Make>
  std::shared_ptr<Kernel> get(const Key& key, Make&& make) {
    ++clock_;
    if (auto found = entries_.find(key); found != entries_.end()) {
      found->second.second = clock_;
      return found->second.first;
    }
    std::shared_ptr<Kernel> kernel = make();
    if (entries_.size() >= capacity_) entries_.erase(find_oldest());
    entries_.emplace(key, std::pair(kernel, clock_));
    return kernel;
  }

  // Where the cache is full: the least recently used kernel, which leaves it, to be made over into another.
  std::shared_ptr<Kernel> take_oldest() {
    if (entries_.size() < capacity_) return nullptr;
    const auto oldest = find_oldest();
    std::shared_ptr<Kernel> kernel = std::move(oldest->second.first);
    entries_.erase(oldest);
    return kernel;
  }

  size_t size() const { return entries_.size(); }

 private:
  auto find_oldest() {
    auto oldest = entries_.begin();
    for (auto i = entries_.begin(); i != entries_.end(); ++i)
      if (i->second.second < oldest->second.second) oldest = i;
    return oldest;
  }

  size_t capacity_;
  uint64_t clock_ = 0;
  std::map<Key, std::pair<std::shared_ptr<Kernel>, uint64_t>> entries_;
};

}  // namespace avsr::backend
