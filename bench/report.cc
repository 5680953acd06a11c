#include "bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "bench/timing.h"

namespace avsr::bench {
namespace {

// Three significant digits, without an exponent.
std::string number(double value) {
  return fmt::format("{:.{}f}", value, value < 0.1 ? 4 : value < 1 ? 3 : value < 10 ? 2 : value < 1000 ? 1 : 0);
}

const Limits* limits_of(const Report& report, const std::string& precision) {
  const auto found = std::find_if(report.limits.begin(), report.limits.end(),
                                  [&](const Limits& limits) { return limits.precision == precision; });
  return found == report.limits.end() ? nullptr : &*found;
}

// "63 %"; nothing where the limit was not measured.
std::string share(double rate, const std::vector<double>& limits) {
  return limits.empty() ? "" : fmt::format("{:.0f} %", 100 * rate / median(limits));
}

std::vector<std::string> forms_of(const Torch& torch) {
  std::vector<std::string> forms;
  for (const auto& [form, title] : kTorchForms)
    if (std::any_of(torch.times.begin(), torch.times.end(), [&form = form](const auto& entry) {
          return std::any_of(entry.second.begin(), entry.second.end(),
                             [&](const TorchTime& time) { return time.form == form; });
        }))
      forms.emplace_back(form);
  return forms;
}

const TorchTime* find(const Torch& torch, const Case& what, const std::string& form) {
  const auto entry = torch.times.find(what);
  if (entry == torch.times.end()) return nullptr;
  const auto time =
      std::find_if(entry->second.begin(), entry->second.end(), [&](const TorchTime& t) { return t.form == form; });
  return time == entry->second.end() ? nullptr : &*time;
}

// The fastest of PyTorch's forms; no value when none was timed.
std::optional<double> best_ms(const Torch& torch, const Case& what) {
  std::optional<double> best;
  const auto entry = torch.times.find(what);
  if (entry == torch.times.end()) return best;
  for (const TorchTime& time : entry->second)
    if (time.problem.empty() && (!best || time.ms < *best)) best = time.ms;
  return best;
}

std::string header(const Torch& torch, const std::vector<std::string>& forms) {
  std::string line =
      "| network | task | precision | batch | ms | clips/s | TFLOP/s | of the product's rate | of the copy's rate | "
      "peak GiB |";
  std::string rule = "|---|---|---|---|---|---|---|---|---|---|";
  for (const auto& [form, title] : kTorchForms) {
    if (std::find(forms.begin(), forms.end(), form) == forms.end()) continue;
    line += fmt::format(" {}{} ms (ratio) |",
                        form == forms.front() ? "PyTorch " + torch.versions.at("torch") + " " : "", title);
    rule += "---|";
  }
  if (!forms.empty()) {
    line += " ratio to the best |";
    rule += "---|";
  }
  return line + "\n" + rule + "\n";
}

std::string torch_cells(const Report& report, const Row& row, const std::vector<std::string>& forms, double ms) {
  std::string cells;
  for (const std::string& form : forms) {
    const TorchTime* time = find(report.torch, row.what, form);
    if (!time || !time->problem.empty())
      cells += " |";
    else
      cells += ms > 0 ? fmt::format(" {} ({:.2f}x) |", number(time->ms), time->ms / ms)
                      : fmt::format(" {} |", number(time->ms));
  }
  if (forms.empty()) return cells;
  const auto best = best_ms(report.torch, row.what);
  return cells + (best && ms > 0 ? fmt::format(" {:.2f}x |", *best / ms) : " |");
}

std::string line_of(const Report& report, const Row& row, const std::vector<std::string>& forms) {
  std::string line = fmt::format("| {} | {} | {} | {} |", row.what.network, name_of(row.what.task), row.what.precision,
                                 row.what.batch);
  if (!row.problem.empty())
    return line + fmt::format(" {} | | | | | |", row.problem) + torch_cells(report, row, forms, 0);
  const Limits* known = limits_of(report, row.what.precision);
  const Limits limits = known ? *known : Limits{};
  const double ms = median(row.ms), flop_per_second = 1e3 * row.flop / ms, bytes_per_second = 1e3 * row.bytes / ms;
  line += fmt::format(" {} | {} | {} | {} | {} | {} |", number(ms), number(1e3 * row.what.batch / ms),
                      number(flop_per_second / 1e12), share(flop_per_second, limits.flop_per_second),
                      share(bytes_per_second, limits.bytes_per_second),
                      number(static_cast<double>(row.peak_bytes) / (1 << 30)));
  return line + torch_cells(report, row, forms, ms);
}

// What the table leaves empty, and why.
std::string notes(const Report& report) {
  std::string text;
  for (const std::string& problem : report.problems) text += fmt::format("- {}\n", problem);
  for (const auto& [what, times] : report.torch.times)
    for (const TorchTime& time : times)
      if (!time.problem.empty()) text += fmt::format("- PyTorch {}, {}: {}\n", what.text(), time.form, time.problem);
  if (!report.torch.problem.empty()) text += fmt::format("- PyTorch: {}\n", report.torch.problem);
  for (const auto& [network, count] : report.torch.parameters)
    if (const auto ours = report.parameters.find(network); ours != report.parameters.end() && ours->second != count)
      text +=
          fmt::format("- the {} networks differ: {} parameters here, {} in PyTorch\n", network, ours->second, count);
  return text.empty() ? text : fmt::format("\n{}", text);
}

constexpr const char* kHowCounted =
    "TFLOP/s counts two operations for each multiply-add of convolutions, linear and recurrent layers, and a training "
    "step as three forward passes.\nThe copy's rate is compared with the bytes of a network whose layers are one "
    "kernel "
    "each, touching each operand once\n(a batch norm in training: its input twice).\n";

}  // namespace

std::string Case::text() const { return fmt::format("{} {} {}, batch {}", network, name_of(task), precision, batch); }

std::string markdown(const Report& report) {
  std::string text;
  for (const std::string& device : report.devices) text += device + "\n";
  for (const Limits& limits : report.limits)
    text += fmt::format("{}: matrix product {}: {} TFLOP/s; copy: {} GB/s\n", limits.precision, limits.product,
                        number(median(limits.flop_per_second) / 1e12), number(median(limits.bytes_per_second) / 1e9));
  for (const auto& [network, count] : report.parameters) {
    const auto torch = report.torch.parameters.find(network);
    text += fmt::format("{}: {} parameters{}\n", network, count,
                        torch == report.torch.parameters.end() ? "" : fmt::format(", in PyTorch {}", torch->second));
  }
  const std::vector<std::string> forms = forms_of(report.torch);
  text += fmt::format("\n{}", header(report.torch, forms));
  for (const Row& row : report.rows) text += line_of(report, row, forms) + "\n";
  return fmt::format("{}\n{}{}", text, kHowCounted, notes(report));
}

namespace {

nlohmann::json to_json(const Case& what) {
  return {
      {"network", what.network}, {"task", name_of(what.task)}, {"precision", what.precision}, {"batch", what.batch}};
}

nlohmann::json to_json(const Row& row) {
  nlohmann::json json = to_json(row.what);
  if (!row.problem.empty()) {
    json["problem"] = row.problem;
    return json;
  }
  json["ms"] = row.ms;
  json["median_ms"] = median(row.ms);
  json["clips_per_second"] = 1e3 * row.what.batch / median(row.ms);
  json["flop"] = row.flop;
  json["bytes"] = row.bytes;
  json["peak_bytes"] = row.peak_bytes;
  return json;
}

nlohmann::json to_json(const Torch& torch) {
  nlohmann::json times = nlohmann::json::array();
  for (const auto& [what, forms] : torch.times)
    for (const TorchTime& time : forms) {
      nlohmann::json json = to_json(what);
      json["form"] = time.form;
      if (time.problem.empty()) {
        json["ms"] = time.ms;
        if (time.peak_bytes > 0) json["peak_bytes"] = time.peak_bytes;
      } else {
        json["problem"] = time.problem;
      }
      times.push_back(json);
    }
  nlohmann::json json = {{"versions", torch.versions}, {"parameters", torch.parameters}, {"times", times}};
  if (!torch.problem.empty()) json["problem"] = torch.problem;
  return json;
}

}  // namespace

nlohmann::json to_json(const Report& report) {
  nlohmann::json json = {{"devices", report.devices},
                         {"parameters", report.parameters},
                         {"limits", nlohmann::json::array()},
                         {"rows", nlohmann::json::array()}};
  for (const Limits& limits : report.limits)
    json["limits"].push_back({{"precision", limits.precision},
                              {"product", limits.product},
                              {"flop_per_second", limits.flop_per_second},
                              {"bytes_per_second", limits.bytes_per_second}});
  for (const Row& row : report.rows) json["rows"].push_back(to_json(row));
  if (!report.problems.empty()) json["problems"] = report.problems;
  if (!report.torch.versions.empty() || !report.torch.problem.empty()) json["torch"] = to_json(report.torch);
  return json;
}

}  // namespace avsr::bench
