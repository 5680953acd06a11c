#!/usr/bin/env python3
"""Times the full-size networks in PyTorch, for the comparison in network_bench.

  torch_networks.py --device cuda --precision bf16,f32 --networks audiovisual --batches 128 --forms eager,compile,graphs

Prints JSON lines: the versions; {"network", "parameters"}; and for each measurement {"network", "task", "precision",
"batch", "form", "ms", "peak_bytes"}, or "problem" instead of a time. The networks are those of network_bench: ResNet-34
video stream and 1-D ResNet-18 audio stream with 2-layer BLSTMs of 512 a direction, joint ones fused by another.

As fast as PyTorch is without rewriting it: channels_last, autocast, fused Adam, cudnn.benchmark, pinned memory, no
synchronisation inside a step. Forms: eager, torch.compile ("compile"), and torch.compile with CUDA graphs ("graphs",
mode reduce-overhead).
"""
import argparse
import contextlib
import gc
import json
import logging
import math
import os
import signal
import statistics
import sys
import time
import warnings

import torch
from torch import nn

FRAMES, SAMPLES, LABELS = 29, 29 * 640, 500
WARM_UPS, LEAST_SECONDS = 3, 0.1
TASKS = ("inference", "training")


def basic_block(conv, norm, inputs, outputs, stride):
    return nn.ModuleDict({
        "conv1": conv(inputs, outputs, 3, stride, 1, bias=False), "bn1": norm(outputs),
        "conv2": conv(outputs, outputs, 3, 1, 1, bias=False), "bn2": norm(outputs),
        "shortcut": nn.Identity() if stride == 1 and inputs == outputs else nn.Sequential(
            conv(inputs, outputs, 1, stride, bias=False), norm(outputs))})


class Trunk(nn.Module):
    def __init__(self, conv, norm, blocks):
        super().__init__()
        layers, inputs = [], 64
        for i, (outputs, count) in enumerate(zip((64, 128, 256, 512), blocks)):
            for j in range(count):
                layers.append(basic_block(conv, norm, inputs, outputs, 2 if i > 0 and j == 0 else 1))
                inputs = outputs
        self.blocks = nn.ModuleList(layers)

    def forward(self, x):
        for block in self.blocks:
            y = torch.relu(block["bn1"](block["conv1"](x)))
            x = torch.relu(block["bn2"](block["conv2"](y)) + block["shortcut"](x))
        return x


