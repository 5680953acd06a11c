#!/usr/bin/python3
"""Reference outputs of narrow networks, computed by PyTorch in float64 (Debian's python3-torch suffices).

  make_goldens.py            writes the files beside this script, which the tests read (--only NAME…: some of them)
  make_goldens.py --full DIR writes the logits of full-size networks with seeded weights; the tests compare them when
                             AVSR_FULL_GOLDENS=DIR is set

Each file holds: the inputs; every parameter and statistic under param/ (narrow files only); the logits in inference
(logits/inference) and in training (logits/training); the gradients of sum(logits * dlogits) under gradient/; the
statistics after the training pass under statistic/. Parameters are in this program's layout (channels last).
The forward pass is written a second time here, clip by clip, on purpose: it shares nothing with what it checks.
"""
import argparse
import json
import math
import os
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
# Seeds are tried until no ReLU stands this close to its kink, where rounding would decide the gradient.
MARGIN = 6e-6
GATES = {"lstm": 4, "gru": 3, "rnn": 1}


# ---- files ----------------------------------------------------------------------------------------------------------

def write_safetensors(path, tensors, metadata):
    header, data, at = {"__metadata__": metadata}, [], 0
    for name, value in tensors.items():
        raw = np.ascontiguousarray(np.asarray(value, dtype="<f4")).tobytes()
        header[name] = {"dtype": "F32", "shape": list(np.shape(value)), "data_offsets": [at, at + len(raw)]}
        data.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(data))


# ---- seeded initial values: the program's own generator -----------------------------------------------------------

MASK = (1 << 64) - 1


