#!/usr/bin/python3
"""Metrics of small made-up evaluations, computed by scikit-learn and SciPy: `pip install scikit-learn scipy`, then

  make_goldens.py            writes metrics.json beside this script, which the tests read

Scores are whole numbers over a power of two, so that both programs read the same values. Undefined values are null.
Formulas are written here only where neither library has the metric.
"""
import json
import math
import os
import warnings

import numpy as np
from scipy import optimize, special, stats
from sklearn import calibration, metrics

warnings.filterwarnings("ignore", category=UserWarning)
HERE = os.path.dirname(os.path.abspath(__file__))


def made_up(seed, clips, labels, unit, missing=None, never=None):
    """Words and scores (clips, labels) in units of 1 / unit; label `missing` is never said, `never` never answered."""
    random = np.random.default_rng(seed)
    words = random.integers(0, labels, clips)
    if missing is not None:
        words = np.where(words == missing, 0, words)
    logits = random.normal(size=(clips, labels)) * 2
    logits[np.arange(clips), words] += 1.5
    if never is not None:
        logits[:, never] = -9
    return words, np.round(special.softmax(logits, axis=1) * unit).astype(int)


def answers(scores):
    return np.argmax(scores, axis=1)  # of equals the smaller index


def or_null(value):
    return None if math.isnan(value) else float(value)


# ---- metrics of classes ------------------------------------------------------------------------------------------------

def shares(said, heard, labels):
    """Precision, recall, specificity and F1: of each class, and their macro and weighted means."""
    def of(average):
        p, r, f, _ = metrics.precision_recall_fscore_support(said, heard, labels=range(labels), average=average,
                                                             zero_division=np.nan)
        return p, r, f
    specificity = np.array([metrics.recall_score(said != v, heard != v, zero_division=np.nan) for v in range(labels)])
    support = np.bincount(said, minlength=labels)
    result = {"support": support.tolist()}
    means = {None: specificity, "macro": np.nanmean(specificity), "weighted": np.average(specificity, weights=support)}
    for average in (None, "macro", "weighted"):
        p, r, f = of(average)
        result[average or "classes"] = {
            name: [or_null(x) for x in np.atleast_1d(value)]
            for name, value in (("precision", p), ("recall", r), ("specificity", means[average]), ("f1", f))}
    return result


def classes(words, scores):
    said, heard, labels = words, answers(scores), scores.shape[1]
    # Of equal scores scikit-learn counts the larger index first: both are turned round.
    top = {k: metrics.top_k_accuracy_score(labels - 1 - said, scores[:, ::-1], k=k, labels=range(labels))
           for k in (1, 2, 3, 5)}
    return {
        "confusions": metrics.confusion_matrix(said, heard, labels=range(labels)).ravel().tolist(),
        "accuracy": metrics.accuracy_score(said, heard),
        "top_k": {str(k): float(v) for k, v in top.items()},
        **shares(said, heard, labels),
    }


# ---- curves ------------------------------------------------------------------------------------------------------------

def curves(is_positive, scores):
    """Areas, and the points at which a curve can turn: where positives are accepted, and just before."""
    if is_positive.all() or not is_positive.any():
        return None
    fpr, tpr, _ = metrics.roc_curve(is_positive, scores, drop_intermediate=False)
    precision, recall, _ = metrics.precision_recall_curve(is_positive, scores)
    precision, recall = precision[::-1], recall[::-1]  # scikit-learn begins with everything
    assert len(fpr) == len(recall)
    turns = [i for i in range(len(tpr)) if i in (0, len(tpr) - 1) or tpr[i] != tpr[i - 1] or tpr[i + 1] != tpr[i]]
    return {
        "roc_area": metrics.roc_auc_score(is_positive, scores),
        "average_precision": metrics.average_precision_score(is_positive, scores),
        "roc": [[float(fpr[i]), float(tpr[i])] for i in turns],
        "precision_recall": [[float(recall[i]), float(precision[i])] for i in turns],
    }


def all_curves(words, scores):
    labels = scores.shape[1]
    each = [curves(words == v, scores[:, v]) for v in range(labels)]
    hot = words[:, None] == np.arange(labels)
    micro = curves(hot.ravel(), scores.ravel())
    defined = [v for v in range(labels) if each[v]]
    macro = {"roc_area": metrics.roc_auc_score(hot[:, defined], scores[:, defined], average="macro"),
             "average_precision": metrics.average_precision_score(hot[:, defined], scores[:, defined], average="macro")}
    grid = np.arange(11) / 10

    def mean(curve, y_at):  # y_at(x, y, at): of one class
        return [float(np.mean([y_at(*np.array(each[v][curve]).T, at) for v in defined])) for at in grid]
    macro["roc_at_tenths"] = mean("roc", lambda x, y, at: y[x <= at][-1] if at in x else np.interp(at, x, y))
    macro["precision_at_tenths"] = mean("precision_recall", lambda x, y, at: y[x >= at][0])
    del micro["roc"], micro["precision_recall"]  # long, and no other arithmetic
    return {"classes": each, "macro": macro, "micro": micro}


