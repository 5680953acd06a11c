#!/usr/bin/env bash
# Packs the program, the CUDA plug-in, the GPU tests and the benchmark into one archive for a machine that has a GPU, CUDA
# and cuDNN, and nothing of ours. Called by `./run gpu pack` from the root, after the build. Prints the archive's path.
#
# Debian's FFmpeg and OpenCV bring over 200 libraries (150 MB compressed): image formats, video encoders, network protocols,
# displays. The archive carries what training, evaluation and reading media files use (`carried`); every other library is
# a stand-in of the same name, whose functions say that they were left out and end the program.
set -euo pipefail
build=build/release
name=avsr-gpu
work=$build/gpu-pack
stage=$work/$name
most_bytes=$((45 << 20))
programs=("$build"/pipeline/avsr "$build"/bench/network_bench "$build"/tests/models_{backend_,layers_,}cuda_tests)
plugin=$build/pipeline/libavsr_cuda.so

glibc='^(ld-linux-x86-64|libc|libm|libmvec|libdl|libpthread|librt|libutil|libresolv)\.so'
cuda='^lib(cuda|cudart|cublas|cublasLt|cudnn[a-z_]*|nvrtc|nvJitLink)\.so'
carried='^lib(stdc\+\+|gcc_s|gomp|gfortran|quadmath|tbb|blas|lapack|dnnl|OpenCL|opencv_(core|imgproc|imgcodecs)|dlib'
carried+='|av(format|codec|util)|sw(scale|resample)|dav1d|gme|sndfile|FLAC|ogg|vorbis|vorbisenc|opus|mpg123|mp3lame'
carried+='|jpeg|png16|archive|z|bz2|lzma|lz4|zstd|nettle|acl|boost_program_options|yaml-cpp|fmt)[.-]'
# Called without being needed: when OpenCV is loaded, by FFmpeg to ask whose a file is and what its encoders can do. In a
# stand-in these answer 0, which says no.
harmless='^(GDALAllRegister|_ZN7Imf_.*14ChromaticitiesC[12].*|openmpt_(probe_file_header.*|is_extension_supported)'
harmless+='|(aom|vpx)_codec_(version|get_caps|av1_cx|vp[89]_cx)|x265_api_get.*)$'

die() { echo "gpu_pack: $*" >&2; exit 1; }
needed() { objdump -p "$1" | awk '$1 == "NEEDED" { print $2 }'; }
# "name<TAB>version<TAB>type<TAB>size" of the symbols that $1 defines, or wants (undefined).
symbols() {
  readelf -W --dyn-syms "$1" | awk -v wanted="$2" '$1 ~ /^[0-9]+:$/ && $8 != "" && ($7 == "UND") == (wanted == "undefined") {
    split($8, part, /@+/); print part[1] "\t" part[2] "\t" $4 "\t" $3 }'
}

# stand_in LIBRARY: in lib/, a library of this name with the symbols that the carried ones want of the real one.
stand_in() {
  local library=$1 code=$work/stand_in.c versions=$work/stand_in.map wanted=$work/wanted
  awk -v library="$library" '$2 == library { print $1 }' "$work/needs" | xargs cat | cut -f 1,2 | sort -u >"$wanted"
  symbols "${path_of[$library]}" defined | awk -F '\t' -v library="$library" -v harmless="$harmless" -v versions="$versions" '
    BEGIN {
      print "#include <stdio.h>\n#include <stdlib.h>"
      print "static void left_out(const char* called) {"
      print "  fprintf(stderr, \"avsr: %s is called, but " library " is left out of this archive\\n\", called);\n  abort();\n}"
    }
    NR == FNR { wanted[$1 "\t" $2] = 1; next }
    !wanted[$1 "\t" $2] || seen[$1 "\t" $2]++ { next }
    $3 == "TLS" { print "gpu_pack: " library ": no stand-in for thread-local " $1 >"/dev/stderr"; exit 1 }
    $3 == "OBJECT" { printf "char data_%d[%d] __asm__(\"%s\");\n", NR, $4, $1 }
    $3 != "OBJECT" {
      body = $1 ~ harmless ? "return 0;" : "left_out(\"" $1 "\"); return 0;"
      printf "long call_%d(void) __asm__(\"%s\");\nlong call_%d(void) { %s }\n", NR, $1, NR, body
    }
    $2 != "" { nodes[$2] = nodes[$2] "\"" $1 "\"; " }
    END { printf "" >versions; for (node in nodes) print node " { " nodes[node] "};" >versions }' "$wanted" - >"$code"
  local script=()
  [ ! -s "$versions" ] || script=("-Wl,--version-script=$versions")
  g++ -x c -shared -fPIC -O1 -s -Wl,-soname,"$library" "${script[@]}" -o "$stage/lib/$library" "$code"
}

