#!/usr/bin/env python3
"""Transcribes videos with OpenCV, dlib and PyTorch, for the comparison in transcribe_bench.

  transcribe_rivals.py --model trained/grid-s1/audiovisual.safetensors --row every-frame FILE…

Two ways to find the mouth:
  every-frame  as such programs are commonly written: the detector on every full frame, then 68 landmarks
  our-stride   our detection stride and image size: a search at 360 pixels, the detector near the face on every 10th
               frame only, landmarks on every second, interpolated in between
The rest is the same: OpenCV decodes (FFmpeg inside), the face is turned and scaled to a mean face, a 96 x 96 crop is cut
out, and the model file's own network, in PyTorch with its weights, reads windows of 29 frames, one every second frame, 32
to a batch. Prints a JSON line for each file: {"row", "file", "seconds" (without loading models), "processor_seconds",
"video_seconds", "stages", "words"}. Needs numpy, opencv-python-headless, dlib, torch and ffmpeg (for the sound).
"""
import argparse
import json
import resource
import subprocess
import time

import cv2
import dlib
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

FPS, SAMPLES_PER_FRAME = 25, 640
MEAN_FACE = {33: (0, -23), 36: (-38, -66.5), 39: (-15.5, -65.5), 42: (15.5, -65.5), 45: (38, -66.5)}


# ---- the network, from the model file -------------------------------------------------------------------------------


def read_model(path):
    """Metadata and float tensors of a safetensors file; rows of 8 bits are scaled back."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        data = file.read()
    metadata = header.pop("__metadata__")
    types = {"F32": np.float32, "I8": np.int8}
    tensors = {name: np.frombuffer(data, types[entry["dtype"]], int(np.prod(entry["shape"])), entry["data_offsets"][0])
               .reshape(entry["shape"]).astype(np.float32) for name, entry in header.items()}
    for name in [n for n in tensors if n + ".scale" in tensors]:
        tensors[name] = tensors[name] * tensors[name + ".scale"].reshape(-1, *[1] * (tensors[name].ndim - 1))
    return metadata, tensors


class Builder:
    """Layers of PyTorch with the file's weights, by path."""

    def __init__(self, tensors):
        self.tensors = tensors

    def get(self, path):
        return torch.from_numpy(np.ascontiguousarray(self.tensors[path]))

    def has(self, path):
        return path in self.tensors

    def conv(self, path, dims, stride=1, padding=0, dilation=1):
        weight = self.get(path + "/weight").permute(0, 4, 1, 2, 3)  # (out, kt, kh, kw, in) in the file
        weight = {1: weight[:, :, 0, 0, :], 2: weight[:, :, 0], 3: weight}[dims]
        kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1]
        layer = kind(weight.shape[1], weight.shape[0], tuple(weight.shape[2:]), stride, padding, dilation, bias=False)
        layer.weight = nn.Parameter(weight.contiguous())
        return layer

    def norm(self, path, dims):
        layer = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[dims - 1](len(self.get(path + "/weight")))
        layer.weight, layer.bias = nn.Parameter(self.get(path + "/weight")), nn.Parameter(self.get(path + "/bias"))
        layer.running_mean, layer.running_var = self.get(path + "/running_mean"), self.get(path + "/running_var")
        return layer

    def linear(self, path):
        weight = self.get(path + "/weight")
        layer = nn.Linear(weight.shape[1], weight.shape[0])
        layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(self.get(path + "/bias"))
        return layer


class ResidualBlock(nn.Module):
    def __init__(self, build, path, dims, stride):
        super().__init__()
        self.conv1, self.bn1 = build.conv(path + "/conv1", dims, stride, 1), build.norm(path + "/bn1", dims)
        self.conv2, self.bn2 = build.conv(path + "/conv2", dims, 1, 1), build.norm(path + "/bn2", dims)
        self.shortcut = nn.Identity()
        if build.has(path + "/shortcut/conv/weight"):
            self.shortcut = nn.Sequential(build.conv(path + "/shortcut/conv", dims, stride),
                                          build.norm(path + "/shortcut/bn", dims))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def trunk(build, path, dims, blocks):
    return nn.Sequential(*[ResidualBlock(build, f"{path}/layer{i + 1}/{j}", dims, 2 if i > 0 and j == 0 else 1)
                           for i, count in enumerate(blocks) for j in range(count)])


