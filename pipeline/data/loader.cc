#include "pipeline/data/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "io/parallel.h"
#include "pipeline/data/example_maker.h"
#include "pipeline/pinning.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

using preprocessing::derive_key;
using preprocessing::Random;

std::vector<int> order_of(const Dataset& dataset, const LoaderSettings& settings) {
  std::vector<int> order(dataset.samples().size());
  std::iota(order.begin(), order.end(), 0);
  if (!settings.training) return order;
  Random random(derive_key(settings.seed, static_cast<uint64_t>(settings.epoch), kOrder));
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  if (order.size() > static_cast<size_t>(settings.batch))
    order.resize(order.size() / static_cast<size_t>(settings.batch) * static_cast<size_t>(settings.batch));
  return order;
}

// What comes as one: a stretch of the order that is a batch or a part of one.
struct Piece {
  size_t first, last;
  int whole_clips;
  bool ends_batch;
};

std::vector<Piece> pieces_of(size_t examples, const LoaderSettings& settings) {
  std::vector<Piece> pieces;
  for (size_t start = 0; start < examples; start += static_cast<size_t>(settings.batch)) {
    const size_t size = std::min(examples - start, static_cast<size_t>(settings.batch));
    const size_t parts = std::min(size, static_cast<size_t>(settings.parts));
    for (size_t p = 0; p < parts; ++p)
      pieces.push_back(
          {start + size * p / parts, start + size * (p + 1) / parts, static_cast<int>(size), p + 1 == parts});
  }
  return pieces;
}

}  // namespace

struct Loader::Impl {
  Impl(const Dataset& data, const BatchWriter& batch_writer, const LoaderSettings& given)
      : dataset(data),
        writer(batch_writer),
        settings(given),
        order(order_of(data, given)),
        maker(data, batch_writer, settings, order) {
    pieces = pieces_of(order.size(), settings);
    if (settings.workers <= 0) settings.workers = std::max(1, allowed_cores() / 2);
    settings.workers = std::min(settings.workers, io::kMostWorkers);
    if (settings.ahead <= 0) settings.ahead = 2 * settings.workers;
    next_made = next_taken = settings.first_batch * std::min(settings.parts, settings.batch);
    threads = io::start_threads(settings.workers, [this] {
      free_this_thread();
      work();
    });
  }
  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    changed.notify_all();
    threads.clear();  // joins
  }

  void work() {
    while (true) {
      int index = 0;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return stop || next_made >= count() || next_made < next_taken + settings.ahead; });
        if (stop || next_made >= count()) return;
        index = next_made++;
      }
      HostBatch batch;
      std::exception_ptr failure;
      try {
        fill(index, batch);
      } catch (...) {
        failure = std::current_exception();
      }
      {
        const std::lock_guard lock(mutex);
        made[index] = {std::move(batch), failure};
      }
      changed.notify_all();
    }
  }

  int count() const { return static_cast<int>(pieces.size()); }

  void fill(int index, HostBatch& batch) const {
    const Piece& piece = pieces[static_cast<size_t>(index)];
    const auto [begin, end] = settings.ranks.part_of(piece.last - piece.first);
    const std::span<const int> part(order.data() + piece.first + begin, end - begin);
    std::vector<int> frames;
    for (const int sample : part) frames.push_back(maker.frames(sample));
    if (!part.empty()) writer.begin(frames, batch);
    batch.whole_clips = piece.whole_clips;
    batch.ends_batch = piece.ends_batch;
    if (part.empty()) return;
    for (size_t i = 0; i < part.size(); ++i) maker.make(part[i], static_cast<int>(i), batch);
    maker.mix_pairs(index, batch);
  }

  const Dataset& dataset;
  const BatchWriter& writer;
  LoaderSettings settings;
  std::vector<int> order;
  ExampleMaker maker;
  std::vector<Piece> pieces;

  std::mutex mutex;
  std::condition_variable changed;
  std::map<int, std::pair<HostBatch, std::exception_ptr>> made;
  int next_made = 0, next_taken = 0;
  double waited_seconds = 0;
  bool stop = false;
  std::vector<std::jthread> threads;
};

Loader::Loader(const Dataset& dataset, const BatchWriter& writer, const LoaderSettings& settings)
    : impl_(std::make_unique<Impl>(dataset, writer, settings)) {}

Loader::~Loader() = default;

double Loader::waited_seconds() const { return impl_->waited_seconds; }
int Loader::batches() const {
  const size_t size = static_cast<size_t>(impl_->settings.batch);
  return static_cast<int>((impl_->order.size() + size - 1) / size);
}
int Loader::examples() const { return static_cast<int>(impl_->order.size()); }

bool Loader::next(HostBatch& batch) {
  std::unique_lock lock(impl_->mutex);
  if (impl_->next_taken >= impl_->count()) return false;
  const auto start = std::chrono::steady_clock::now();
  impl_->changed.wait(lock, [this] { return impl_->made.count(impl_->next_taken) > 0; });
  impl_->waited_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  auto node = impl_->made.extract(impl_->next_taken);
  ++impl_->next_taken;
  lock.unlock();
  impl_->changed.notify_all();
  if (node.mapped().second) std::rethrow_exception(node.mapped().second);
  batch = std::move(node.mapped().first);
  return true;
}

}  // namespace avsr::pipeline
