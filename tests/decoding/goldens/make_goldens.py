#!/usr/bin/python3
"""CTC losses by PyTorch and probabilities of n-gram models by KenLM: `pip install torch numpy kenlm`, then

  make_goldens.py            writes ctc.json, words.arpa, letters.arpa and ngram.json beside this script

Logits are whole numbers over 64, so that both programs read the same values. The two models are small, estimated here from
made-up sentences of GRID's grammar (absolute discounting) and written as SRILM (words.arpa) and KenLM (letters.arpa)
write theirs. A part whose library is missing is left as it is.
"""
import collections
import json
import math
import os
import random

HERE = os.path.dirname(os.path.abspath(__file__))


def write(name, goldens):
    with open(os.path.join(HERE, name), "w") as f:
        json.dump(goldens, f, separators=(",", ":"))
        f.write("\n")


# ---- CTC ---------------------------------------------------------------------------------------------------------------

def ctc_case(seed, steps, symbols, blank, spread, lengths, labels):
    import numpy as np
    import torch
    units = np.round(np.random.default_rng(seed).normal(size=(len(lengths), steps, symbols)) * spread * 64).astype(int)
    logits = torch.tensor(units / 64, dtype=torch.float64, requires_grad=True)
    flat = torch.tensor([v for own in labels for v in own], dtype=torch.long)

    def loss(zero_infinity):
        return torch.nn.functional.ctc_loss(logits.log_softmax(-1).transpose(0, 1), flat, torch.tensor(lengths),
                                            torch.tensor([len(own) for own in labels]), blank=blank, reduction="none",
                                            zero_infinity=zero_infinity)
    losses = loss(False)
    loss(True).sum().backward()
    return {"steps": steps, "symbols": symbols, "blank": blank, "lengths": lengths, "labels": labels,
            "logits": units.ravel().tolist(), "unit": 64,
            "losses": [None if math.isinf(x) else x for x in losses.tolist()],
            "gradients": [float(f"{g:.9g}") for g in logits.grad.ravel().tolist()]}


def ctc():
    return {"cases": [
        # ragged; a repeat; one label; none; as many steps as labels; too few steps for a repeat; too few at all
        ctc_case(1, 9, 5, 0, 1, [9, 7, 4, 5, 3, 3, 2, 1], [[1, 2, 2, 3], [4], [], [1, 2, 3, 4, 1], [2, 1, 2], [3, 3, 1],
                                                           [1, 2, 3], [2]]),
        ctc_case(2, 12, 6, 5, 3, [12, 10], [[0, 0, 0, 1], [4, 3, 4, 3]]),
        ctc_case(3, 75, 29, 0, 2, [75], [[2, 9, 14, 1, 2, 12, 21, 5, 1, 1, 20, 1, 6, 1, 20, 23, 15]]),
    ]}


# ---- n-grams -----------------------------------------------------------------------------------------------------------

def sentences(seed, count):
    pick = random.Random(seed)
    slots = ["bin lay place set", "blue green red white", "at by in with", "a b e f i", "one two six zero",
             "again now please soon"]
    return [[pick.choice(slot.split()) for slot in slots] for _ in range(count)]


def estimate(texts, order):
    """{n-gram: (log10 probability, log10 back-off weight or None)} of each order, with absolute discounting by 1/2."""
    counts = [collections.Counter() for _ in range(order + 1)]
    for text in texts:
        marked = ["<s>"] + text + ["</s>"]
        for n in range(1, order + 1):
            for i in range(len(marked) - n + 1):
                counts[n][tuple(marked[i:i + n])] += 1
    words = sorted({w for (w,) in counts[1]} - {"<s>"}) + ["<unk>"]
    total = sum(c for (w,), c in counts[1].items() if w != "<s>")
    probability = {(w,): (counts[1][(w,)] + 0.5) / (total + 0.5 * len(words)) for w in words}
    weight = {}

    def backed_off(context, word):
        if context + (word,) in probability:
            return probability[context + (word,)]
        return (weight.get(context, 1) if context else 1) * backed_off(context[1:], word)
    for n in range(2, order + 1):
        after = collections.defaultdict(dict)
        for gram, count in sorted(counts[n].items()):
            after[gram[:-1]][gram[-1]] = count
        for context, following in after.items():
            kept = {w: (c - 0.5) / sum(following.values()) for w, c in following.items()}
            weight[context] = (1 - sum(kept.values())) / (1 - sum(backed_off(context[1:], w) for w in kept))
            probability.update({context + (w,): p for w, p in kept.items()})
    probability[("<s>",)] = 10 ** -99
    grams = [{} for _ in range(order + 1)]
    for gram, p in sorted(probability.items()):
        grams[len(gram)][gram] = (math.log10(p), math.log10(weight[gram]) if gram in weight else None)
    return grams


def arpa(grams, srilm):
    """SRILM: an empty line first, %.7g, no weight where it is 0. KenLM: weights in all orders but the highest."""
    lines = ["", "\\data\\"] if srilm else ["\\data\\"]
    lines += [f"ngram {n}={len(grams[n])}" for n in range(1, len(grams))]
    for n in range(1, len(grams)):
        lines += ["", f"\\{n}-grams:"]
        for gram, (p, weight) in grams[n].items():
            weight = 0.0 if weight is None and not srilm and n < len(grams) - 1 else weight
            p = -99 if p < -98 else p
            lines.append(f"{p:.7g}\t{' '.join(gram)}" + ("" if weight is None else f"\t{weight:.7g}"))
    return "\n".join(lines + ["", "\\end\\", ""])


def ngram():
    import kenlm
    spell = lambda text: ["<space>" if c == " " else c for c in " ".join(text)]
    letters = [spell(text) for text in sentences(2, 3)]
    goldens = {}
    for name, grams, tests in (
            ("words", estimate(sentences(1, 6), 3), sentences(3, 6) + [["bin", "bin"], ["bin", "nonsense", "at"], []]),
            ("letters", estimate(letters, 4), letters + [list("xbin"), spell(["lay", "red"])])):
        path = os.path.join(HERE, name + ".arpa")
        with open(path, "w") as f:
            f.write(arpa(grams, srilm=name == "words"))
        model = kenlm.Model(path)
        goldens[name] = [{"words": text, "each": [p for p, _, _ in model.full_scores(" ".join(text))],
                          "sentence": model.score(" ".join(text))} for text in tests]
    return goldens


def main():
    for name, make in (("ctc.json", ctc), ("ngram.json", ngram)):
        try:
            write(name, make())
        except ImportError as missing:
            print(f"{name} is left as it is: {missing}")


if __name__ == "__main__":
    main()
