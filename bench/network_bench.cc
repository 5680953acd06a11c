// Times the paper's networks at full size, inference and training, against the device's own limits and PyTorch's time
// for the same network in the same run.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <boost/program_options.hpp>
#include <csignal>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "bench/report.h"
#include "bench/subject.h"
#include "bench/timing.h"
#include "bench/torch_run.h"
#include "io/atomic_file.h"
#include "pipeline/commands/options.h"
#include "pipeline/device.h"
#include "pipeline/pinning.h"

namespace {

using namespace avsr;
using bench::Task;

struct Settings {
  pipeline::DeviceChoice device{.name = "cpu"};
  std::string precisions = "f32", networks = "video,audio,audiovisual", batches = "1,8", json;
  std::string python, script = "bench/torch_networks.py", torch_networks = "audiovisual";
  int repeats = 5, budget_seconds = 0;
  bool compile = false, inference_only = false;
};

// A signal handler can reach nothing else. What was measured until then is printed; the second signal ends the program.
std::atomic<bool> stop_requested{false};

void request_stop(int signal) {
  stop_requested = true;
  std::signal(signal, SIG_DFL);
}

// The options' lists, read.
struct Plan {
  std::vector<backend::Precision> precisions;
  std::vector<models::Streams> networks;
  std::vector<int> batches;
};

void say(const std::string& line) { std::cerr << line << std::endl; }

template <typename Names>
auto value_called(const Names& names, const std::string& option, const std::string& text) {
  std::vector<std::string> known;
  for (const auto& [value, name] : names) {
    if (text == name) return value;
    known.emplace_back(name);
  }
  throw std::invalid_argument(
      fmt::format("--{}: expected a list of {}, separated by commas, got {}", option, fmt::join(known, ", "), text));
}

Plan plan_of(const Settings& settings) {
  Plan plan;
  for (const std::string& name : pipeline::split_list(settings.precisions))
    plan.precisions.push_back(value_called(backend::kPrecisionNames, "precision", name));
  for (const std::string& name : pipeline::split_list(settings.networks))
    plan.networks.push_back(value_called(models::kStreamNames, "networks", name));
  for (const std::string& name : pipeline::split_list(settings.torch_networks))
    value_called(models::kStreamNames, "torch-networks", name);
  for (const std::string& text : pipeline::split_list(settings.batches)) {
    if (text.size() > 6 || text.find_first_not_of("0123456789") != std::string::npos || std::stoi(text) < 1)
      throw std::invalid_argument("--batches: expected numbers of clips, separated by commas, got " + text);
    plan.batches.push_back(std::stoi(text));
  }
  if (plan.precisions.empty() || plan.networks.empty() || plan.batches.empty())
    throw std::invalid_argument("--precision, --networks and --batches: expected at least one each, found none");
  if (settings.repeats < 1) throw std::invalid_argument("--repeats: expected 1 or more");
  return plan;
}

class Benchmark {
 public:
  Benchmark(const Settings& settings, const Plan& plan) : settings_(settings), plan_(plan) {}

  // Every precision is opened before the first is timed: one that the device lacks is refused at once.
  void open_all() {
    for (const backend::Precision precision : plan_.precisions) {
      const auto backend = open(precision);
      report_.devices.push_back(backend->description());
      device_ = backend->name();
      say(report_.devices.back());
    }
  }

  // Called twice, it adds to the times of the first round. The device is free of us afterwards.
  void measure_ours() {
    for (const backend::Precision precision : plan_.precisions) {
      if (stop_requested) return;
      const auto backend = open(precision);
      try {
        measure_limits(*backend);
      } catch (const backend::OutOfMemory& error) {  // others use the device: its networks may fit all the same
        report_.problems.push_back(fmt::format("the limits in {} were not measured in one of the rounds: {}",
                                               backend::name_of(precision), error.what()));
        say(report_.problems.back());
      }
      for (const models::Streams streams : plan_.networks)
        for (const int batch : plan_.batches) measure_network(*backend, streams, batch);
    }
  }

  void measure_torch() {
    bench::TorchSettings torch{.python = settings_.python, .script = settings_.script};
    torch.device = device_;
    torch.threads = settings_.device.threads ? settings_.device.threads : pipeline::allowed_cores();
    torch.networks = settings_.torch_networks;
    torch.precisions = settings_.precisions;
    torch.batches = settings_.batches;
    torch.forms = !settings_.compile ? "eager" : device_ == "cpu" ? "eager,compile" : "eager,compile,graphs";
    torch.training = !settings_.inference_only;
    torch.repeats = settings_.repeats;
    torch.budget_seconds = settings_.budget_seconds;
    report_.torch = run_torch(torch, say);
  }

  const bench::Report& report() const { return report_; }
  bool failed() const { return failed_; }

 private:
  std::unique_ptr<backend::Backend> open(backend::Precision precision) const {
    pipeline::DeviceChoice choice = settings_.device;
    choice.precision = precision;
    return pipeline::open_device(choice);
  }

