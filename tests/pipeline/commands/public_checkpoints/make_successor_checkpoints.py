#!/usr/bin/env python3
"""Checkpoints with the names of the successor system's, written by PyTorch, and their logits (needs NumPy and PyTorch).

  make_successor_checkpoints.py             narrow networks, beside this script: the tests read them
  make_successor_checkpoints.py --full DIR  full-size networks; the tests read them when
                                            AVSR_SUCCESSOR_CHECKPOINTS=DIR is set

successor_video.pt (zip, PReLU, with an optimizer's state), successor_audio.pt (legacy format, of several GPUs, Swish),
successor_separable.pt and successor_dense.pt (a few names of networks that are refused), successor_logits.safetensors:
of the whole clip, as that system averages the features before its last layer. The names of the modules below are the
public ones. The inputs are formulas, which import_fixture.h repeats.
"""
import argparse
import collections
import os
import sys

import numpy as np
import torch
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../../models/goldens")
from make_goldens import write_safetensors  # noqa: E402

FRAMES = 29
KERNELS = [3, 5, 7]
Sizes = collections.namedtuple("Sizes", "front widths branch levels labels")
NARROW = Sizes(4, [4, 6, 6, 8], 3, 3, 5)
FULL = Sizes(64, [64, 128, 256, 512], 256, 4, 500)


def activation(kind, channels):
    return {"relu": nn.ReLU, "swish": nn.SiLU, "prelu": lambda: nn.PReLU(channels)}[kind]()


class Block(nn.Module):
    def __init__(self, conv, norm, kind, into, out, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(into, out, 3, stride, 1, bias=False), norm(out)
        self.relu1, self.relu2 = activation(kind, out), activation(kind, out)
        self.conv2, self.bn2 = conv(out, out, 3, 1, 1, bias=False), norm(out)
        if stride != 1 or into != out:
            self.downsample = nn.Sequential(conv(into, out, 1, stride, bias=False), norm(out))

    def forward(self, x):
        h = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(h + (self.downsample(x) if hasattr(self, "downsample") else x))


class Trunk(nn.Module):
    def __init__(self, sizes, dimensions, kind):
        super().__init__()
        conv, norm = (nn.Conv2d, nn.BatchNorm2d) if dimensions == 2 else (nn.Conv1d, nn.BatchNorm1d)
        if dimensions == 1:
            self.conv1, self.bn1 = nn.Conv1d(1, sizes.front, 80, 4, 38, bias=False), nn.BatchNorm1d(sizes.front)
            self.relu = activation(kind, sizes.front)
        into = sizes.front
        for i, out in enumerate(sizes.widths):
            first = Block(conv, norm, kind, into, out, 1 if i == 0 else 2)
            self.add_module(f"layer{i + 1}", nn.Sequential(first, Block(conv, norm, kind, out, out, 1)))
            into = out
        self.pool = nn.AdaptiveAvgPool2d(1) if dimensions == 2 else nn.AvgPool1d(20, 20)

    def forward(self, x):
        if hasattr(self, "conv1"):
            x = self.relu(self.bn1(self.conv1(x)))
        return self.pool(self.layer4(self.layer3(self.layer2(self.layer1(x)))))


class Branch(nn.Module):
    def __init__(self, kind, into, out, kernel, dilation):
        super().__init__()
        self.reach = (kernel - 1) * dilation
        self.conv = nn.Conv1d(into, out, kernel, 1, self.reach, dilation)
        self.batchnorm, self.non_lin = nn.BatchNorm1d(out), activation(kind, out)

    def forward(self, x):
        half = self.reach // 2
        return self.non_lin(self.batchnorm(self.conv(x))[:, :, half:-half])


class Level(nn.Module):
    def __init__(self, kind, into, branch, dilation):
        super().__init__()
        out = branch * len(KERNELS)
        for half, width in ((0, into), (1, out)):
            for k, kernel in enumerate(KERNELS):
                self.add_module(f"cbcr{half}_{k}", Branch(kind, width, branch, kernel, dilation))
        self.downsample, self.relu_final = nn.Conv1d(into, out, 1), activation(kind, out)

    def forward(self, x):
        h = x
        for half in (0, 1):
            h = torch.cat([getattr(self, f"cbcr{half}_{k}")(h) for k in range(len(KERNELS))], 1)
        return self.relu_final(h + self.downsample(x))


class Network(nn.Module):
    def __init__(self, sizes, modality, kind):
        super().__init__()
        if modality == "video":
            self.frontend3D = nn.Sequential(nn.Conv3d(1, sizes.front, (5, 7, 7), (1, 2, 2), (2, 3, 3), bias=False),
                                            nn.BatchNorm3d(sizes.front), activation(kind, sizes.front),
                                            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)))
        self.trunk = Trunk(sizes, 2 if modality == "video" else 1, kind)
        out = sizes.branch * len(KERNELS)
        levels = [Level(kind, sizes.widths[-1] if i == 0 else out, sizes.branch, 2 ** i) for i in range(sizes.levels)]
        self.tcn = nn.Module()
        self.tcn.mb_ms_tcn = nn.Module()
        self.tcn.mb_ms_tcn.network = nn.Sequential(*levels)
        self.tcn.tcn_output = nn.Linear(out, sizes.labels)

    def forward(self, x):
        """(1, 1, T, H, W) or (1, 1, S) -> (1, V)"""
        if hasattr(self, "frontend3D"):
            x = self.trunk(self.frontend3D(x)[0].transpose(0, 1))[:, :, 0, 0].T[None]
        else:
            x = self.trunk(x)
        return self.tcn.tcn_output(self.tcn.mb_ms_tcn.network(x).mean(2))


