#!/bin/bash
# Breaks a good video in ten ways, to see what a program makes of such files.
# Usage: broken_files.sh GOOD.mp4 FOLDER [COPIES]     writes FOLDER/WAY-1.mp4 and so on; needs ffmpeg
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
good=$1 folder=$2 copies=${3:-1}
mkdir -p "$folder"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
convert() { ffmpeg -nostdin -v error -y -i "$good" "$@"; }
convert -c copy -movflags +faststart "$scratch/fast.mp4"  # its header stands before its data
size=$(stat -c %s "$scratch/fast.mp4")

for n in $(seq "$copies"); do
  : > "$folder/empty-$n.mp4"
  head -c $((size * 3 / 5)) "$scratch/fast.mp4" > "$folder/truncated-$n.mp4"
  echo "This is a letter, not a film." > "$folder/text-$n.mp4"
  convert -an -c copy "$folder/silent-$n.mp4"
  convert -vn -c copy "$folder/sound-$n.mp4"
  # The header and nothing behind it.
  head -c 4000 "$scratch/fast.mp4" > "$folder/header-$n.mp4"
  # Noise in place of the middle third.
  cp "$scratch/fast.mp4" "$folder/middle-$n.mp4"
  head -c $((size / 3)) /dev/urandom | dd of="$folder/middle-$n.mp4" bs=64k oflag=seek_bytes seek=$((size / 3)) conv=notrunc status=none
  mkdir -p "$folder/folder-$n.mp4"
  # Root may read everything: a link to nothing is then what cannot be opened.
  rm -f "$folder/unreadable-$n.mp4"
  if [ "$(id -u)" = 0 ]; then ln -s nowhere "$folder/unreadable-$n.mp4"; else : > "$folder/unreadable-$n.mp4"; chmod 0 "$folder/unreadable-$n.mp4"; fi
  # A picture's codec that no decoder has.
  LC_ALL=C sed 's/avc1/zzz1/g; s/mp4v/zzzv/g' "$scratch/fast.mp4" > "$folder/codec-$n.mp4"
done
