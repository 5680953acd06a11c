#include "pipeline/loader.h"

#include <fmt/format.h>

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
#include "pipeline/pinning.h"
#include "preprocessing/noise.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

using preprocessing::derive_key;
using preprocessing::Random;

// What a key is for, so that two choices about one example never share a sequence.
enum Purpose : uint64_t { kOrder = 1, kShift, kVideo, kAudioMask, kLevel, kNoise, kSpeed };

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

// One example as the network sees it, before normalisation.
class ExampleMaker {
 public:
  ExampleMaker(const Dataset& dataset, const BatchWriter& writer, const LoaderSettings& settings)
      : dataset_(dataset), writer_(writer), settings_(settings), part_(part_of(writer.config().streams)) {}

  void make(int sample_id, int b, HostBatch& batch) const {
    const Sample& sample = dataset_.samples()[static_cast<size_t>(sample_id)];
    Stretch stretch = cut(sample);
    try {
      if (writer_.video()) change_video(sample, stretch.mouth);
      if (writer_.audio()) change_audio(sample, stretch.audio);
      writer_.write(b, stretch.mouth, stretch.audio, batch);
    } catch (const std::invalid_argument& error) {
      throw std::runtime_error(fmt::format("[data] clip {}: {}", sample.key, error.what()));
    }
    batch.labels[static_cast<size_t>(b)] = sample.label;
    batch.sample_ids[static_cast<size_t>(b)] = sample_id;
  }

 private:
  uint64_t key(const Sample& sample, Purpose purpose) const {
    return derive_key(settings_.seed, static_cast<uint64_t>(settings_.epoch), preprocessing::hash_text(sample.key),
                      static_cast<uint64_t>(purpose));
  }
  // Uniform in +-limit.
  double draw(const Sample& sample, Purpose purpose, double limit) const {
    return limit == 0 ? 0 : Random(key(sample, purpose)).uniform(-1, 1) * limit;
  }
  Stretch cut(const Sample& sample) const {
    const std::shared_ptr<const StoredClip> clip = dataset_.clip(sample.clip);
    const bool moves = settings_.shift_frames != 0 || settings_.augment.speed != 0;
    if (!settings_.training || sample.whole || !moves)
      return cut_stretch(*clip, sample.first_frame, sample.frames, part_);
    const double speed = 1 + draw(sample, kSpeed, settings_.augment.speed);
    const double shift = draw(sample, kShift, settings_.shift_frames), whole = std::round(shift), later = shift - whole;
    const int first = sample.first_frame + static_cast<int>(whole);
    // Longer by an even number of frames, so that the middle stays the middle.
    const int more = std::max(0, static_cast<int>(std::ceil(sample.frames * (speed - 1) / 2)) + 1);
    Stretch stretch = cut_stretch(*clip, first - more, sample.frames + 2 * more, part_);
    if (writer_.video()) stretch.mouth = preprocessing::middle_at_speed(stretch.mouth, sample.frames, speed, later);
    if (writer_.audio())
      stretch.audio =
          preprocessing::middle_at_speed(stretch.audio, static_cast<size_t>(sample.frames) * io::kSamplesPerFrame,
                                         speed, later * io::kSamplesPerFrame);
    return stretch;
  }
  void change_video(const Sample& sample, io::Frames& mouth) const {
    if (settings_.freeze_frames)
      for (int t = 1; t < mouth.count; ++t) std::copy_n(mouth.frame(0), mouth.frame_size(), mouth.frame(t));
    const preprocessing::FrameGeometry& geometry = writer_.rule().geometry;
    mouth = settings_.training
                ? preprocessing::augment_video(settings_.augment, geometry, mouth, Random(key(sample, kVideo)))
                : preprocessing::centre_crop(geometry, mouth);
  }
  void change_audio(const Sample& sample, io::Waveform& audio) const {
    if (settings_.training) preprocessing::mask_audio(settings_.augment, audio, Random(key(sample, kAudioMask)));
    if (!settings_.noise || settings_.levels_db.empty()) return;
    const auto level = settings_.levels_db[Random(key(sample, kLevel)).below(settings_.levels_db.size())];
    if (!level) return;
    const io::Waveform noise =
        settings_.noise->make(derive_key(settings_.seed, static_cast<uint64_t>(settings_.epoch), kNoise), sample.key,
                              dataset_.record(sample.clip).speaker, audio.samples.size());
    preprocessing::mix_noise(audio, noise, *level, sample.key);
  }