# ---- calibration -------------------------------------------------------------------------------------------------------

def reliability(words, scores, unit, bins):
    confidence = scores.max(axis=1) / unit
    right = answers(scores) == words
    accuracy, mean_confidence = calibration.calibration_curve(right, confidence, n_bins=bins, strategy="uniform")
    count = stats.binned_statistic(-confidence, None, "count", bins=np.linspace(-1, 0, bins + 1))[0][::-1].astype(int)
    filled = count[count > 0]
    assert len(filled) == len(accuracy)
    return {"bins": bins, "clips": count.tolist(), "accuracy": accuracy.tolist(), "confidence": mean_confidence.tolist(),
            "error": float(np.sum(filled * np.abs(accuracy - mean_confidence)) / len(words))}


def temperature(seed, words, labels, spread):
    """Of logits in units of 1 / 64, the surer the larger the spread."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(len(words), labels))
    logits[np.arange(len(words)), words] += 1
    exact = np.round(logits * spread * 64).astype(int)
    logits = exact / 64

    def loss(log_t):
        return -np.mean(special.log_softmax(logits / np.exp(log_t), axis=1)[np.arange(len(words)), words])
    best = optimize.minimize_scalar(loss, bounds=(math.log(0.01), math.log(100)), method="bounded",
                                    options={"xatol": 1e-10})
    loss_at_1 = metrics.log_loss(words, special.softmax(logits, axis=1), labels=range(labels))
    return {"logits": exact.tolist(), "unit": 64, "loss": loss_at_1, "temperature": math.exp(best.x),
            "best_loss": float(best.fun), "tempered": special.softmax(logits[0] / math.exp(best.x)).tolist()}


# ---- tests of differences ----------------------------------------------------------------------------------------------

def mcnemar():
    pairs = [(0, 0), (0, 1), (5, 0), (3, 3), (10, 2), (2, 10), (37, 20), (150, 110), (1203, 1090), (12000, 12400), (0, 900)]
    return [{"only_a": a, "only_b": b, "p": stats.binomtest(min(a, b), a + b).pvalue if a + b else 1.0} for a, b in pairs]


def bootstrap():
    """Percentile intervals of groups of unequal sizes; 40,000 rounds, so that two generators come near each other."""
    random = np.random.default_rng(7)
    groups = np.repeat(np.arange(30), random.integers(5, 25, 30))
    skill = random.beta(4, 2, 30)[groups]
    a = (random.random(len(groups)) < skill).astype(int)
    b = (random.random(len(groups)) < skill - 0.08).astype(int)
    size = np.bincount(groups)

    def interval(values):
        sums = np.bincount(groups, weights=values)
        found = stats.bootstrap((sums, size), lambda s, n, axis: s.sum(axis=axis) / n.sum(axis=axis), paired=True,
                                method="percentile", n_resamples=40000, rng=1).confidence_interval
        return [float(found.low), float(found.high)]
    return {"groups": groups.tolist(), "a": a.tolist(), "b": b.tolist(), "interval_a": interval(a),
            "interval_difference": interval(a - b)}


def main():
    cases = []
    for seed, clips, labels, unit, spread, options in ((1, 60, 6, 64, 4, {"missing": 5, "never": 4}),
                                                       (2, 150, 8, 256, 0.5, {}), (3, 40, 2, 16, 1, {})):
        words, scores = made_up(seed, clips, labels, unit, **options)
        case = {"words": words.tolist(), "scores": scores.tolist(), "unit": unit, "labels": labels}
        case["curves"] = all_curves(words, scores / unit)
        case["reliability"] = [reliability(words, scores, unit, bins) for bins in (5, 8, 15)]
        case["temperature"] = temperature(seed, words, labels, spread)
        case["class_metrics"] = classes(words, scores) if labels > 2 else None
        cases.append(case)
    goldens = {"cases": cases, "mcnemar": mcnemar(), "bootstrap": bootstrap()}
    with open(os.path.join(HERE, "metrics.json"), "w") as f:
        json.dump(goldens, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