rm -rf "$work"
mkdir -p "$work/undefined" "$stage"/{bin,lib/avsr,lib/glibc,goldens,bench}
for program in "${programs[@]}"; do
  [ -e "$program" ] || die "$program is not there: this build has no CUDA back end"
  cp "$program" "$stage/bin/"
done
cp "$plugin" "$stage/lib/avsr/"
cp tests/models/goldens/*.safetensors "$stage/goldens/"
cp bench/torch_networks.py "$stage/bench/"
cp data_scripts/gpu.sh LICENSE docs/third-party.md "$stage/"
ldd --version | sed -n '1s/.* //p' >"$stage/lib/glibc/version"

# ---- which library is where
declare -A path_of
while read -r library path; do path_of[$library]=$path; done < \
  <(ldd "$stage"/bin/* "$stage/lib/avsr/"* 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' | sort -u)
path_of[ld-linux-x86-64.so.2]=/lib64/ld-linux-x86-64.so.2

# ---- carried libraries, and the names of the others
queue=("$stage"/bin/* "$stage"/lib/avsr/*)
declare -A seen
left_out=()
while [ ${#queue[@]} -gt 0 ]; do
  object=${queue[0]}
  queue=("${queue[@]:1}")
  symbols "$object" undefined >"$work/undefined/$(basename "$object")"
  while read -r library; do
    echo "$work/undefined/$(basename "$object") $library" >>"$work/needs"
    [ -z "${seen[$library]:-}" ] || continue
    seen[$library]=1
    if [[ $library =~ $cuda ]]; then
      echo "$library" >>"$stage/lib/avsr/cuda-libraries"
    elif [ -z "${path_of[$library]:-}" ]; then
      die "$library, which $(basename "$object") needs, is not on this machine"
    elif [[ $library =~ $glibc ]]; then
      :
    elif [[ $library =~ $carried ]]; then
      cp -L "${path_of[$library]}" "$stage/lib/$library"
      queue+=("$stage/lib/$library")
    else
      left_out+=("$library")
    fi
  done < <(needed "$object")
done
for library in "${left_out[@]}"; do stand_in "$library"; done
# glibc whole: the drivers of the other machine ask for more of its parts than we do
for library in "${path_of[libc.so.6]%/*}"/lib{c,m,mvec,dl,pthread,rt,util,resolv}.so.[0-9]; do cp -L "$library" "$stage/lib/glibc/"; done
cp -L "${path_of[ld-linux-x86-64.so.2]}" "$stage/bin/" # beside the programs: it is what /proc/self/exe then names

# ---- libraries are found relative to the programs, also those that are loaded later (so RPATH, not RUNPATH)
strip --strip-unneeded "$stage"/bin/{avsr,*_bench,*_tests} "$stage/lib/avsr/libavsr_cuda.so"
patchelf --force-rpath --set-rpath '$ORIGIN/../lib:$ORIGIN/../cuda' "$stage"/bin/{avsr,*_bench,*_tests}
patchelf --force-rpath --set-rpath '$ORIGIN/..:$ORIGIN/../../cuda' "$stage/lib/avsr/libavsr_cuda.so"

cat >"$stage/run" <<'RUN'
#!/usr/bin/env bash
# ./run gpu test|bench|train, and ./run avsr ARGS…, on a machine with an NVIDIA GPU, CUDA and cuDNN.
case "${1:-}" in
  gpu) exec bash "$(dirname "$(readlink -f "$0")")/gpu.sh" "${@:2}" ;;
  avsr) exec bash "$(dirname "$(readlink -f "$0")")/gpu.sh" avsr "${@:2}" ;;
  *) echo "run: this archive has ./run gpu test|bench|train and ./run avsr ARGS…" >&2; exit 2 ;;
esac
RUN
chmod +x "$stage/run"

archive=$work/$name.tar.xz
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner -cf - "$name" | xz -T0 --x86 --lzma2=preset=6 >"$archive"
bytes=$(stat -c %s "$archive")
echo "gpu_pack: $((bytes >> 10)) KiB, $(find "$stage/lib" -type f | wc -l) libraries, of them ${#left_out[@]} stand-ins" >&2
if [ "$bytes" -gt "$most_bytes" ]; then
  find "$stage" -type f -printf '%s %P\n' | sort -rn | head -12 >&2
  die "$archive has $bytes bytes, over the $most_bytes that may be sent; the largest files are above"
fi
echo "$archive"
