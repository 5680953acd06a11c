#!/usr/bin/env bash
# `./run gpu test|bench|train` on a machine with an NVIDIA GPU: in the source tree after a build, or in the unpacked archive
# that `./run gpu pack` made, on a machine that has nothing of ours. There CUDA's libraries may be inside a Python package
# only, and glibc older than the archive's programs want.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
if [ -d "$here/bin" ]; then root=$here packed=1; else root=$(dirname "$here") packed=; fi
python=${AVSR_PYTHON:-python3}
PATH=$PATH:/usr/sbin:/sbin # ldconfig

usage() { cat <<'TEXT'
./run gpu test  [--minutes M] [--out DIR]     every GPU test, then again under compute-sanitizer where it is installed
./run gpu bench [--minutes M] [--out DIR] [-- OPTIONS of network_bench]
                                              times the networks; beside PyTorch where $AVSR_PYTHON (else python3) has torch
./run gpu train --data DIR [--recipe NAME] [--precision P] [--minutes M] [--out DIR] [-- OPTIONS of avsr train]
                                              trains on the folder that `avsr prepare` made (recipe words-full, bf16), then
                                              evaluates in noise; stopped by its minutes it goes on when called again
Each takes at most M minutes (9) and writes its tables and logs into DIR ($OUT, else out/gpu).
TEXT
}
die() { echo "gpu: $*" >&2; exit 1; }
say() { echo "gpu: $*" >&2; }

# ---- starting programs ----------------------------------------------------------------------------------------------

# Prints the folders where CUDA's libraries may be, the loader's first.
cuda_folders() {
  tr : '\n' <<<"${LD_LIBRARY_PATH:-}"
  ldconfig -p 2>/dev/null | sed -nE 's#.* => (.*)/lib(cudnn|cublasLt)\.so.*#\1#p'
  printf '%s\n' /usr/local/cuda*/{lib64,lib,targets/*/lib} /opt/cuda/lib64
  local found code='import glob, sys; [print(d) for p in sys.path for d in glob.glob(p + "/nvidia/*/lib") + glob.glob(p + "/torch/lib")]'
  for found in "$python" python3 python /opt/conda/bin/python; do "$found" -c "$code" 2>/dev/null || true; done
}

# Fills the archive's `cuda/`, where its programs look, with links to this machine's CUDA libraries. Prints the name of one
# that is nowhere.
link_cuda() {
  local wanted library folder folders
  mapfile -t wanted <"$root/lib/avsr/cuda-libraries"
  for library in "${wanted[@]}"; do [ -e "$root/cuda/$library" ] || break; done
  [ ! -e "$root/cuda/$library" ] || return 0
  mapfile -t folders < <(cuda_folders | awk '$0 != "" && !seen[$0]++')
  mkdir -p "$root/cuda"
  # nvrtc and nvJitLink: cuDNN compiles some of its kernels when they are first needed
  for library in "${wanted[@]}" libnvrtc.so libnvJitLink.so; do
    for folder in "${folders[@]}"; do
      compgen -G "$folder/$library*" >/dev/null || continue
      # the whole folder: cuDNN and nvrtc load further parts of themselves
      find "$folder/" -maxdepth 1 -name 'lib*.so*' -exec ln -sf -t "$root/cuda" {} + 2>/dev/null
      break
    done
  done
  for library in "${wanted[@]}"; do [ -e "$root/cuda/$library" ] || { echo "$library"; return; }; done
}

# Sets `launch`: what stands before a program of the archive; the archive's own glibc where the machine's is older.
choose_glibc() {
  local ours theirs
  launch=()
  ours=$(cat "$root/lib/glibc/version")
  theirs=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/.* //' || true)
  [ "$(printf '%s\n' "$ours" "${theirs:-0}" | sort -V | head -1)" != "$ours" ] || return 0
  launch=("$root/bin/ld-linux-x86-64.so.2" --library-path "$root/lib/glibc")
  export AVSR_NO_PIN=1 # starting itself again would start the loader
}

# Prints the path of avsr, network_bench or a test program.
program() {
  local folder
  for folder in bin build/release/pipeline build/release/bench build/release/tests; do
    [ ! -x "$root/$folder/$1" ] || { echo "$root/$folder/$1"; return; }
  done
  die "$1 is not built; ./run gpu pack builds it where the CUDA toolkit is"
}

launch=()
if [ "$packed" ]; then
  export AVSR_GOLDENS=$root/goldens
  choose_glibc
  missing=$(link_cuda)
  [ -z "$missing" ] || [ "${1:-}" = avsr ] ||
    die "$missing is on no path of the loader, in no /usr/local/cuda*/lib64 and in no Python's nvidia packages; set LD_LIBRARY_PATH to its folder"
  # the driver's own folder, where the loader does not know it
  if [ -e /usr/local/nvidia/lib64/libcuda.so.1 ] && ! ldconfig -p 2>/dev/null | grep -q 'libcuda\.so\.1'; then
    export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/usr/local/nvidia/lib64
  fi
fi

# ---- commands -------------------------------------------------------------------------------------------------------

read_options() {
  minutes=9 out=${OUT:-out/gpu} data='' recipe=words-full precision=bf16 rest=()
  while [ $# -gt 0 ]; do
    case "$1" in
      --) rest=("${@:2}"); return ;;
      -h | --help) usage; exit ;;
      --minutes | --out | --data | --recipe | --precision) [ $# -gt 1 ] || die "$1 wants a value" ;;&
      --minutes) minutes=$2; [[ $2 =~ ^[1-9][0-9]*$ ]] || die "--minutes: expected a whole number from 1, got '$2'" ;;
      --out) out=$2 ;;
      --data) data=$2 ;;
      --recipe) recipe=$2 ;;
      --precision) precision=$2 ;;
      *) die "unknown argument '$1' (./run gpu --help)" ;;
    esac
    shift 2
  done
}
seconds_left() { echo $((minutes * 60 - SECONDS)); }
device_line() { nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -1 || echo "no nvidia-smi"; }