  void measure_limits(backend::Backend& backend) {
    bench::Limits measured = bench::measure_limits(backend, settings_.repeats);
    for (bench::Limits& known : report_.limits) {
      if (known.precision != measured.precision) continue;
      known.flop_per_second.insert(known.flop_per_second.end(), measured.flop_per_second.begin(),
                                   measured.flop_per_second.end());
      known.bytes_per_second.insert(known.bytes_per_second.end(), measured.bytes_per_second.begin(),
                                    measured.bytes_per_second.end());
      return;
    }
    report_.limits.push_back(std::move(measured));
  }

  void measure_network(backend::Backend& backend, models::Streams streams, int batch) {
    backend.restart_peak();
    std::unique_ptr<bench::Subject> subject;
    for (const Task task : {Task::inference, Task::training}) {
      if (stop_requested || (task == Task::training && settings_.inference_only)) continue;
      bench::Row& row = row_of({models::name_of(streams), task, backend::name_of(backend.precision()), batch}, streams);
      if (!row.problem.empty()) continue;
      try {
        if (!subject) subject = std::make_unique<bench::Subject>(backend, streams, batch);
        report_.parameters[row.what.network] = subject->parameters();
        const auto times = bench::time_ms(
            backend, [&] { task == Task::training ? subject->train() : subject->infer(); }, settings_.repeats);
        row.ms.insert(row.ms.end(), times.begin(), times.end());
        row.peak_bytes = std::max(row.peak_bytes, backend.memory().peak);
        say(fmt::format("{}: {:.2f} ms", row.what.text(), bench::median(times)));
      } catch (const backend::OutOfMemory&) {
        row.problem = "out of memory";
      } catch (const std::bad_alloc&) {
        row.problem = "out of memory";
      } catch (const std::exception& error) {
        row.problem = error.what();
        failed_ = true;
      }
      if (row.problem.empty()) continue;
      say(fmt::format("{}: {}", row.what.text(), row.problem));
      subject.reset();
    }
  }

  bench::Row& row_of(const bench::Case& what, models::Streams streams) {
    for (bench::Row& row : report_.rows)
      if (row.what == what) return row;
    const bench::Work work = bench::work_of_clip(bench::config_of(streams), bench::kFrames);
    const size_t activation = backend::bytes_of(
        what.precision == backend::name_of(backend::Precision::bf16) ? backend::DType::bf16 : backend::DType::f32);
    bench::Row row;
    row.what = what;
    row.flop = bench::flop_of(work, what.task, what.batch);
    row.bytes = bench::bytes_of(work, what.task, what.batch, activation);
    return report_.rows.emplace_back(row);
  }

  const Settings& settings_;
  const Plan& plan_;
  bench::Report report_;
  std::string device_;
  bool failed_ = false;
};

boost::program_options::options_description describe_options(Settings& s) {
  namespace po = boost::program_options;
  po::options_description options("Options");
  const auto text = [](std::string& value) { return po::value(&value)->default_value(value); };
  const auto number = [](int& value) { return po::value(&value)->default_value(value); };
  auto add = options.add_options();
  add("device", text(s.device.name), "auto, cpu, cuda or cuda:N");
  add("precision", text(s.precisions), "f32, tf32 (GPU), bf16, or several, separated by commas");
  add("threads", number(s.device.threads), "compute threads on the CPU; 0: all cores");
  add("networks", text(s.networks), "which networks");
  add("batches", text(s.batches), "clips a batch, separated by commas");
  add("repeats", number(s.repeats), "of each measurement, in each of two rounds");
  add("inference-only", po::bool_switch(&s.inference_only), "no training steps");
  add("json", po::value(&s.json), "a file for all numbers");
  add("python", po::value(&s.python), "a Python with torch, to compare with");
  add("script", text(s.script), "its script");
  add("torch-networks", text(s.torch_networks), "which networks it times");
  add("compile", po::bool_switch(&s.compile), "torch.compile as well, and on a GPU that with CUDA graphs");
  add("budget-seconds", number(s.budget_seconds),
      "for PyTorch: what is not timed by then is left out; eager comes first, then networks, precisions and batches in "
      "the order given; 0: no limit");
  add("help,h", "this text");
  return options;
}

}  // namespace

int main(int argc, char** argv) try {
  pipeline::pin_threads(argv);
  Settings settings;
  const pipeline::Parsed parsed = pipeline::parse_options(
      std::vector<std::string>(argv + 1, argv + argc), describe_options(settings), {}, {},
      "network_bench\n\nTimes the paper's networks at full size: two rounds, PyTorch in between, medians.",
      "network_bench --device cuda --precision bf16,tf32,f32 --batches 128,36,512 --python python3 --compile");
  if (parsed.help) return 0;
  const Plan plan = plan_of(settings);
  Benchmark benchmark(settings, plan);
  benchmark.open_all();
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  // Written after each part, so that a run that is cut off leaves what it has.
  const auto write_json = [&] {
    if (settings.json.empty()) return;
    io::write_file_atomically(settings.json, std::string_view(bench::to_json(benchmark.report()).dump(1) + "\n"));
  };
  benchmark.measure_ours();
  write_json();
  if (!settings.python.empty() && !stop_requested) {
    benchmark.measure_torch();
    write_json();
    benchmark.measure_ours();
    write_json();
  }
  std::cout << bench::markdown(benchmark.report());
  return benchmark.failed() || stop_requested ? 1 : 0;
} catch (const std::exception& error) {
  std::cerr << "network_bench: " << error.what() << "\n";
  return 1;
}