  const Dataset& dataset_;
  const BatchWriter& writer_;
  const LoaderSettings& settings_;
  io::ClipPart part_;  // what the network reads
};

}  // namespace

struct Loader::Impl {
  Impl(const Dataset& data, const BatchWriter& batch_writer, const LoaderSettings& given)
      : dataset(data),
        writer(batch_writer),
        settings(given),
        order(order_of(data, given)),
        maker(data, batch_writer, settings) {
    const auto size = static_cast<size_t>(settings.batch);
    batches = static_cast<int>((order.size() + size - 1) / size);
    if (settings.workers <= 0) settings.workers = std::max(1, allowed_cores() / 2);
    settings.workers = std::min(settings.workers, io::kMostWorkers);
    if (settings.ahead <= 0) settings.ahead = 2 * settings.workers;
    next_made = next_taken = settings.first_batch;
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
        changed.wait(lock, [this] { return stop || next_made >= batches || next_made < next_taken + settings.ahead; });
        if (stop || next_made >= batches) return;
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

  void fill(int index, HostBatch& batch) const {
    const size_t first = static_cast<size_t>(index) * static_cast<size_t>(settings.batch);
    const size_t whole = std::min(order.size() - first, static_cast<size_t>(settings.batch));
    const auto [begin, end] = settings.ranks.part_of(whole);
    batch.whole_clips = static_cast<int>(whole);
    if (begin == end) return;
    const std::span<const int> part(order.data() + first + begin, end - begin);
    std::vector<int> frames;
    for (const int sample : part) frames.push_back(dataset.samples()[static_cast<size_t>(sample)].frames);
    writer.begin(frames, batch);
    for (size_t i = 0; i < part.size(); ++i) maker.make(part[i], static_cast<int>(i), batch);
  }

  const Dataset& dataset;
  const BatchWriter& writer;
  LoaderSettings settings;
  std::vector<int> order;
  ExampleMaker maker;
  int batches = 0;

  std::mutex mutex;
  std::condition_variable changed;
  std::map<int, std::pair<HostBatch, std::exception_ptr>> made;
  int next_made = 0, next_taken = 0;
  double waited_seconds = 0;
  bool stop = false;
  std::vector<std::jthread> threads;
};

LoaderSettings loader_settings_of(const Recipe& recipe, const Stage& stage, bool training) {
  LoaderSettings settings;
  settings.batch = stage.batch;
  settings.training = training;
  settings.augment = recipe.data.augment;
  settings.shift_frames = recipe.data.shift_frames;
  if (recipe.data.clean) settings.levels_db.emplace_back();
  settings.levels_db.insert(settings.levels_db.end(), recipe.data.noise_levels_db.begin(),
                            recipe.data.noise_levels_db.end());
  return settings;
}

Loader::Loader(const Dataset& dataset, const BatchWriter& writer, const LoaderSettings& settings)
    : impl_(std::make_unique<Impl>(dataset, writer, settings)) {}

Loader::~Loader() = default;

double Loader::waited_seconds() const { return impl_->waited_seconds; }
int Loader::batches() const { return impl_->batches; }
int Loader::examples() const { return static_cast<int>(impl_->order.size()); }

bool Loader::next(HostBatch& batch) {
  std::unique_lock lock(impl_->mutex);
  if (impl_->next_taken >= impl_->batches) return false;
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
