#!/usr/bin/env python3
"""Times the full-size audiovisual network in PyTorch, for the comparison in network_bench.

  torch_networks.py --threads 2 --batches 1,8 --repeats 5 [--compile] [--no-training]

Prints one JSON line for each measurement: {"mode", "task", "batch", "ms"}. The network is the one that network_bench
times: ResNet-34 video stream and 1-D ResNet-18 audio stream with 2-layer BLSTMs of 512 a direction, fused by another.
"""
import argparse
import json
import statistics
import time

import torch
from torch import nn


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
        self.frontend = nn.Sequential(
            nn.Conv3d(1, 64, (5, 7, 7), (1, 2, 2), (2, 3, 3), bias=False), nn.BatchNorm3d(64), nn.ReLU(),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)))
        self.trunk = Trunk(nn.Conv2d, nn.BatchNorm2d, (3, 4, 6, 3))
        self.embed = nn.Linear(512, 256)
        self.norm = nn.BatchNorm1d(256)
        self.blstm = nn.LSTM(256, 512, 2, batch_first=True, bidirectional=True)

    def forward(self, x):  # (B, 1, T, 88, 88)
        batch, steps = x.shape[0], x.shape[2]
        x = self.frontend(x).transpose(1, 2).flatten(0, 1)
        x = self.norm(self.embed(self.trunk(x).mean((2, 3))))
        return self.blstm(x.view(batch, steps, -1))[0]


class Audio(nn.Module):
    def __init__(self):
        super().__init__()
        self.frontend = nn.Sequential(nn.Conv1d(1, 64, 80, 4, 38, bias=False), nn.BatchNorm1d(64), nn.ReLU())
        self.trunk = Trunk(nn.Conv1d, nn.BatchNorm1d, (2, 2, 2, 2))
        self.pool = nn.AvgPool1d(20, 20)
        self.embed = nn.Linear(512, 512)
        self.blstm = nn.LSTM(512, 512, 2, batch_first=True, bidirectional=True)

    def forward(self, x):  # (B, 1, S)
        return self.blstm(self.embed(self.pool(self.trunk(self.frontend(x))).transpose(1, 2)))[0]


class Audiovisual(nn.Module):
    def __init__(self):
        super().__init__()
        self.video, self.audio = Video(), Audio()
        self.blstm = nn.LSTM(2048, 512, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(1024, 500)

    def forward(self, video, audio):
        return self.head(self.blstm(torch.cat((self.video(video), self.audio(audio)), 2))[0])


def median_ms(work, repeats):
    work()
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batches", default="1,8")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="torch.compile as well")
    parser.add_argument("--no-training", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    modes = ["eager"] + (["compile"] if options.compile and hasattr(torch, "compile") else [])
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for mode in modes:
        network = Audiovisual()
        run = torch.compile(network) if mode == "compile" else network
        optimizer = torch.optim.Adam(network.parameters(), 3e-4)
        for batch in map(int, options.batches.split(",")):
            video, audio = torch.randn(batch, 1, 29, 88, 88), torch.randn(batch, 1, 18560)
            labels = torch.randint(500, (batch,))

            def infer():
                with torch.inference_mode():
                    run(video, audio)

            def train():
                optimizer.zero_grad(set_to_none=True)
                nn.functional.cross_entropy(run(video, audio).mean(1), labels).backward()
                optimizer.step()

            network.eval()
            print(json.dumps({"mode": mode, "task": "inference", "batch": batch,
                              "ms": median_ms(infer, options.repeats)}), flush=True)
            if not options.no_training:
                network.train()
                print(json.dumps({"mode": mode, "task": "training", "batch": batch,
                                  "ms": median_ms(train, options.repeats)}), flush=True)


if __name__ == "__main__":
    main()