class MsTcnBlock(nn.Module):
    def __init__(self, build, path, kernels, dilation):
        super().__init__()
        def branches(part):
            return nn.ModuleList([nn.Sequential(
                build.conv(f"{path}/{part}/{k}/conv", 1, 1, dilation * (size // 2), dilation),
                build.norm(f"{path}/{part}/{k}/bn", 1), nn.ReLU()) for k, size in enumerate(kernels)])
        self.first, self.second = branches("first"), branches("second")
        self.shortcut = build.linear(path + "/shortcut")

    def forward(self, x):
        y = torch.cat([branch(x) for branch in self.first], 1)
        y = torch.cat([branch(y) for branch in self.second], 1)
        return torch.relu(y + self.shortcut(x.transpose(1, 2)).transpose(1, 2))


def ms_tcn(build, path, config):
    return nn.Sequential(*[MsTcnBlock(build, f"{path}/block{i}", config["kernels"], 2 ** i)
                           for i in range(config["blocks"])])


class Video(nn.Module):
    def __init__(self, build, config):
        super().__init__()
        self.conv = build.conv("video/frontend/conv", 3, (1, 2, 2), (2, 3, 3))
        self.frontend = nn.Sequential(build.norm("video/frontend/bn", 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.trunk = trunk(build, "video/trunk", 2, config["video"]["blocks"]).to(memory_format=torch.channels_last)
        self.embed, self.norm = build.linear("video/embed/linear"), build.norm("video/embed/bn", 1)
        self.back_end = ms_tcn(build, "video/ms_tcn", config["ms_tcn"])

    def forward(self, frames):  # (B, T, H, W), normalised
        x = self.conv(frames.unsqueeze(1))
        x = self.frontend(x.transpose(1, 2).flatten(0, 1))
        x = self.norm(self.embed(self.trunk(x).mean((2, 3))))
        return self.back_end(x.view(frames.shape[0], frames.shape[1], -1).transpose(1, 2))


class Audio(nn.Module):
    def __init__(self, build, config):
        super().__init__()
        self.frontend = nn.Sequential(build.conv("audio/frontend/conv", 1, 4, 38), build.norm("audio/frontend/bn", 1),
                                      nn.ReLU())
        self.trunk = trunk(build, "audio/trunk", 1, config["audio"]["blocks"])
        self.pool = nn.AvgPool1d(*config["audio"]["pool"][:2])
        self.embed = build.linear("audio/embed/linear")
        self.back_end = ms_tcn(build, "audio/ms_tcn", config["ms_tcn"])

    def forward(self, sound):  # (B, S), normalised
        x = self.pool(self.trunk(self.frontend(sound.unsqueeze(1))))
        return self.back_end(self.embed(x.transpose(1, 2)).transpose(1, 2))


class Network(nn.Module):
    def __init__(self, path):
        super().__init__()
        metadata, tensors = read_model(path)
        config, build = json.loads(metadata["architecture"]), Builder(tensors)
        if config["streams"] != "audiovisual" or config["back_end"] != "ms_tcn":
            raise SystemExit(f"{path}: expected an audiovisual model with the back end ms_tcn, as trained/grid-s1 has, found "
                             f"{config['streams']}, {config['back_end']}")
        self.rule = json.loads(metadata["preprocessing"])
        self.middle = json.loads(metadata["averaging"])["middle_steps"]
        self.labels = json.loads(metadata["labels"])
        self.video, self.audio = Video(build, config), Audio(build, config)
        hidden = config["fusion"]["hidden"]
        self.fusion = nn.LSTM(build.get("fusion/recurrent/layer0/forward/w_ih").shape[1], hidden,
                              config["fusion"]["layers"], batch_first=True, bidirectional=True)
        for layer in range(config["fusion"]["layers"]):
            for way, ending in (("forward", ""), ("backward", "_reverse")):
                for ours, theirs in (("w_ih", "weight_ih"), ("w_hh", "weight_hh"), ("b_ih", "bias_ih"), ("b_hh", "bias_hh")):
                    value = build.get(f"fusion/recurrent/layer{layer}/{way}/{ours}")
                    setattr(self.fusion, f"{theirs}_l{layer}{ending}", nn.Parameter(value))
        self.head = build.linear("fusion/head")
        self.eval()

    def forward(self, frames, sound):  # (B, T, 96, 96) u8, (B, 640 T)
        edge = (frames.shape[-1] - self.rule["crop_size"]) // 2
        frames = frames[..., edge:-edge, edge:-edge].float() / 255
        size, pixels = self.rule["input_size"], self.rule["pixel_normalisation"]
        frames = F.interpolate(frames, (size, size), mode="area")
        frames = (frames - pixels["mean"]) / pixels["deviation"]
        sound = sound - sound.mean(1, keepdim=True)
        sound = sound / sound.std(1, keepdim=True, unbiased=False).clamp_min(1e-9)
        both = torch.cat((self.video(frames), self.audio(sound)), 1).transpose(1, 2)
        logits = self.head(self.fusion(both)[0])
        first = (logits.shape[1] - self.middle) // 2
        return logits[:, first:first + self.middle].mean(1).softmax(1)


# ---- the mouth ------------------------------------------------------------------------------------------------------


def points_of(shape):
    return np.array([(shape.part(i).x, shape.part(i).y) for i in range(68)], np.float64)


class EveryFrame:
    def __init__(self, predictor):
        self.detector, self.predictor = dlib.get_frontal_face_detector(), predictor

    def landmarks(self, grey):
        boxes = self.detector(grey, 0)
        if not boxes:
            return None
        return points_of(self.predictor(grey, max(boxes, key=lambda box: box.width())))


class OurStride:
    """As preprocessing/face_tracker does, without its checks."""

    def __init__(self, predictor):
        self.detector, self.predictor, self.box, self.relation, self.count = dlib.get_frontal_face_detector(), predictor, None, None, 0

    def detect(self, grey, left, top, scale):
        small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        boxes = self.detector(small, 0)
        if not boxes:
            return None
        box = max(boxes, key=lambda b: b.width())
        middle = box.center()
        return np.array([left + middle.x / scale, top + middle.y / scale, box.width() / scale])

    def search(self, grey):
        for side in (360, 720):
            found = self.detect(grey, 0, 0, min(2, side / max(grey.shape)))
            if found is not None:
                return found
        return None

    def near(self, grey):
        half = int(np.ceil(self.box[2] * 1.9 / 2))
        left, top = max(0, int(self.box[0]) - half), max(0, int(self.box[1]) - half)
        part = grey[top:int(self.box[1]) + half + 1, left:int(self.box[0]) + half + 1]
        return self.detect(part, left, top, 100 / self.box[2]) if part.size else None

    def landmarks(self, grey):
        self.count += 1
        due = (self.count - 1) % 10 == 0
        if not due and self.box is not None and self.count % 2 == 0:
            return None  # interpolated
        if due or self.box is None:
            found = self.near(grey) if self.box is not None else None
            self.box = found if found is not None else self.search(grey)
            if self.box is None:
                return None
        x, y, side = self.box
        points = points_of(self.predictor(grey, dlib.rectangle(int(x - side / 2), int(y - side / 2), int(x + side / 2) - 1,
                                                               int(y + side / 2) - 1)))
        middle, spread = points.mean(0), np.sqrt(((points - points.mean(0)) ** 2).sum(1).mean())
        if due:
            self.relation = np.append((self.box[:2] - middle) / spread, side / spread)
        self.box = np.append(middle + self.relation[:2] * spread, self.relation[2] * spread)
        return points


def filled(track):
    """Landmarks of every frame, straight lines across those that are missing, then smoothed over 11 frames."""
    known = [t for t, points in enumerate(track) if points is not None]
    if not known:
        return None
    values = np.stack([track[t] for t in known]).reshape(len(known), -1)
    all_t = np.arange(len(track))
    full = np.stack([np.interp(all_t, known, column) for column in values.T], 1)
    weights = np.exp(-0.5 * (np.arange(-5, 6) / 2.5) ** 2)
    padded = np.pad(full, ((5, 5), (0, 0)), mode="edge")
    smooth = sum(w * padded[i:i + len(full)] for i, w in enumerate(weights / weights.sum()))
    return smooth.reshape(-1, 68, 2)


def crop(grey, points):
    """The similarity from the mean face to these landmarks (least squares), centred on the lips."""
    source = np.array(list(MEAN_FACE.values()), np.float64)
    target = points[list(MEAN_FACE)]
    a = (source - source.mean(0)) @ [1, 1j]
    b = (target - target.mean(0)) @ [1, 1j]
    factor = (a.conj() * b).sum() / (np.abs(a) ** 2).sum()
    matrix = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    centre = points[48:].mean(0)
    full = np.hstack([matrix, (centre - matrix @ [47.5, 47.5])[:, None]])
    return cv2.warpAffine(grey, full, (96, 96), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)


# ---- a file ---------------------------------------------------------------------------------------------------------


def processor_seconds():
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


class Clock:
    def __init__(self):
        self.seconds, self.last, self.processor = {}, time.perf_counter(), processor_seconds()

    def add(self, stage):
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0) + now - self.last
        self.last = now


def transcribe(path, network, tracker):
    clock = Clock()
    video, frames, track = cv2.VideoCapture(path), [], []
    while True:
        good, frame = video.read()
        if not good:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))
        clock.add("decode")
        track.append(tracker.landmarks(frames[-1]))
        clock.add("face")
    if not frames:
        raise SystemExit(f"{path}: OpenCV reads no frame of it")
    sound = np.frombuffer(subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", "16000", "-f", "f32le", "-"],
                                         check=True, capture_output=True).stdout, np.float32)
    clock.add("decode")
    landmarks = filled(track)
    if landmarks is None:
        raise SystemExit(f"{path}: no face in it")
    mouth = torch.from_numpy(np.stack([crop(grey, points) for grey, points in zip(frames, landmarks)]))
    clock.add("crop")
    rows = []
    length = network.rule["window_frames"]
    half = length // 2
    index = torch.arange(-half, half + 1)
    sound = torch.from_numpy(np.pad(sound[:len(mouth) * SAMPLES_PER_FRAME], (0, max(0, len(mouth) * SAMPLES_PER_FRAME - len(sound)))))
    padded = F.pad(sound, (half * SAMPLES_PER_FRAME,) * 2)
    middles = list(range(0, len(mouth), 2))
    for first in range(0, len(middles), 32):
        part = middles[first:first + 32]
        windows = torch.stack([mouth[(index + m).clamp(0, len(mouth) - 1)] for m in part])
        waves = torch.stack([padded[m * SAMPLES_PER_FRAME:(m + length) * SAMPLES_PER_FRAME] for m in part])
        with torch.inference_mode():
            rows.append(network(windows, waves))
    rows = torch.cat(rows)
    clock.add("network")
    words, last = [], None
    for label in rows.argmax(1).tolist():
        if label != last and label != network.labels.index("<background>"):
            words.append(network.labels[label])
        last = label
    clock.add("rest")
    return clock.seconds, processor_seconds() - clock.processor, len(frames) / FPS, words


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--row", choices=("every-frame", "our-stride"), default="every-frame")
    parser.add_argument("--face-model", default="/usr/share/dlib/shape_predictor_68_face_landmarks.dat")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    network, predictor = Network(options.model), dlib.shape_predictor(options.face_model)
    with torch.inference_mode():  # the first call chooses kernels
        network(torch.zeros(32, 29, 96, 96, dtype=torch.uint8), torch.randn(32, 29 * SAMPLES_PER_FRAME))
    for file in options.files:
        tracker = {"every-frame": EveryFrame, "our-stride": OurStride}[options.row](predictor)
        stages, processor, video_seconds, words = transcribe(file, network, tracker)
        print(json.dumps({"row": options.row, "file": file, "seconds": sum(stages.values()), "processor_seconds": processor,
                          "video_seconds": video_seconds, "stages": stages, "words": " ".join(words)}), flush=True)


if __name__ == "__main__":
    main()