def made(sizes, modality, kind, seed):
    """With batch norms and slopes away from where they start, which would hide mistakes."""
    torch.manual_seed(seed)
    network = Network(sizes, modality, kind)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
                for t, least, most in ((module.weight, 0.7, 1.3), (module.bias, -0.3, 0.3),
                                       (module.running_mean, -0.3, 0.3), (module.running_var, 0.7, 1.3)):
                    t.uniform_(least, most)
            elif isinstance(module, nn.PReLU):
                module.weight.uniform_(-0.2, 0.6)
            elif isinstance(module, nn.Conv1d) and module.bias is not None:
                module.bias.uniform_(-0.5, 0.5)
    return network.eval()


def inputs():
    t, y, x = np.meshgrid(np.arange(FRAMES), np.arange(88), np.arange(88), indexing="ij")
    video = ((t * 31 + y * 7 + x * 13 + x * y // 8) % 256 / 255 - 0.421) / 0.165
    i = np.arange(640 * FRAMES)
    wave = (0.3 * np.sin(0.05 * i) + 0.1 * np.cos(0.0131 * i)).astype(np.float32).astype(np.float64)
    audio = (wave - wave.mean()) / wave.std()
    return {"video": torch.tensor(video)[None, None], "audio": torch.tensor(audio)[None, None]}


def logits(network, x):
    """In double precision, the weights as the file has them."""
    with torch.no_grad():
        return network.double()(x)[0].numpy()


def write_networks(folder, sizes):
    x = inputs()
    video = made(sizes, "video", "prelu", 21)
    optimizer = torch.optim.Adam(list(video.tcn.tcn_output.parameters()), lr=1e-6)
    video(x["video"].float()).sum().backward()
    optimizer.step()
    torch.save({"epoch_idx": 80, "model_state_dict": video.state_dict(), "optimizer_state_dict": optimizer.state_dict(),
                "best_prec": 0.889}, f"{folder}/successor_video.pt")
    audio = made(sizes, "audio", "swish", 22)
    state = collections.OrderedDict(("module." + key, value) for key, value in audio.state_dict().items())
    torch.save({"epoch_idx": 80, "model_state_dict": state, "optimizer_state_dict": {}, "best_prec": 0.98},
               f"{folder}/successor_audio.pt", _use_new_zipfile_serialization=False)
    write_safetensors(f"{folder}/successor_logits.safetensors",
                      {"video": logits(video, x["video"]), "audio": logits(audio, x["audio"])}, {})


def write_others(folder):
    """A few names of networks that are refused."""
    some = {"frontend3D.0.weight": torch.zeros(4, 1, 5, 7, 7), "tcn.tcn_output.weight": torch.zeros(5, 9)}
    torch.save({"model_state_dict": {**some, "trunk.0.0.0.weight": torch.zeros(4, 4, 1, 1),
                                     "tcn.mb_ms_tcn.network.0.cbcr0_0.conv.0.weight": torch.zeros(8, 1, 3)}},
               f"{folder}/successor_separable.pt")
    torch.save({"model_state_dict": {**some, "trunk.layer1.0.conv1.weight": torch.zeros(4, 4, 3, 3),
                                     "tcn.tcn_trunk.features.transition0.conv.weight": torch.zeros(4, 8, 1)}},
               f"{folder}/successor_dense.pt")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--full", metavar="DIR")
    options = arguments.parse_args()
    if options.full:
        os.makedirs(options.full, exist_ok=True)
        write_networks(options.full, FULL)
    else:
        write_networks(HERE, NARROW)
        write_others(HERE)


if __name__ == "__main__":
    main()
