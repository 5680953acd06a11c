#!/usr/bin/env python3
"""Lets TensorBoard itself read the event files of a run, as `tensorboard --logdir RUN` does.

    python3 -m venv venv && venv/bin/pip install tensorboard
    venv/bin/python tests/io/read_with_tensorboard.py RUN

Prints each stage's tags with their number of points and the last one. Fails when there are none, or when a step stands
twice in a curve, as it would after a resume that TensorBoard did not notice. Not part of ctest: TensorBoard is needed
for nothing else.
"""
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator


def main(run):
    stages = sorted({path.parent for path in Path(run).rglob("events.out.tfevents.*")})
    if not stages:
        sys.exit(f"{run}: no event files")
    for stage in stages:
        events = EventAccumulator(str(stage), size_guidance={SCALARS: 0}).Reload()
        tags = sorted(events.Tags()["scalars"])
        if not tags:
            sys.exit(f"{stage}: TensorBoard found no scalars")
        for tag in tags:
            points = events.Scalars(tag)
            steps = [point.step for point in points]
            if steps != sorted(set(steps)):
                sys.exit(f"{stage}: {tag}: steps are doubled or out of order: {steps}")
            print(f"{stage.name}\t{tag}\t{len(points)} points\tlast {points[-1].value:.6g} at step {steps[-1]}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
