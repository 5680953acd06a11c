#!/usr/bin/env python3
"""Is a long file transcribed as its parts are, in no more memory?

  long_file.py --model trained/grid-s1-sentences/audiovisual.safetensors --clips $AVSR_GRID/s1 --work FOLDER

Joins clips (cut to whole frames) to minutes and these to one file, all without encoding twice, transcribes the file, its
first minute and all minutes, and compares words and times away from the joins of the minutes (--margin seconds on each
side: a window of the model). Prints the peaks of memory, the share of equal words, and how many times differ by more
than 40 ms. Needs ffmpeg.
"""
import argparse
import json
import os
import random
import subprocess
from pathlib import Path

FRAMES, FPS, RATE = 75, 25, 44100  # of a clip


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


def join(files, out):
    names = out.with_suffix(".list")
    names.write_text("".join(f"file '{file}'\n" for file in files))
    ffmpeg("-f", "concat", "-safe", "0", "-i", names, "-c", "copy", out)


def make(clips, work, minutes):
    """The minutes' files and that of all."""
    parts, whole = work / "minutes", work / "whole.mov"
    a_minute = 60 * FPS // FRAMES
    parts.mkdir(parents=True, exist_ok=True)
    (work / "clips").mkdir(exist_ok=True)
    videos = sorted(clips.glob("*.mp4"))
    chosen = random.Random(7).choices(videos, k=minutes * a_minute)
    for number, video in enumerate(chosen):
        out = work / "clips" / f"{number:04}.mov"
        if not out.exists():
            ffmpeg("-i", video, "-vf", f"fps={FPS},tpad=stop_mode=clone:stop={FRAMES},trim=end_frame={FRAMES}", "-frames:v",
                   FRAMES, "-af", f"aresample={RATE},apad,atrim=end_sample={RATE * FRAMES // FPS}", "-c:v", "libx264",
                   "-preset", "ultrafast", "-crf", 12, "-bf", 0, "-pix_fmt", "yuv420p", "-video_track_timescale", FPS,
                   "-c:a", "pcm_s16le", "-ac", 1, out)
    every = [(work / "clips" / f"{number:04}.mov").resolve() for number in range(len(chosen))]
    for minute in range(minutes):
        join(every[minute * a_minute:(minute + 1) * a_minute], parts / f"{minute:02}.mov")
    join(every, whole)
    return parts, whole


def transcribe(program, model, file, out):
    """Peak memory in kB and seconds."""
    command = [program, "transcribe", model, str(file), "--out", str(out), "--format", "json", "--overwrite"]
    with open(f"{out}.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed: see {out}.log")
    return usage.ru_maxrss


def words(file):
    return json.loads(file.read_text())["words"]


def compare(whole, parts, minutes, margin):
    heard, total, equal, late, largest, others = words(whole), 0, 0, 0, 0.0, []
    for minute in range(minutes):
        inside = lambda word, start: margin <= word["start"] - start and word["end"] - start <= 60 - margin
        alone = [word for word in words(parts / f"{minute:02}.json") if inside(word, 0)]
        there = [word for word in heard if inside(word, 60 * minute)]
        total += len(alone)
        for word in alone:
            off = lambda other: max(abs(other[key] - 60 * minute - word[key]) for key in ("start", "end"))
            same = [other for other in there if other["text"] == word["text"] and off(other) < 0.5]
            if not same:
                others.append(f"{word['text']} at {60 * minute + word['start']:.2f} s")
                continue
            best = min(same, key=off)
            there.remove(best)
            equal += 1
            largest = max(largest, off(best))
            late += off(best) > 0.0401
    print(f"{equal} of {total} words equal ({100 * equal / total:.2f} %); {late} of them off by more than 40 ms, the largest "
          f"by {1000 * largest:.0f} ms; missing: {', '.join(others) or 'none'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/pipeline/avsr")
    parser.add_argument("--model", required=True)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--margin", type=float, default=3.0)
    chosen = parser.parse_args()
    parts, whole = make(chosen.clips, chosen.work, chosen.minutes)
    peaks = {}
    for name, file in (("one minute", parts / "00.mov"), ("all", whole), ("each minute", parts)):
        peaks[name] = transcribe(chosen.program, chosen.model, file, chosen.work / name.replace(" ", "-"))
    print(f"peak memory: {peaks['one minute'] / 1000:.0f} MB of one minute, {peaks['all'] / 1000:.0f} MB of {chosen.minutes} "
          f"({100 * (peaks['all'] / peaks['one minute'] - 1):+.1f} %)")
    compare(chosen.work / "all" / "whole.json", chosen.work / "each-minute", chosen.minutes, chosen.margin)


if __name__ == "__main__":
    main()
