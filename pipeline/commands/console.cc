#include "pipeline/commands/console.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstring>
#include <iostream>
#include <memory>
#include <utility>

#include "pipeline/progress.h"

namespace avsr::pipeline {
namespace {

// A signal handler can reach nothing else.
std::atomic<bool> stop_requested{false};
std::atomic<const char*> stop_text{""};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<const char*>::is_always_lock_free);

void request_stop(int signal) {
  stop_requested = true;
  std::signal(signal, SIG_DFL);
  for (const char* part : {"\n", stop_text.load(), "\n"}) [[maybe_unused]]
    const ssize_t written = write(STDERR_FILENO, part, std::strlen(part));
}

}  // namespace

const std::atomic<bool>& stop_on_signals(const char* what_happens) {
  stop_text = what_happens;
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  return stop_requested;
}

Reporter console_reporter() {
  auto bar = std::make_shared<std::unique_ptr<Progress>>();
  auto shown = std::make_shared<std::string>(), note = std::make_shared<std::string>();
  Reporter reporter;
  reporter.say = [bar](const std::string& line) {
    bar->reset();
    std::cout << line << std::endl;
  };
  if (!isatty(STDERR_FILENO)) return reporter;
  reporter.note = [note](const std::string& text) { *note = text; };
  reporter.tick = [bar, shown, note](int64_t done, int64_t total, const std::string& what) {
    if (!*bar || *shown != what) {
      *bar = std::make_unique<Progress>(what, "clips", total);
      *shown = what;
    }
    (*bar)->update(done, std::exchange(*note, ""));
  };
  return reporter;
}

namespace {

// As a shell takes it for one word.
std::string quoted(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) || c >= 128 || std::strchr("-_=+./,:@%", c);
  });
  if (plain) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace

int interrupted(const std::string& command, const Arguments& arguments, const std::string& option) {
  const bool there = option.empty() || std::find(arguments.begin(), arguments.end(), option) != arguments.end();
  std::string words;
  for (const std::string& argument : arguments) words += fmt::format(" {}", quoted(argument));
  std::cerr << fmt::format("avsr {0}: stopped; go on with: avsr {0}{1}{2}\n", command, words,
                           there ? "" : fmt::format(" {}", option));
  return kInterrupted;
}

}  // namespace avsr::pipeline
