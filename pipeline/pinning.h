// Keeps the compute threads on their cores, and the loader threads off that leash.
//
// Note [Pinned threads]
// OpenMP threads that the system moves about stall a run 5-10 times under load. OMP_PROC_BIND=true cures it, but the
// OpenMP library reads it when it is loaded, so the program sets it and starts itself again, once. From then on every
// thread made by the main thread inherits the one core it is bound to; so the set of allowed cores is saved in the
// environment first, and each thread that is not OpenMP's calls free_this_thread().
#pragma once

namespace avsr::pipeline {

// Restarts the program with pinned OpenMP threads, unless the user chose (OMP_PROC_BIND or GOMP_CPU_AFFINITY is set),
// does not want it (AVSR_NO_PIN is set), a launcher has started several ranks, or it was done already. Returns when
// there is nothing to do, or when the restart failed.
void pin_threads(char** argv);

// Lets the calling thread run on every core that the program was started with.
void free_this_thread();

// Cores that the program was started with.
int allowed_cores();

}  // namespace avsr::pipeline
