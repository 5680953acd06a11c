#!/usr/bin/env bash
# The whole system on a small made-up corpus: videos, crops, the five stages, the noise test, subtitles, a picture.
# Called by `./run demo` from the root, after the build. Every step is a command of the program, shown as it runs; each
# goes on where a stopped demo left it.
set -euo pipefail
avsr=build/release/pipeline/avsr
out=out/demo
case "${1:-}" in
  "") ;;
  --fresh) rm -rf "$out" ;;
  -h | --help) echo "./run demo [--fresh]   --fresh removes what an earlier demo made"; exit ;;
  *) echo "demo: unknown argument $1 (try --help)" >&2; exit 2 ;;
esac
mkdir -p "$out"
started=$SECONDS

# Shows a command, then runs it.
step() {
  local title=$1
  shift
  printf '\n== %s (%d:%02d)\n$ avsr %s\n' "$title" $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60)) "$*"
  "$avsr" "$@"
}

# Seed 2: the test clips of seed 1 were seen while the recipe was made.
step "1. Videos: drawn faces say 20 words in context, 36 voices" synthesize --out "$out/videos" --seed 2
step "2. Mouth crops and sound, packed" \
  prepare "$out/videos" --out "$out/data" --crop tracked --landmark-interval 4
if [ -e "$out/run/run.json" ]; then resume=(--resume); else resume=(); fi
step "3. The five stages: each stream alone, the fusion, all together" \
  train demo --data "$out/data" --out "$out/run" "${resume[@]}"
models=("$out"/run/{audio,video,audiovisual}.safetensors)
step "4. Voices it never heard, clean and in babble" \
  evaluate "${models[@]}" --data "$out/data" --snr clean,20,10,0,-5 --out "$out/report"
step "5. No leak: with every frame replaced by the clip's first, lip-reading must fall to chance (5 %)" \
  evaluate "$out/run/video.safetensors" --data "$out/data" --damage frozen --out "$out/report/frozen"
clips=("$out"/videos/*/test/*_00001.mp4)
step "6. Subtitles of three test videos" \
  transcribe "$out/run/audiovisual.safetensors" "${clips[@]:0:3}" --out "$out/text"

name=$(basename "${clips[0]}" .mp4)
printf '\n== Done in %d:%02d\n' $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60))
printf '\n%s:\n' "$out/text/$name.srt"
cat "$out/text/$name.srt"
cat <<END
Look at:  $out/report/report.html         accuracy against noise, for sound, lips and both; confusions, worst clips
          $out/report/results.md, .json   the tables
          $out/data/quality.html          the mouth crops and what went wrong with them
          $out/run/report.html            the training, stage by stage (numbers: $out/run/*/log.jsonl)
Next:     ./run avsr transcribe $out/run/audiovisual.safetensors YOUR.mp4 --out text    (20 words only!)
          ./run avsr prepare LRW_OR_GRID_FOLDER --out data && ./run avsr train words-small --data data --out run
END
