// Which part of the files is this process's: a share that the user names, or that of a rank under mpirun or srun.
#pragma once

#include <string>

namespace avsr::pipeline {

struct Shard {
  int index = 1, of = 1;  // index counts from 1

  // Each file belongs to exactly one of the shards, and by its own name alone (a hash of it): shards agree without
  // having listed the same files in the same order, or at the same time.
  bool holds(const std::string& relative) const;
  std::string text() const;    // "2/4"
  std::string suffix() const;  // "-2-of-4"; empty where there is one
  bool operator==(const Shard&) const = default;
};

// "2/4". Throws std::invalid_argument.
Shard parse_shard(const std::string& text);

// The rank that Open MPI, MPICH (PMI) or Slurm has given this process, as a shard; {1, 1} where it was started alone.
Shard launched_shard();
// Its number among the ranks of its machine, from 0.
int launched_local_rank();

// A share of a share: each of `outer`'s shards divided among the ranks.
Shard divided(const Shard& outer, const Shard& inner);

}  // namespace avsr::pipeline
