#include "models/backend/thread_communicator.h"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace avsr::backend {
namespace {

// What all channels of one set of ranks share.
struct World {
  std::mutex mutex;
  std::condition_variable changed;
  bool failed = false;
  std::string failure;
};

// One channel: the ranks meet in it, call by call.
class Meeting {
 public:
  Meeting(std::shared_ptr<World> world, int ranks) : world_(std::move(world)), given_(static_cast<size_t>(ranks)) {}

  World& world() { return *world_; }
  std::shared_ptr<World> shared_world() const { return world_; }
  const std::vector<std::span<std::byte>>& given() const { return given_; }

  // Waits until every rank has given its bytes; the last to come runs `join` before any goes on.
  void meet(int rank, std::span<std::byte> bytes, const std::function<void()>& join) {
    std::unique_lock lock(world_->mutex);
    check_failure();
    given_[static_cast<size_t>(rank)] = bytes;
    if (++arrived_ == given_.size()) {
      try {
        join();
      } catch (const std::exception& error) {
        fail(error.what());
        throw;
      }
      arrived_ = 0;
      ++turn_;
      world_->changed.notify_all();
      return;
    }
    world_->changed.wait(lock, [this, turn = turn_] { return world_->failed || turn_ != turn; });
    check_failure();
  }

  // The lock is held.
  void fail(const std::string& message) {
    if (!world_->failed) world_->failure = message;
    world_->failed = true;
    world_->changed.notify_all();
  }

  std::vector<std::byte> result;          // of the running call
  std::shared_ptr<Meeting> next_channel;  // of duplicate()

 private:
  void check_failure() const {
    if (world_->failed) throw std::runtime_error(world_->failure);
  }

  std::shared_ptr<World> world_;
  std::vector<std::span<std::byte>> given_;
  size_t arrived_ = 0;
  uint64_t turn_ = 0;
};

class ThreadCommunicator final : public Communicator {
 public:
  ThreadCommunicator(std::shared_ptr<Meeting> meeting, RankPlace place)
      : meeting_(std::move(meeting)), place_(std::move(place)) {}

  const RankPlace& place() const override { return place_; }
  void sum(std::span<float> values) override { add_up(values); }
  void sum(std::span<double> values) override { add_up(values); }

  void broadcast(std::span<std::byte> bytes) override {
    meeting_->meet(rank(), bytes, [this] {
      check_counts();
      for (size_t r = 1; r < meeting_->given().size(); ++r)
        std::copy(meeting_->given()[0].begin(), meeting_->given()[0].end(), meeting_->given()[r].begin());
    });
  }

  void barrier() override {
    meeting_->meet(rank(), {}, [] {});
  }

  std::unique_ptr<Communicator> duplicate() override {
    meeting_->meet(rank(), {},
                   [this] { meeting_->next_channel = std::make_shared<Meeting>(meeting_->shared_world(), size()); });
    auto channel = std::make_unique<ThreadCommunicator>(meeting_->next_channel, place_);
    barrier();  // before another duplicate() replaces it
    return channel;
  }

  [[noreturn]] void abort(const std::string& message) override {
    {
      const std::lock_guard lock(meeting_->world().mutex);
      meeting_->fail(message);
    }
    throw std::runtime_error(message);
  }

 private:
  void check_counts() const {
    for (const std::span<std::byte> bytes : meeting_->given())
      if (bytes.size() != meeting_->given()[0].size())
        throw std::logic_error("[ranks] one rank gives " + std::to_string(bytes.size()) + " bytes, rank 0 gives " +
                               std::to_string(meeting_->given()[0].size()));
  }

  template <typename T>
  void add_up(std::span<T> values) {
    meeting_->meet(rank(), std::as_writable_bytes(values), [&] {
      check_counts();
      meeting_->result.assign(values.size_bytes(), std::byte{});
      auto* total = reinterpret_cast<T*>(meeting_->result.data());
      for (const std::span<std::byte> bytes : meeting_->given()) {
        const auto* part = reinterpret_cast<const T*>(bytes.data());
        for (size_t i = 0; i < values.size(); ++i) total[i] += part[i];
      }
      for (const std::span<std::byte> bytes : meeting_->given())
        std::copy(meeting_->result.begin(), meeting_->result.end(), bytes.begin());
    });
  }

  std::shared_ptr<Meeting> meeting_;
  RankPlace place_;
};

}  // namespace

std::vector<std::unique_ptr<Communicator>> make_thread_communicators(int ranks) {
  if (ranks < 1) throw std::invalid_argument("[ranks] expected 1 rank or more");
  const auto meeting = std::make_shared<Meeting>(std::make_shared<World>(), ranks);
  std::vector<std::unique_ptr<Communicator>> communicators;
  for (int rank = 0; rank < ranks; ++rank)
    communicators.push_back(std::make_unique<ThreadCommunicator>(meeting, RankPlace{.rank = rank,
                                                                                    .size = ranks,
                                                                                    .local_rank = rank,
                                                                                    .local_size = ranks,
                                                                                    .machine = "here",
                                                                                    .library = "threads"}));
  return communicators;
}

}  // namespace avsr::backend