class Video(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(1, 64, (5, 7, 7), (1, 2, 2), (2, 3, 3), bias=False)
        # From here on frame by frame, as 2-D kernels are the faster ones.
        self.frontend = nn.Sequential(nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.trunk = Trunk(nn.Conv2d, nn.BatchNorm2d, (3, 4, 6, 3))
        self.embed = nn.Linear(512, 256)
        self.norm = nn.BatchNorm1d(256)
        self.blstm = nn.LSTM(256, 512, 2, batch_first=True, bidirectional=True)
        self.conv.to(memory_format=torch.channels_last_3d)
        self.trunk.to(memory_format=torch.channels_last)

    def forward(self, frames):  # (B, T, 88, 88) u8
        x = self.conv(frames.unsqueeze(1).float() * (1 / 74) - 1.7)
        x = self.frontend(x.transpose(1, 2).flatten(0, 1))
        x = self.norm(self.embed(self.trunk(x).mean((2, 3))))
        return self.blstm(x.view(frames.shape[0], frames.shape[1], -1))[0]


class Audio(nn.Module):
    def __init__(self):
        super().__init__()
        self.frontend = nn.Sequential(nn.Conv1d(1, 64, 80, 4, 38, bias=False), nn.BatchNorm1d(64), nn.ReLU())
        self.trunk = Trunk(nn.Conv1d, nn.BatchNorm1d, (2, 2, 2, 2))
        self.pool = nn.AvgPool1d(20, 20)
        self.embed = nn.Linear(512, 512)
        self.blstm = nn.LSTM(512, 512, 2, batch_first=True, bidirectional=True)

    def forward(self, sound):  # (B, S)
        x = self.pool(self.trunk(self.frontend(sound.unsqueeze(1))))
        return self.blstm(self.embed(x.transpose(1, 2)))[0]


class Network(nn.Module):
    def __init__(self, streams):
        super().__init__()
        self.video = Video() if streams != "audio" else None
        self.audio = Audio() if streams != "video" else None
        self.fusion = nn.LSTM(2048, 512, 2, batch_first=True, bidirectional=True) if streams == "audiovisual" else None
        self.head = nn.Linear(1024, LABELS)

    def forward(self, frames, sound):
        if self.fusion is None:
            return self.head(self.video(frames) if self.video is not None else self.audio(sound))
        return self.head(self.fusion(torch.cat((self.video(frames), self.audio(sound)), 2))[0])


class OutOfTime(BaseException):  # no Exception: the compiler catches those
    pass


class Budget:
    """Seconds for all measurements, of which one may have a third. 0: no limit."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.end = time.monotonic() + seconds

    def spent(self):
        return self.seconds > 0 and time.monotonic() >= self.end

    @contextlib.contextmanager
    def one_measurement(self):
        def stop(*_):
            raise OutOfTime

        if self.seconds > 0:
            signal.signal(signal.SIGALRM, stop)
            signal.setitimer(signal.ITIMER_REAL, max(0.01, min(self.end - time.monotonic(), self.seconds / 3)))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


class Subject:
    """One network with a random batch, in one form."""

    def __init__(self, device, streams, precision, batch, form):
        self.device, self.bf16, self.graphs = device, precision == "bf16", form == "graphs"
        if device.type == "cuda":
            tf32 = precision != "f32"  # what autocast leaves in f32 may be TF32 too
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
            torch.backends.cudnn.benchmark = True
        with torch.device(device) if device.type == "cuda" else contextlib.nullcontext():
            self.network = Network(streams)
        self.run = self.network
        if form != "eager":
            torch._dynamo.reset()
            self.run = torch.compile(self.network, dynamic=False, mode="reduce-overhead" if self.graphs else "default")
        self.optimizer = None
        self.host = [torch.randint(256, (batch, FRAMES, 88, 88), dtype=torch.uint8), torch.randn(batch, SAMPLES),
                     torch.randint(LABELS, (batch,))]
        if device.type == "cuda":
            self.host = [tensor.pin_memory() for tensor in self.host]
        self.loss = torch.zeros((), device=device)

    def logits(self):
        if self.graphs:
            torch.compiler.cudagraph_mark_step_begin()
        frames, sound, labels = (tensor.to(self.device, non_blocking=True) for tensor in self.host)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return self.run(frames, sound), labels

    def inference(self):
        with torch.inference_mode():
            self.logits()

    def training(self):
        self.optimizer.zero_grad(set_to_none=True)
        logits, labels = self.logits()
        loss = nn.functional.cross_entropy(logits.float().mean(1), labels)
        loss.backward()
        self.optimizer.step()
        self.loss += loss.detach()

    def seconds(self, task, repeats):
        """Of a batch: the median of `repeats`, each the mean over enough calls to last LEAST_SECONDS."""
        self.network.train(task == "training")
        if task == "training":
            self.optimizer = torch.optim.Adam(self.network.parameters(), 3e-4, fused=self.device.type == "cuda" or
                                              version() >= (2, 4))
        work = getattr(self, task)
        for _ in range(WARM_UPS):
            once = self.calls(work, 1)
        calls = min(1000, max(1, math.ceil(LEAST_SECONDS / once)))
        return statistics.median(self.calls(work, calls) for _ in range(repeats))

    def calls(self, work, count):
        self.synchronize()
        start = time.perf_counter()
        for _ in range(count):
            work()
        self.synchronize()
        return (time.perf_counter() - start) / count

    def synchronize(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def version():
    return tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])


def say(**values):
    print(json.dumps(values), flush=True)


def reason(error):
    text = str(error)
    if "out of memory" in text or "can't allocate memory" in text:
        return "out of memory"
    return f"{type(error).__name__}: {text.strip().splitlines()[0] if text.strip() else ''}"[:200]


def free_memory(device):
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def measure(options, budget, device, case, form):
    """Says a time or a problem for each task."""
    streams, precision, batch = case
    what = {"network": streams, "precision": precision, "batch": batch, "form": form}
    subject = None
    free_memory(device)
    for task in TASKS[:1] if options.no_training else TASKS:
        if budget.spent():
            say(**what, task=task, problem=f"not timed: the budget of {budget.seconds} s was used up")
            continue
        start = time.monotonic()
        try:
            with budget.one_measurement():
                subject = subject or Subject(device, streams, precision, batch, form)
                seconds = subject.seconds(task, options.repeats)
            peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
            say(**what, task=task, ms=seconds * 1e3, peak_bytes=peak)
        except OutOfTime:
            subject = None
            say(**what, task=task, problem=f"stopped after {time.monotonic() - start:.0f} s, compiling included")
        except Exception as error:  # a form that fails must not end the others
            subject = None
            say(**what, task=task, problem=reason(error))


def describe(device):
    versions = {"torch": torch.__version__, "python": sys.version.split()[0], "device": device.type}
    if device.type == "cuda":
        versions.update(device=torch.cuda.get_device_name(device), cuda=str(torch.version.cuda),
                        cudnn=str(torch.backends.cudnn.version()))
    say(**versions)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--networks", default="audiovisual", help="video, audio and audiovisual, separated by commas")
    parser.add_argument("--precision", default="f32", help="f32, tf32 (cuda) and bf16, separated by commas")
    parser.add_argument("--batches", default="1,8")
    parser.add_argument("--forms", default="eager", help="eager, compile and graphs (cuda), separated by commas")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-training", action="store_true")
    parser.add_argument("--budget-seconds", type=int, default=0, help="for all of it; 0: no limit")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if hasattr(torch, "_logging"):
        torch._logging.set_logs(all=logging.ERROR)
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    device, budget = torch.device(options.device), Budget(options.budget_seconds)
    describe(device)
    networks, forms = options.networks.split(","), options.forms.split(",")
    for streams in networks:
        say(network=streams, parameters=sum(p.numel() for p in Network(streams).parameters()))
    cases = [(streams, precision, int(batch)) for streams in networks for precision in options.precision.split(",")
             for batch in options.batches.split(",")]
    # Eager costs seconds, compiling minutes: what a budget cuts off is the latter.
    for case in cases if "eager" in forms else []:
        measure(options, budget, device, case, "eager")
    for case in cases:
        for form in forms:
            if form == "compile" and not hasattr(torch, "compile"):
                continue
            if form != "eager":
                measure(options, budget, device, case, form)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # a compilation that was stopped leaves workers that a usual exit would wait for
