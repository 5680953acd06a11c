#!/usr/bin/python3
"""What PyTorch's optimizers make of fixed gradients, in float64: writes optimizers.safetensors beside this script.

Tensors: start (N), gradients (STEPS, N), and for each case values/<case> (STEPS, N) after every step. The metadata's
"cases" holds each case's settings under the names of a recipe. Decoupled decay is what torch.optim.AdamW does, value *=
1 - rate * weight_decay ahead of the step, which torch has for no other optimizer that is tested here.
"""
import json
import os

import torch

from make_goldens import write_safetensors

COUNT, STEPS = 37, 6
KINDS = {
    "adam": lambda p, s: torch.optim.Adam([p], s["rate"], (s["beta1"], s["beta2"]), s["epsilon"], s["coupled"]),
    "sgd": lambda p, s: torch.optim.SGD([p], s["rate"], s["momentum"], weight_decay=s["coupled"]),
    "adagrad": lambda p, s: torch.optim.Adagrad([p], s["rate"], weight_decay=s["coupled"], eps=s["epsilon"]),
    "rmsprop": lambda p, s: torch.optim.RMSprop([p], s["rate"], s["smoothing"], s["epsilon"], s["coupled"],
                                                s["momentum"]),
}


def cases():
    for decoupled in (False, True):
        for weight_decay in (0.0, 0.1):
            if decoupled and not weight_decay:
                continue
            decay = {"weight_decay": weight_decay, "decoupled": decoupled}
            yield {"kind": "adam", "rate": 0.02, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3, **decay}
            yield {"kind": "adagrad", "rate": 0.05, "epsilon": 1e-3, **decay}
            for momentum in (0.0, 0.9):
                yield {"kind": "sgd", "rate": 0.05, "momentum": momentum, **decay}
                yield {"kind": "rmsprop", "rate": 0.02, "smoothing": 0.9, "epsilon": 1e-3, "momentum": momentum, **decay}


def run(settings, start, gradients):
    value = torch.nn.Parameter(start.clone())
    decay = settings["weight_decay"]
    optimizer = KINDS[settings["kind"]](value, {**settings, "coupled": 0.0 if settings["decoupled"] else decay})
    rows = []
    for gradient in gradients:
        if settings["decoupled"]:
            with torch.no_grad():
                value.mul_(1 - settings["rate"] * decay)
        value.grad = gradient.clone()
        optimizer.step()
        rows.append(value.detach().clone())
    return torch.stack(rows)


def main():
    torch.manual_seed(5)
    start = torch.randn(COUNT).double()
    gradients = torch.randn(STEPS, COUNT).double() * 2
    gradients[:, 3] = 0  # a parameter that only decays
    tensors, settings = {"start": start, "gradients": gradients}, {}
    for number, case in enumerate(cases()):
        name = f"{number:02d}-{case['kind']}"
        settings[name] = case
        tensors[f"values/{name}"] = run(case, start, gradients)
    # AdamW itself, so that the decoupled form stands on PyTorch's own too
    adamw = next(c for c in settings.values() if c["kind"] == "adam" and c["decoupled"])
    value = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.AdamW([value], adamw["rate"], (adamw["beta1"], adamw["beta2"]), adamw["epsilon"],
                                  adamw["weight_decay"])
    for gradient in gradients:
        value.grad = gradient.clone()
        optimizer.step()
    assert torch.allclose(value, run(adamw, start, gradients)[-1], rtol=0, atol=1e-14)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "optimizers.safetensors")
    write_safetensors(path, {k: v.numpy() for k, v in tensors.items()},
                      {"cases": json.dumps(settings), "made by": f"make_optimizer_goldens.py, PyTorch {torch.__version__}"})


if __name__ == "__main__":
    main()
