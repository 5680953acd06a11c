#!/usr/bin/env bash
# Draws the validation accuracy of several trainings into one SVG, epoch by epoch; stages of one training follow each other.
#   curves.sh OUT.svg NAME=RUN/STAGE[,RUN/STAGE…] …
#   curves.sh curves.svg words-paper=old/video-temporal-conv,old/video-recurrent,old/video-fine-tune words-small=new/video
set -euo pipefail
[ $# -ge 2 ] || { sed -n 2,4p "$0" | cut -c3-; exit 2; }
out=$1; shift
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
plots=() number=0
for curve in "$@"; do
  number=$((number + 1))
  IFS=, read -ra stages <<<"${curve#*=}"
  epoch=0
  for stage in "${stages[@]}"; do
    log=$stage/log.jsonl
    [ -r "$log" ] || { echo "curves: $log: expected the log of a trained stage, found none" >&2; exit 1; }
    while read -r accuracy; do
      epoch=$((epoch + 1))
      echo "$epoch $accuracy"
    done < <(sed -n 's/.*"val_accuracy":\([0-9.e-]*\).*/\1/p' "$log")
    echo # a gap: another stage begins
  done >"$folder/$number"
  plots+=("'$folder/$number' using 1:(100*\$2) with linespoints pointtype 7 pointsize 0.4 linewidth 2 title \"${curve%%=*}\"")
done
{
  echo "set terminal svg size 760,420 font 'sans-serif,13' background 'white'; set output '$out'"
  echo "set xlabel 'epoch'; set ylabel 'validation accuracy, %'; set yrange [0:100]; set grid; set key bottom right"
  (IFS=,; echo "plot ${plots[*]}")
} | gnuplot
