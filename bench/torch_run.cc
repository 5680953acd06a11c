#include "bench/torch_run.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "pipeline/pinning.h"

namespace avsr::bench {
namespace {

// The script keeps to its budget but for what cannot be interrupted.
constexpr int kGraceSeconds = 60;

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string command_of(const TorchSettings& s) {
  std::string command = "exec ";
  // What pins our own threads is not PyTorch's choice.
  if (std::getenv("AVSR_CORES")) command += "env -u OMP_PROC_BIND -u GOMP_SPINCOUNT ";
  if (s.budget_seconds > 0) command += fmt::format("timeout --foreground -k 10 {} ", s.budget_seconds + kGraceSeconds);
  command += fmt::format(
      "{} {} --device {} --threads {} --networks {} --precision {} --batches {} --forms {} --repeats {} "
      "--budget-seconds {}",
      quoted(s.python), quoted(s.script), quoted(s.device), s.threads, quoted(s.networks), quoted(s.precisions),
      quoted(s.batches), quoted(s.forms), s.repeats, s.budget_seconds);
  return command + (s.training ? "" : " --no-training");
}

void read_time(const nlohmann::json& json, Torch& torch, std::string& told) {
  Case what;
  json.at("network").get_to(what.network);
  json.at("precision").get_to(what.precision);
  json.at("batch").get_to(what.batch);
  what.task = json.at("task") == name_of(Task::training) ? Task::training : Task::inference;
  TorchTime time;
  json.at("form").get_to(time.form);
  if (json.contains("ms"))
    json.at("ms").get_to(time.ms);
  else
    json.at("problem").get_to(time.problem);
  time.peak_bytes = json.value("peak_bytes", size_t{0});
  told = fmt::format("PyTorch {}, {}: {}", what.text(), time.form,
                     time.problem.empty() ? fmt::format("{:.2f} ms", time.ms) : time.problem);
  torch.times[what].push_back(time);
}

// Its output, line by line. The thread that starts it must be free of the core that our main thread is bound to, as a
// child has its parent's cores.
void run(const TorchSettings& settings, Torch& torch, const std::function<void(const std::string&)>& progress) {
  pipeline::free_this_thread();
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command_of(settings).c_str(), "r"), pclose);
  if (!pipe) {
    torch.problem = "it could not be started";
    return;
  }
  std::string line;
  for (int c; (c = std::fgetc(pipe.get())) != EOF;) {
    if (c != '\n') {
      line += static_cast<char>(c);
      continue;
    }
    if (const std::string told = read_torch_line(line, torch); !told.empty()) progress(told);
    line.clear();
  }
  const int status = pclose(pipe.release());
  if (status != 0)
    torch.problem = WIFEXITED(status) ? fmt::format("{} ended with status {}", settings.script, WEXITSTATUS(status))
                                      : fmt::format("{} was killed by signal {}", settings.script, WTERMSIG(status));
}

}  // namespace

std::string read_torch_line(const std::string& line, Torch& torch) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  std::string told;
  try {
    if (json.contains("torch")) json.get_to(torch.versions);
    if (json.contains("parameters"))
      torch.parameters[json.at("network").get<std::string>()] = json.at("parameters").get<int64_t>();
    if (json.contains("form")) read_time(json, torch, told);
  } catch (const nlohmann::json::exception& error) {
    torch.problem = fmt::format("a line of its output could not be read: {} ({})", line, error.what());
  }
  return told;
}

Torch run_torch(const TorchSettings& settings, const std::function<void(const std::string&)>& progress) {
  Torch torch;
  std::thread(run, std::cref(settings), std::ref(torch), std::cref(progress)).join();
  return torch;
}

}  // namespace avsr::bench
