#!/usr/bin/env python3
"""Checkpoints with the names of the published ones, written by PyTorch, and their logits (NumPy and PyTorch needed).

  make_public_checkpoints.py            narrow networks, beside this script: the tests read them
  make_public_checkpoints.py --full DIR full-size networks; the tests read them when AVSR_PUBLIC_CHECKPOINTS=DIR is set

video.pt (legacy format, of several GPUs, with the released files' dead layers), audio.pt (zip), fusion.pt (legacy),
audio_stage1.pt (zip: temporal convolution), logits.safetensors. The inputs are formulas, which import_test.cc repeats.
The forward pass is that of ../../models/goldens/make_goldens.py.
"""
import argparse
import collections
import os
import sys

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../../models/goldens")
import make_goldens as goldens  # noqa: E402

FRAMES, TAIL = 29, 19456 - 29 * 640


def config(streams, full, back_end="recurrent"):
    c = goldens.full_config(streams, "gru") if full else goldens.config(streams, cell="gru")
    if not full:
        c["video"].update(frontend_width=4, widths=[4, 6, 6, 8], embedding=6)
        c["audio"].update(frontend_width=4, widths=[4, 6, 6, 8], embedding=6)
        c["recurrent"].update(hidden=4)
        c["fusion"].update(hidden=5)
    c["back_end"] = back_end
    c["video"].update(crop=88, global_pooling=False)
    c["audio"]["pool"] = [21, 21, 1]
    return c


def parameters(c, seed):
    p, random = goldens.Parameters(seed).network(c), np.random.default_rng(seed)
    for kind in (p.weights, p.statistics):  # batch norms of 1 and 0 would hide mistakes
        for name, value in kind.items():
            if value.dim() == 1 and "bn" in name.split("/")[-2]:
                moved = value.numpy() + random.uniform(-0.3, 0.3, value.shape)
                kind[name] = torch.tensor(moved.astype(np.float32).astype(np.float64))
    return p


def inputs():
    t, y, x = np.meshgrid(np.arange(FRAMES), np.arange(88), np.arange(88), indexing="ij")
    pixels = (t * 31 + y * 7 + x * 13 + x * y // 8) % 256
    video = (pixels / 255 - 0.413621) / 0.1700239
    i = np.arange(640 * FRAMES)
    wave = (0.3 * np.sin(0.05 * i) + 0.1 * np.cos(0.0131 * i)).astype(np.float32).astype(np.float64)
    wave = np.concatenate([wave, np.zeros(TAIL)])
    return torch.tensor(video)[None], torch.tensor((wave - wave.mean()) / wave.std())[None]


def torch_layout(name, value):
    """Our (out, depth, height, width, in) as PyTorch's convolution of as many axes has it."""
    if value.dim() != 5:
        return value
    value = value.permute(0, 4, 1, 2, 3)
    if name.startswith("video/frontend"):
        return value
    return value[:, :, 0] if name.startswith("video/trunk") else value[:, :, 0, 0]


def recurrent_name(rest):
    layer, direction, weight = rest.split("/")
    kind = {"w": "weight", "b": "bias"}[weight[0]] + weight[1:]
    return f"{kind}_l{layer[5:]}" + ("_reverse" if direction == "backward" else "")


def public_names(p, part, frontend, trunk, recurrent, head):
    d = collections.OrderedDict()
    for name, value in [*p.weights.items(), *p.statistics.items()]:
        if not name.startswith(part + "/"):
            continue
        rest = name[len(part) + 1:]
        if rest.startswith("recurrent/"):
            key = f"{recurrent}.{recurrent_name(rest[10:])}"
        elif rest.startswith("head/"):
            key = f"{head}.{rest[5:]}"
        elif rest.startswith("frontend/"):
            key = f"{frontend}.{0 if '/conv/' in rest else 1}.{rest.split('/')[-1]}"
        elif rest.startswith("embed/"):
            key = f"{trunk}.{'fc' if '/linear/' in rest else 'bnfc'}.{rest.split('/')[-1]}"
        elif rest.startswith("temporal_conv/"):
            places = {"conv1": "1.0", "bn1": "1.1", "conv2": "1.4", "bn2": "1.5", "linear1": "2.0", "bn3": "2.1",
                      "linear2": "2.3"}
            key = f"backend_conv{places[rest.split('/')[1]]}.{rest.split('/')[-1]}"
        else:
            rest = rest.replace("shortcut/conv", "downsample/0").replace("shortcut/bn", "downsample/1")
            key = f"{trunk}.{rest[6:].replace('/', '.')}"
        d[key] = torch_layout(name, value).float().contiguous()
    return d


def add_dead_layers(d, labels):
    for direction in ("", "_reverse"):
        for layer in range(2):
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                d[f"lstm.lstm.{kind}_l{layer}{direction}"] = torch.zeros(4)
    d["lstm.fc.weight"], d["lstm.fc.bias"] = torch.zeros(labels, 2), torch.zeros(labels)
    d["backend_conv1.0.weight"] = torch.zeros(2, 1, 5)


def audio_before_video(d):
    """The published fusion reads the audio's features first; the forward pass here the video's."""
    for key in d:
        if "weight_ih_l0" in key:
            half = d[key].shape[1] // 2
            d[key] = torch.cat([d[key][:, half:], d[key][:, :half]], 1)


def logits(c, p, video, audio):
    with torch.no_grad():
        return goldens.Forward(c, p, False).logits(video, audio)[0].numpy()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--full", metavar="DIR")
    options = arguments.parse_args()
    torch.set_default_dtype(torch.float64)
    folder = options.full or HERE
    os.makedirs(folder, exist_ok=True)
    full = options.full is not None
    video, audio = inputs()
    c = {s: config(s, full) for s in ("video", "audio", "audiovisual")}
    p = {s: parameters(c[s], 11) for s in c}
    stage1 = config("audio", full, "temporal_conv")
    p1 = parameters(stage1, 12)
    out = {"video": logits(c["video"], p["video"], [video], []), "audio": logits(c["audio"], p["audio"], [], [audio]),
           "audio_stage1": logits(stage1, p1, [], [audio])}
    for s in ("video", "audio"):  # the streams of the three files are one and the same
        for mine, whole in ((p[s].weights, p["audiovisual"].weights), (p[s].statistics, p["audiovisual"].statistics)):
            whole.update({name: value for name, value in mine.items() if name in whole})
    out["audiovisual"] = logits(c["audiovisual"], p["audiovisual"], [video], [audio])

    d = public_names(p["video"], "video", "frontend3D", "resnet34", "gru.gru", "gru.fc")
    add_dead_layers(d, c["video"]["labels"])
    d = collections.OrderedDict(("module." + key, value) for key, value in d.items())
    torch.save(d, f"{folder}/video.pt", _use_new_zipfile_serialization=False)
    torch.save(public_names(p["audio"], "audio", "fronted1D", "resnet18", "gru.gru", "gru.fc"), f"{folder}/audio.pt")
    fusion = public_names(p["audiovisual"], "fusion", "", "", "gru", "fc")
    audio_before_video(fusion)
    torch.save(fusion, f"{folder}/fusion.pt", _use_new_zipfile_serialization=False)
    torch.save(public_names(p1, "audio", "frontend1D", "resnet18", "gru.gru", "gru.fc"), f"{folder}/audio_stage1.pt")
    goldens.write_safetensors(f"{folder}/logits.safetensors", out, {})


if __name__ == "__main__":
    main()