# test_row PROGRAM TITLE PREFIX…: runs a test program behind PREFIX; its log goes into $out, a row of the table to stdout.
test_row() {
  local name=$1 title=$2 log=$out/$1.log code=0 began=$SECONDS left verdict=passed
  shift 2
  [ $# -eq 0 ] || log=$out/$name.sanitizer.log
  left=$(seconds_left)
  [ "$left" -gt 20 ] || { echo "| $title | not run: the time was over | | | | |"; return; }
  timeout -k 10 $((left - 10)) "$@" "${launch[@]}" "$(program "$name")" --gtest_brief=1 >"$log" 2>&1 || code=$?
  count() { sed -nE "s/^\[  $1 *\] ([0-9]+) tests?.*/\1/p" "$log" | tail -1; }
  if grep -q 'SKIPPED \] all of' "$log"; then
    echo "| $title | not run: $(sed -n 's/.*SKIPPED \] all of this program: //p' "$log" | head -1) | | | | |"
    return
  fi
  case $code in 0) ;; 124 | 137) verdict="stopped: the time was over" ;; *) verdict="**failed** (exit code $code)" ;; esac
  echo "| $title | $verdict | $(count PASSED) | $(count SKIPPED) | $(count FAILED) | $((SECONDS - began)) |"
}

gpu_test() {
  local name sanitizer tests=(models_backend_cuda_tests models_layers_cuda_tests models_cuda_tests)
  for name in "${tests[@]}"; do program "$name" >/dev/null; done
  sanitizer=$(command -v compute-sanitizer || compgen -G '/usr/local/cuda*/bin/compute-sanitizer' | head -1 || true)
  {
    printf '# GPU tests\n\n%s\n\n| program | result | passed | skipped | failed | seconds |\n|---|---|---|---|---|---|\n' "$(device_line)"
    for name in "${tests[@]}"; do test_row "$name" "$name"; done
    # Many times slower, so that it may not get through all of them; an error of memory ends with code 9.
    [ -z "$sanitizer" ] || for name in "${tests[@]}"; do
      test_row "$name" "$name, compute-sanitizer" "$sanitizer" --error-exitcode 9 --target-processes all
    done
  } | tee "$out/tests.md"
  [ "$sanitizer" ] || say "no compute-sanitizer on this machine"
  ! grep -v sanitizer "$out/tests.md" | grep -qE '\| (not run|stopped)' && ! grep -q '\*\*failed' "$out/tests.md"
}

gpu_bench() {
  local torch=() limit=$((minutes * 60 - 15))
  if "$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    # ours are timed before and after PyTorch's
    torch=(--python "$python" --script "$root/bench/torch_networks.py" --compile --budget-seconds $((limit / 2)))
  else
    say "no PyTorch with CUDA to compare with ($python)"
  fi
  timeout -k 10 "$limit" "${launch[@]}" "$(program network_bench)" --device cuda --precision bf16,tf32,f32 \
    --batches 128,36,512 --json "$out/bench.json" "${torch[@]}" "${rest[@]}" | tee "$out/bench.md" ||
    die "the benchmark ended early$([ ! -e "$out/bench.json" ] || echo "; what it had measured is in $out/bench.json")"
}

gpu_train() {
  [ "$data" ] || die "train wants --data DIR, a folder made by \`avsr prepare\`"
  local avsr code=0 resume=()
  avsr=$(program avsr)
  [ ! -e "$out/train/run.json" ] || resume=(--resume)
  # the first interruption lets it finish its batch and write a checkpoint
  timeout -s INT -k 30 $((minutes * 60 - 60)) "${launch[@]}" "$avsr" train "$recipe" --data "$data" --out "$out/train" --device cuda \
    --precision "$precision" "${resume[@]}" "${rest[@]}" 2>&1 | tee -a "$out/train.log" || code=$?
  case $code in
    0) ;;
    124 | 130) say "stopped after $minutes minutes; the same command goes on"; exit 75 ;;
    *) exit "$code" ;;
  esac
  if [ "$(seconds_left)" -lt 45 ]; then say "trained; the same command evaluates"; exit 75; fi
  timeout $(($(seconds_left) - 5)) "${launch[@]}" "$avsr" evaluate "$out"/train/*.safetensors --data "$data" --snr clean,20,15,10,5,0,-5 \
    --device cuda --out "$out/evaluation"
}

command=${1:-}
case "$command" in
  avsr) exec "${launch[@]}" "$(program avsr)" "${@:2}" ;;
  test | bench | train)
    read_options "${@:2}"
    mkdir -p "$out"
    "gpu_$command" ;;
  -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac
