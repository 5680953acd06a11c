#include "pipeline/pinning.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "pipeline/ranks.h"

namespace avsr::pipeline {
namespace {

constexpr const char* kSavedCores = "AVSR_CORES";  // core numbers, each followed by a blank

std::string cores_as_text(const cpu_set_t& set) {
  std::string text;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &set)) text += std::to_string(core) + " ";
  return text;
}

bool saved_cores(cpu_set_t& set) {
  const char* text = std::getenv(kSavedCores);
  if (!text) return false;
  CPU_ZERO(&set);
  while (*text) {
    char* end = nullptr;
    const long core = std::strtol(text, &end, 10);
    if (end == text) break;
    if (core >= 0 && core < CPU_SETSIZE) CPU_SET(static_cast<size_t>(core), &set);
    text = *end == ' ' ? end + 1 : end;
  }
  return CPU_COUNT(&set) > 0;
}

}  // namespace

void pin_threads(char** argv) {
  for (const char* name : {"OMP_PROC_BIND", "GOMP_CPU_AFFINITY", "AVSR_NO_PIN", kSavedCores})
    if (std::getenv(name)) return;
  // Several ranks that may use the same cores would all be bound to the first of them; mpirun or srun binds.
  if (started_tasks() > 1) return;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return;
  setenv(kSavedCores, cores_as_text(set).c_str(), 1);
  setenv("OMP_PROC_BIND", "true", 1);
  // Waiting threads spin before they sleep. libgomp's default is milliseconds, in which a pinned thread keeps others
  // from its core: two programs on the same cores then hold each other up. 10,000 turns outlast the gaps inside a
  // network.
  if (!std::getenv("OMP_WAIT_POLICY")) setenv("GOMP_SPINCOUNT", "10000", 0);
  execv("/proc/self/exe", argv);
}

void free_this_thread() {
  cpu_set_t set;
  if (saved_cores(set)) sched_setaffinity(0, sizeof set, &set);
}

int allowed_cores() {
  cpu_set_t set;
  if (!saved_cores(set) && sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace avsr::pipeline
