#!/usr/bin/python3
"""Word and character error rates by jiwer, tests and intervals of their differences by SciPy: `pip install jiwer scipy`,
then

  make_error_rates.py        writes error_rates.json beside this script, which the tests read
"""
import json
import os

import jiwer
import numpy as np
from scipy import stats

HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = ["bin", "blue", "at", "f", "two", "now", "größer", "Ωmega", "soon", "I'm", "日本", "naïve"]


def spoilt(random, words, rate):
    """The words with some replaced, left out or added."""
    heard = []
    for word in words:
        draw = random.random()
        if draw < rate / 3:
            heard.append(str(random.choice(WORDS)))
        elif draw > 1 - rate / 3:
            continue
        elif draw < 2 * rate / 3:
            heard += [word, str(random.choice(WORDS))]
        else:
            heard.append(word)
    return heard


def counts(found):
    return [found.substitutions, found.deletions, found.insertions, found.hits + found.substitutions + found.deletions]


def sentences(seed, number, rate):
    random = np.random.default_rng(seed)
    pairs = []
    for _ in range(number):
        said = [str(word) for word in random.choice(WORDS, random.integers(1, 9))]
        heard = spoilt(random, said, rate)
        pair = {"said": " ".join(said), "heard": " ".join(heard)}
        pair["words"] = counts(jiwer.process_words(pair["said"], pair["heard"]))
        pair["characters"] = counts(jiwer.process_characters(pair["said"], pair["heard"]))
        pairs.append(pair)
    said, heard = [p["said"] for p in pairs], [p["heard"] for p in pairs]
    return {"pairs": pairs, "wer": jiwer.wer(said, heard), "cer": jiwer.cer(said, heard)}


def matched_pairs(seed, number, most):
    """Fisher's randomization test over all signs."""
    random = np.random.default_rng(seed)
    a, b = random.integers(0, most, number), random.integers(0, most, number)
    if seed == 1:
        b = a + (np.arange(number) % 3 == 0)
    found = stats.permutation_test((a, b), lambda x, y, axis: (x - y).sum(axis=axis), permutation_type="samples",
                                   vectorized=True, n_resamples=np.inf, alternative="two-sided")
    return {"a": a.tolist(), "b": b.tolist(), "p": float(found.pvalue)}


def bootstrap():
    """Percentile intervals of a word error rate and of a difference of two; 40,000 rounds."""
    random = np.random.default_rng(5)
    words = random.integers(1, 12, 80)
    a, b = random.binomial(words, 0.3), random.binomial(words, 0.2)

    def interval(errors):
        found = stats.bootstrap((errors, words), lambda e, w, axis: e.sum(axis=axis) / w.sum(axis=axis), paired=True,
                                method="percentile", n_resamples=40000, rng=1).confidence_interval
        return [float(found.low), float(found.high)]
    return {"words": words.tolist(), "a": a.tolist(), "b": b.tolist(), "interval_a": interval(a),
            "interval_difference": interval(a - b)}


def main():
    goldens = {"texts": [sentences(seed, 40, rate) for seed, rate in ((1, 0.2), (2, 0.9))],
               "matched_pairs": [matched_pairs(seed, number, most)
                                 for seed, number, most in ((1, 12, 4), (2, 12, 2), (3, 14, 6), (4, 9, 30))],
               "bootstrap": bootstrap()}
    with open(os.path.join(HERE, "error_rates.json"), "w") as f:
        json.dump(goldens, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
