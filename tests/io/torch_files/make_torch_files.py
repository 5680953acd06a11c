#!/usr/bin/env python3
"""The small PyTorch files that torch_file_test.cc reads: make_torch_files.py writes them beside this script."""
import collections
import os

import torch

HERE = os.path.dirname(os.path.abspath(__file__))


def tensors():
    """Twelve numbers, k / 4 - 1, in every way that a checkpoint may hold them."""
    a = (torch.arange(12.0) / 4 - 1).reshape(3, 4)
    d = collections.OrderedDict()
    d["plain"], d["row"], d["turned"] = a, a[1], a.t()  # the three share one storage
    d["half"], d["bfloat"], d["double"] = a.half(), a.bfloat16(), a.double()
    d["scalar"], d["count"] = torch.tensor(0.5), torch.tensor(7)
    d["parameter"] = torch.nn.Parameter(a.clone())
    d["empty"] = torch.zeros(0, 3)
    return d


def main():
    d = tensors()
    norm = torch.nn.BatchNorm1d(2).state_dict()  # carries the state of its OrderedDict
    checkpoint = {"epoch_idx": 3, "model_state_dict": d, "best_prec": 0.85,
                  "optimizer_state_dict": {"state": {0: {"exp_avg": torch.zeros(4)}}, "param_groups": [{"lr": 1e-3}]}}
    for name, value in (("tensors", d), ("norm", norm), ("checkpoint", checkpoint)):
        torch.save(value, f"{HERE}/{name}_legacy.pt", _use_new_zipfile_serialization=False)
        torch.save(value, f"{HERE}/{name}_zip.pt")
    torch.save(d, f"{HERE}/tensors_protocol4.pt", pickle_protocol=4)


if __name__ == "__main__":
    main()