def mix(z):
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def uniforms(state, count):
    with np.errstate(over="ignore"):
        z = np.uint64(state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0 ** -53


def seeded(name, shape, kind, value, seed):
    count = int(np.prod(shape))
    if kind == "constant":
        return np.full(shape, value)
    h = 0xCBF29CE484222325
    for c in name.encode():
        h = (h ^ c) * 0x100000001B3 & MASK
    gamma = 0x9E3779B97F4A7C15
    state = mix((h + gamma) & MASK) ^ mix((seed + gamma) & MASK)
    value = float(np.float32(value))
    if kind == "uniform":
        return (value * (2 * uniforms(state, count) - 1)).reshape(shape)
    u = uniforms(state, count + count % 2).reshape(-1, 2)
    radius, angle = value * np.sqrt(-2 * np.log(u[:, 0])), 2 * np.pi * u[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)[:count].reshape(shape)


# ---- the parameters of a network ------------------------------------------------------------------------------------

class Parameters:
    """Declares in the program's order; values are float64 tensors in the program's layout."""

    def __init__(self, seed):
        self.seed, self.weights, self.statistics = seed, {}, {}

    def add(self, name, shape, kind, value, statistic=False):
        array = seeded(name, shape, kind, value, self.seed).astype(np.float32).astype(np.float64)
        (self.statistics if statistic else self.weights)[name] = torch.tensor(array)

    def activation(self, path, config, channels):
        if config.get("activation") == "prelu":
            self.add(path + "/slope", (channels,), "constant", 0.25)

    def conv(self, path, out, kernel, into):
        self.add(path + "/weight", (out, *kernel, into), "normal", math.sqrt(2 / (np.prod(kernel) * out)))

    def bn(self, path, channels):
        self.add(path + "/weight", (channels,), "constant", 1)
        self.add(path + "/bias", (channels,), "constant", 0)
        self.add(path + "/running_mean", (channels,), "constant", 0, True)
        self.add(path + "/running_var", (channels,), "constant", 1, True)

    def linear(self, path, out, into):
        self.add(path + "/weight", (out, into), "uniform", 1 / math.sqrt(into))
        self.add(path + "/bias", (out,), "uniform", 1 / math.sqrt(into))

    def trunk(self, path, config, two_d):
        width = config["frontend_width"]
        for i, (out, blocks) in enumerate(zip(config["widths"], config["blocks"])):
            for j in range(blocks):
                p, k = f"{path}/layer{i + 1}/{j}", (1, 3 if two_d else 1, 3)
                self.conv(p + "/conv1", out, k, width)
                self.bn(p + "/bn1", out)
                self.activation(p + "/bn1", config, out)
                self.conv(p + "/conv2", out, k, out)
                self.bn(p + "/bn2", out)
                self.activation(p + "/bn2", config, out)
                if width != out or (i > 0 and j == 0):
                    self.conv(p + "/shortcut/conv", out, (1, 1, 1), width)
                    self.bn(p + "/shortcut/bn", out)
                width = out
        return width

    def recurrent(self, path, config, into):
        hidden, gates = config["hidden"], GATES[config["cell"]] * config["hidden"]
        for i in range(config["layers"]):
            for direction in ("forward", "backward"):
                p = f"{path}/layer{i}/{direction}/"
                for name, shape in (("w_ih", (gates, into)), ("w_hh", (gates, hidden)), ("b_ih", (gates,)),
                                    ("b_hh", (gates,))):
                    self.add(p + name, shape, "uniform", 1 / math.sqrt(hidden))
            into = 2 * hidden

    def temporal_conv(self, path, d, labels):
        self.conv(path + "/conv1", 2 * d, (1, 1, 5), d)
        self.bn(path + "/bn1", 2 * d)
        self.conv(path + "/conv2", 4 * d, (1, 1, 5), 2 * d)
        self.bn(path + "/bn2", 4 * d)
        self.linear(path + "/linear1", d, 4 * d)
        self.bn(path + "/bn3", d)
        self.linear(path + "/linear2", labels, d)

    def ms_tcn(self, path, config, width):
        out = config["branch_width"] * len(config["kernels"])
        for i in range(config["blocks"]):
            p = f"{path}/block{i}"
            for half, into in (("first", width), ("second", out)):
                for k, kernel in enumerate(config["kernels"]):
                    self.conv(f"{p}/{half}/{k}/conv", config["branch_width"], (1, 1, kernel), into)
                    self.bn(f"{p}/{half}/{k}/bn", config["branch_width"])
                    self.activation(f"{p}/{half}/{k}/bn", config, config["branch_width"])
            self.linear(p + "/shortcut", out, width)
            self.activation(p, config, out)
            width = out
        return out

    def back_end(self, stream, config, width):
        """Returns how wide it is where a fusion reads it."""
        if config["back_end"] == "temporal_conv":
            self.temporal_conv(stream + "/temporal_conv", width, config["labels"])
            return 0
        width += config.get("word_boundary", False)
        if config["back_end"] == "ms_tcn":
            self.linear(stream + "/head", config["labels"], self.ms_tcn(stream + "/ms_tcn", config["ms_tcn"], width))
            return 0
        if config["back_end"] == "none":
            return width
        self.recurrent(stream + "/recurrent", config["recurrent"], width)
        if config["streams"] != "audiovisual":
            self.linear(stream + "/head", config["labels"], 2 * config["recurrent"]["hidden"])
        return 2 * config["recurrent"]["hidden"]

    def network(self, config):
        fused = 0
        if config["streams"] != "audio" and config["video"].get("input") == "dct":
            fused += self.back_end("video", config, 3 * config["video"]["dct_coefficients"])
        elif config["streams"] != "audio":
            c = config["video"]
            self.conv("video/frontend/conv", c["frontend_width"], (5, 7, 7), 1)
            self.bn("video/frontend/bn", c["frontend_width"])
            self.activation("video/frontend/bn", c, c["frontend_width"])
            width = self.trunk("video/trunk", c, True)
            if c["embedding"]:
                self.linear("video/embed/linear", c["embedding"], width)
                self.bn("video/embed/bn", c["embedding"])
            fused += self.back_end("video", config, c["embedding"] or width)
        if config["streams"] != "video":
            c = config["audio"]
            width = 4 * c["mfcc_features"]
            if c["input"] == "waveform":
                self.conv("audio/frontend/conv", c["frontend_width"], (1, 1, 80), 1)
                self.bn("audio/frontend/bn", c["frontend_width"])
                self.activation("audio/frontend/bn", c, c["frontend_width"])
                width = self.trunk("audio/trunk", c, False)
                if c["embedding"]:
                    self.linear("audio/embed/linear", c["embedding"], width)
                    width = c["embedding"]
            fused += self.back_end("audio", config, width)
        if config["streams"] == "audiovisual":
            self.recurrent("fusion/recurrent", config["fusion"], fused)
            self.linear("fusion/head", config["labels"], 2 * config["fusion"]["hidden"])
        return self


# ---- the forward pass, on a list of clips, each (C, T, H, W), (C, T) or (T, C) -----------------------------------------

class Forward:
    def __init__(self, config, parameters, training):
        self.c, self.w, self.s, self.training = config, parameters.weights, parameters.statistics, training
        self.margin = math.inf  # the smallest distance of a ReLU's input from its kink

    def relu(self, x):
        self.margin = min(self.margin, x.detach().abs().min().item())
        return F.relu(x)

    def act(self, x, path, config):
        """x: (C, …)"""
        kind = config.get("activation", "relu")
        if kind == "relu":
            return self.relu(x)
        if kind == "swish":
            return x * torch.sigmoid(x)
        self.margin = min(self.margin, x.detach().abs().min().item())
        return F.prelu(x[None], self.w[path + "/slope"])[0]

    def conv(self, clips, path, stride, padding, dilation=1):
        w = self.w[path + "/weight"]
        w = w.permute(0, 4, 1, 2, 3)
        if clips[0].dim() == 2:  # (C, T)
            return [F.conv1d(x[None], w[:, :, 0, 0], None, stride, padding, dilation)[0] for x in clips]
        return [F.conv3d(x[None], w, None, stride, padding)[0] for x in clips]

    def bn(self, clips, path):
        """Statistics over all valid steps of all clips together."""
        lengths = [x.shape[1] for x in clips]
        y = F.batch_norm(torch.cat(clips, 1)[None], self.s[path + "/running_mean"], self.s[path + "/running_var"],
                         self.w[path + "/weight"], self.w[path + "/bias"], self.training, 0.1, 1e-5)[0]
        return list(torch.split(y, lengths, 1))

    def trunk(self, clips, path, config, two_d):
        strides = lambda s: (1, s, s) if two_d else s
        pad = (0, 1, 1) if two_d else 1
        width = config["frontend_width"]
        for i, (out, blocks) in enumerate(zip(config["widths"], config["blocks"])):
            for j in range(blocks):
                p, s = f"{path}/layer{i + 1}/{j}", 2 if i > 0 and j == 0 else 1
                h = self.bn(self.conv(clips, p + "/conv1", strides(s), pad), p + "/bn1")
                h = [self.act(x, p + "/bn1", config) for x in h]
                h = self.bn(self.conv(h, p + "/conv2", strides(1), pad), p + "/bn2")
                if width != out or s != 1:
                    clips = self.bn(self.conv(clips, p + "/shortcut/conv", strides(s), 0), p + "/shortcut/bn")
                clips = [self.act(a + b, p + "/bn2", config) for a, b in zip(h, clips)]
                width = out
        return clips

    def linear(self, x, path):
        return F.linear(x, self.w[path + "/weight"], self.w[path + "/bias"])

    def video(self, clips):
        """(1, T, H, W) normalised pixels or (T, D) features -> (T, E)."""
        c = self.c["video"]
        if c.get("input") == "dct":
            return clips
        x = self.bn(self.conv(clips, "video/frontend/conv", (1, 2, 2), (2, 3, 3)), "video/frontend/bn")
        x = [self.act(v, "video/frontend/bn", c) for v in x]
        x = [F.max_pool3d(v[None], (1, 3, 3), (1, 2, 2), (0, 1, 1))[0] for v in x]
        x = self.trunk(x, "video/trunk", c, True)
        x = [v.mean((2, 3)) if c["global_pooling"] else v[:, :, :2, :2].mean((2, 3)) for v in x]  # (C, T)
        if not c["embedding"]:
            return [v.T for v in x]
        x = [self.linear(v.T, "video/embed/linear").T for v in x]
        return [v.T for v in self.bn(x, "video/embed/bn")]

    def audio(self, clips):
        """(1, S) samples or (4 T, F) MFCC -> (T, E)."""
        c = self.c["audio"]
        if c["input"] == "mfcc":
            return [x[:x.shape[0] // 4 * 4].reshape(x.shape[0] // 4, -1) for x in clips]
        x = self.bn(self.conv(clips, "audio/frontend/conv", 4, 38), "audio/frontend/bn")
        x = self.trunk([self.act(v, "audio/frontend/bn", c) for v in x], "audio/trunk", c, False)
        x = [F.avg_pool1d(v[None], *c["pool"])[0] for v in x]
        return [self.linear(v.T, "audio/embed/linear") if c["embedding"] else v.T for v in x]

    def recurrent(self, clips, path, config):
        run = {"lstm": torch.lstm, "gru": torch.gru, "rnn": torch.rnn_tanh}[config["cell"]]
        for i in range(config["layers"]):
            weights = [self.w[f"{path}/layer{i}/{d}/{n}"] for d in ("forward", "backward")
                       for n in ("w_ih", "w_hh", "b_ih", "b_hh")]
            zero = clips[0].new_zeros(2, 1, config["hidden"])
            state = (zero, zero) if config["cell"] == "lstm" else zero
            clips = [run(x[None], state, weights, True, 1, 0.0, False, True, True)[0][0] for x in clips]
        return clips

    def ms_tcn(self, clips, path, config):
        x = [v.T for v in clips]
        for i in range(config["blocks"]):
            p, h = f"{path}/block{i}", x
            for half in ("first", "second"):
                branches = []
                for k, kernel in enumerate(config["kernels"]):
                    q, reach = f"{p}/{half}/{k}", 2 ** i * (kernel - 1)
                    # As the public code: padded by the whole reach, then cut back by half of it on either side. (But
                    # the batch norm stands behind the cut here.)
                    wide = self.conv(h, q + "/conv", 1, reach, 2 ** i)
                    cut = [v[:, reach // 2:v.shape[1] - reach // 2] for v in wide]
                    branches.append([self.act(v, q + "/bn", config) for v in self.bn(cut, q + "/bn")])
                h = [torch.cat(parts, 0) for parts in zip(*branches)]
            x = [self.act(a + self.linear(b.T, p + "/shortcut").T, p, config) for a, b in zip(h, x)]
        return [v.T for v in x]

    def temporal_conv(self, clips, path):
        x = self.bn(self.conv([v.T for v in clips], path + "/conv1", 2, 0), path + "/bn1")
        x = [F.max_pool1d(self.relu(v)[None], 2, 2)[0] for v in x]
        x = self.bn(self.conv(x, path + "/conv2", 2, 0), path + "/bn2")
        x = [self.relu(v).mean(1, keepdim=True) for v in x]  # (4D, 1)
        x = [self.linear(v.T, path + "/linear1").T for v in x]
        return [self.linear(self.relu(v).T, path + "/linear2") for v in self.bn(x, path + "/bn3")]

    def logits(self, video, audio, boundary=None):
        """A list of (T, V), or of (1, V) with the temporal-convolution back-end."""
        streams = {}
        if video:
            streams["video"] = self.video(video)
        if audio:
            streams["audio"] = self.audio(audio)
        for name, clips in streams.items():
            if self.c["back_end"] == "temporal_conv":
                return self.temporal_conv(clips, name + "/temporal_conv")
            if boundary:
                clips = [torch.cat((x, flag), 1) for x, flag in zip(clips, boundary)]
            if self.c["back_end"] == "ms_tcn":
                streams[name] = self.ms_tcn(clips, name + "/ms_tcn", self.c["ms_tcn"])
            elif self.c["back_end"] == "none":
                streams[name] = clips
            else:
                streams[name] = self.recurrent(clips, name + "/recurrent", self.c["recurrent"])
        if len(streams) == 2:
            both = [torch.cat(pair, 1) for pair in zip(streams["video"], streams["audio"])]
            streams = {"fusion": self.recurrent(both, "fusion/recurrent", self.c["fusion"])}
        name, clips = next(iter(streams.items()))
        return [self.linear(x, name + "/head") for x in clips]


# ---- cases ------------------------------------------------------------------------------------------------------------

def config(streams, back_end="recurrent", cell="lstm", labels=5, **changes):
    recurrent = {"cell": cell, "layers": 2, "hidden": 8, "input_dropout": 0, "hidden_dropout": 0}
    c = {"streams": streams, "back_end": back_end, "labels": labels,
         "video": {"crop": 44, "frontend_width": 8, "widths": [8, 12, 16, 24], "blocks": [2, 1, 1, 1], "embedding": 16,
                   "global_pooling": True},
         "audio": {"input": "waveform", "frontend_width": 8, "widths": [8, 12, 16, 24], "blocks": [2, 1, 1, 1],
                   "embedding": 16, "pool": [20, 20, 0], "mfcc_features": 5},
         "recurrent": recurrent, "fusion": dict(recurrent, hidden=10)}
    for key, value in changes.items():
        c[key] = {**c.get(key, {}), **value} if isinstance(value, dict) else value
    return c


def full_config(streams, cell):
    recurrent = {"cell": cell, "layers": 2, "hidden": 512, "input_dropout": 0, "hidden_dropout": 0}
    widths = [64, 128, 256, 512]
    return {"streams": streams, "back_end": "recurrent", "labels": 500,
            "video": {"crop": 88, "frontend_width": 64, "widths": widths, "blocks": [3, 4, 6, 3], "embedding": 256,
                      "global_pooling": True},
            "audio": {"input": "waveform", "frontend_width": 64, "widths": widths, "blocks": [2, 2, 2, 2],
                      "embedding": 512, "pool": [20, 20, 0], "mfcc_features": 39},
            "recurrent": recurrent, "fusion": recurrent}


def pad(clips, trailing=()):
    out = np.zeros((len(clips), max(len(c) for c in clips), *trailing))
    for row, clip in zip(out, clips):
        row[:len(clip)] = clip
    return out


def make_inputs(c, frames, random):
    """Returns file tensors, video clips, audio clips, and where the network wants them the clips' word boundaries."""
    tensors, video, audio = {}, [], []
    if c["streams"] != "audio" and c["video"].get("input") == "dct":
        width = 3 * c["video"]["dct_coefficients"]
        clips = [random.normal(size=(n, width)).astype(np.float32) for n in frames]
        tensors.update({"input/video_features": pad(clips, (width,)), "input/frames": frames})
        video = [torch.tensor(x.astype(np.float64)) for x in clips]
    elif c["streams"] != "audio":
        side = c["video"]["crop"]
        pixels = [random.integers(0, 256, (n, side, side)) for n in frames]
        scale = random.uniform(1 / 80, 1 / 40, len(frames)).astype(np.float32)
        shift = random.uniform(-3, -1, len(frames)).astype(np.float32)
        tensors.update({"input/video": pad(pixels, (side, side)), "input/frames": frames, "input/video_scale": scale,
                        "input/video_shift": shift})
        video = [torch.tensor(p * float(a) + float(b))[None] for p, a, b in zip(pixels, scale, shift)]
    if c["streams"] != "video":
        if c["audio"]["input"] == "mfcc":
            clips = [random.normal(size=(4 * n, c["audio"]["mfcc_features"])).astype(np.float32) for n in frames]
            tensors["input/audio"] = pad(clips, (c["audio"]["mfcc_features"],))
            audio = [torch.tensor(x.astype(np.float64)) for x in clips]
        else:
            clips = [random.normal(size=640 * n).astype(np.float32) for n in frames]
            tensors["input/audio"] = pad(clips)
            audio = [torch.tensor(x.astype(np.float64))[None] for x in clips]
        tensors["input/samples"] = [len(x) for x in clips]
    if c.get("word_boundary"):
        flags = [np.array([[float(n // 3 <= t < n // 2)] for t in range(n)]) for n in frames]
        tensors["input/word_boundary"] = pad(flags, (1,))
        return tensors, video, audio, [torch.tensor(f) for f in flags]
    return tensors, video, audio


def make(path, c, frames, seed):
    """Returns False, without a file, when a ReLU is too close to its kink."""
    random = np.random.default_rng(seed)
    p = Parameters(seed).network(c)
    for kind in (p.weights, p.statistics):  # 1 and 0 would hide mistakes
        for name, value in kind.items():
            if value.dim() == 1 and ("bn" in name.split("/")[-2]):
                moved = value.numpy() + random.uniform(-0.3, 0.3, value.shape)
                kind[name] = torch.tensor(moved.astype(np.float32).astype(np.float64))
    tensors, *inputs = make_inputs(c, frames, random)
    tensors.update({"param/" + n: v.numpy().copy() for n, v in {**p.weights, **p.statistics}.items()})
    tensors["logits/inference"] = pad([y.numpy() for y in Forward(c, p, False).logits(*inputs)], (c["labels"],))
    for w in p.weights.values():
        w.requires_grad_(True)
    forward = Forward(c, p, True)
    logits = forward.logits(*inputs)
    if forward.margin < MARGIN:
        return False
    dlogits = [random.normal(size=tuple(y.shape)) for y in logits]
    sum((y * torch.tensor(d)).sum() for y, d in zip(logits, dlogits)).backward()
    tensors["logits/training"] = pad([y.detach().numpy() for y in logits], (c["labels"],))
    tensors["dlogits"] = pad(dlogits, (c["labels"],))
    tensors.update({"gradient/" + n: w.grad.numpy() for n, w in p.weights.items()})
    tensors.update({"statistic/" + n: v.numpy() for n, v in p.statistics.items()})
    write_safetensors(path, tensors, {"architecture": json.dumps(c)})
    print(f"{path}: {os.path.getsize(path) / 1e3:.0f} kB, seed {seed}, margin {forward.margin:.1e}")
    return True


def make_full(path, c, seed):
    p = Parameters(seed).network(c)
    tensors, video, audio = make_inputs(c, [29, 25], np.random.default_rng(seed))
    with torch.no_grad():
        tensors["logits/inference"] = pad([y.numpy() for y in Forward(c, p, False).logits(video, audio)],
                                          (c["labels"],))
    write_safetensors(path, tensors, {"architecture": json.dumps(c), "seed": str(seed)})
    count = sum(v.numel() for v in p.weights.values())
    print(f"{path}: {count} parameters, {os.path.getsize(path) / 1e3:.0f} kB")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--full", metavar="DIR")
    arguments.add_argument("--only", metavar="NAME", nargs="+", help="these narrow files")
    options = arguments.parse_args()
    torch.set_default_dtype(torch.float64)
    if options.full:
        os.makedirs(options.full, exist_ok=True)
        for streams in ("video", "audio", "audiovisual"):
            for cell in ("lstm", "gru"):
                make_full(f"{options.full}/full_{streams}_{cell}.safetensors", full_config(streams, cell), 7)
        return
    small = {"video": {"crop": 24}}
    cases = {
        "video_lstm": (config("video"), [6, 4]),
        "video_gru_corner_pooling": (config("video", cell="gru", video={"global_pooling": False}), [5, 5]),
        "video_temporal_conv": (config("video", "temporal_conv", **small), [25, 23, 24, 31]),
        "audio_lstm": (config("audio"), [9, 6]),
        "audio_gru_pool21": (config("audio", cell="gru", audio={"pool": [21, 21, 1]}), [8, 8]),
        "audio_temporal_conv": (config("audio", "temporal_conv"), [25, 23, 24, 29]),
        "audio_mfcc_lstm": (config("audio", audio={"input": "mfcc"}), [7, 5]),
        "audiovisual_lstm": (config("audiovisual", **small), [7, 9]),
        "audiovisual_gru": (config("audiovisual", cell="gru", **small), [6, 6]),
        "video_ms_tcn_boundary": (config("video", "ms_tcn", word_boundary=True, **small, ms_tcn={
            "kernels": [3, 5, 7], "branch_width": 8, "blocks": 4, "dropout": 0.0}), [11, 8]),
        # As the successor's networks: no embedding, other activations.
        "video_prelu": (config("video", "ms_tcn", video={"crop": 24, "activation": "prelu", "embedding": 0}, ms_tcn={
            "kernels": [3, 5], "branch_width": 8, "blocks": 2, "dropout": 0.0, "activation": "prelu"}), [6, 4]),
        "audio_swish": (config("audio", "ms_tcn", audio={"activation": "swish", "embedding": 0}, ms_tcn={
            "kernels": [3, 5], "branch_width": 8, "blocks": 2, "dropout": 0.0, "activation": "swish"}), [5, 7]),
        "hand_made": (config("audiovisual", "none", video={"input": "dct", "dct_coefficients": 4},
                             audio={"input": "mfcc"}), [7, 5]),
    }
    for i, (name, (c, frames)) in enumerate(cases.items()):
        if options.only and name not in options.only:
            continue
        path = f"{HERE}/{name}.safetensors"
        next(seed for seed in range(100 + 50 * i, 150 + 50 * i) if make(path, c, frames, seed))


if __name__ == "__main__":
    sys.exit(main())
