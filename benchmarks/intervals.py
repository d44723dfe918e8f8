"""Do intervals hold the truth as often as they say, and do tests err as seldom as they say?

Corpora are simulated whose truth is known: a speaker's recall of an emotion is logistic in random
effects of the speaker and of the speaker with that emotion. For each number of speakers and each
design, the share of intervals that hold the true UAR, WA and F1 is counted, by the study's method
and by others; then the study's tests are run where there is nothing to find.

    python benchmarks/intervals.py
"""

import json
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from hump.evaluation import intervals, metrics, paired
from hump.plots.style import applied

RESULTS = Path(__file__).resolve().parent / "results"
SETTINGS = SimpleNamespace(resamples=500, confidence=0.95)
SPEAKERS = (4, 6, 8, 10, 12, 24)
CORPORA, STUDIES, FAMILY = 600, 2_000, 5
# Where the errors of each emotion go; the last but one, neutral, draws most.
ERRORS = np.array([
    [0, 0.5, 0.3, 0.2], [0.5, 0, 0.3, 0.2], [0.15, 0.15, 0, 0.7], [0.1, 0.1, 0.8, 0],
])  # fmt: skip
EASE = np.array([0.5, 0, 0, -0.5])
SHARES = np.array([1.5, 0.6, 1.1, 0.8])
# Logit of recall, deviation of the effects in it, utterances a speaker and emotion.
USUAL = {"level": 0.8, "effect": 0.8, "each": 10, "skewed": False, "balanced": True, "draws": 1}
DESIGNS = {
    "usual": USUAL,
    "speakers alike": USUAL | {"effect": 0.3},
    "speakers unlike": USUAL | {"effect": 1.5},
    "skewed": USUAL | {"effect": 1.0, "skewed": True},
    "few utterances": USUAL | {"each": 4},
    "hard": USUAL | {"level": -0.5},
    "easy": USUAL | {"level": 2.2},
    "easy and skewed": USUAL | {"level": 2.2, "effect": 1.2, "skewed": True},
    "emotions unbalanced": USUAL | {"balanced": False},
    "three draws": USUAL | {"draws": 3},
}
# Okabe & Ito.
COLOURS = ("#0072B2", "#D55E00", "#E69F00", "#009E73", "#CC79A7")
TESTS = {"single": "one test", "family": "family of five, Holm"}
OURS = "bootstrap deviation, t, logit (ours)"


def recalls(rng, shape, design):
    """Recall of each emotion, shape (..., emotions), of speakers drawn at random."""
    draw = _skewed if design["skewed"] else np.random.Generator.standard_normal
    speaker, both = draw(rng, (*shape, 1)), draw(rng, (*shape, 4))
    return expit(design["level"] + EASE + design["effect"] * (speaker + both) / np.sqrt(2))


def _skewed(rng, shape):
    """Mean 0, deviation 1, and a long tail of bad speakers."""
    return 1 - rng.standard_exponential(shape)


def simulate(rng, speakers, design):
    """Counts of confusion of a corpus, shape (draws, speakers, 4, 4)."""
    recall = recalls(rng, (speakers,), design)
    each = np.full((speakers, 4), design["each"])
    if not design["balanced"]:
        each = 1 + rng.poisson(design["each"] * SHARES * rng.uniform(0.5, 1.5, (speakers, 1)))
    return rng.multinomial(each, _confusion(recall), size=(design["draws"], speakers, 4))


def truth(design, speakers=200_000):
    """Metrics of a corpus of all speakers there are."""
    recall = recalls(np.random.default_rng(0), (speakers,), design).mean(axis=0)
    each = design["each"] * np.ones(4) if design["balanced"] else 1 + design["each"] * SHARES
    return metrics.scores(_confusion(recall) * each[:, None])


def _confusion(recall):
    """Chances of predictions; rows are true classes."""
    return (1 - recall)[..., None] * ERRORS + recall[..., None] * np.eye(4)


def candidates(counts, name, samples, value):
    """Intervals of one metric of one corpus, by method: low and high."""
    speakers, tail = counts.shape[1], (1 - SETTINGS.confidence) / 2
    t, z = stats.t.ppf(1 - tail, speakers - 1), stats.norm.ppf(1 - tail)
    left_out = counts.sum(axis=1, keepdims=True) - counts
    without = metrics.scores(left_out)[name].mean(axis=0)
    apart = without.mean() - without
    error = np.sqrt((speakers - 1) / speakers * np.sum(apart**2))
    plain = np.quantile(samples, [tail, 1 - tail])
    widened = value + t / z * np.sqrt(speakers / (speakers - 1)) * (plain - value)
    utterances = counts.sum() / len(counts)
    return {
        OURS: intervals.limits(
            [np.r_[value, samples]], [speakers], [utterances], SETTINGS.confidence
        ),
        "percentile": plain,
        "percentile, widened": np.clip(widened, 0, 1),
        "BCa": np.quantile(samples, _bca(samples, value, apart, z)),
        "jackknife, t": np.clip([value - t * error, value + t * error], 0, 1),
    }  # fmt: skip


def _bca(samples, value, apart, z):
    """Levels of the quantiles; Efron (1987), doi:10.1080/01621459.1987.10478410."""
    below = np.mean(samples < value) + np.mean(samples == value) / 2
    bias = stats.norm.ppf(np.clip(below, 1 / len(samples), 1 - 1 / len(samples)))
    pull = np.sum(apart**3) / (6 * max(np.sum(apart**2), 1e-12) ** 1.5)
    ends = bias + np.array([-z, z])
    return stats.norm.cdf(bias + ends / (1 - pull * ends))


def coverage(speakers, design, corpora, seed=0):
    """Share of intervals that hold the truth, and their mean width, by method and metric."""
    true, held = truth(design), {}
    for number in range(corpora):
        counts = simulate(np.random.default_rng([seed, number]), speakers, design)
        drawn = intervals.bootstrap(counts, SETTINGS.resamples, [seed, number, 1])
        for name in metrics.METRICS:
            found = candidates(counts, name, drawn[name][1:], drawn[name][0])
            for method, (low, high) in found.items():
                held.setdefault((method, name), []).append((low <= true[name] <= high, high - low))
    return [
        {"method": method, "metric": name, "coverage": mean[0], "width": mean[1]}
        for (method, name), each in held.items() for mean in [np.mean(each, axis=0).round(4)]
    ]  # fmt: skip


def average_coverage(corpora, seed=0):
    """The same for the mean of UARs over five corpora of 4 to 24 speakers."""
    sizes = (4, 6, 8, 10, 24)
    designs = [DESIGNS[name] for name in ("usual", "hard", "easy", "skewed", "speakers unlike")]
    true = np.mean([truth(design)["uar"] for design in designs])
    held = 0
    for number in range(corpora):
        rng = np.random.default_rng([seed, number])
        counts = [simulate(rng, s, d) for s, d in zip(sizes, designs)]
        found = [
            intervals.bootstrap(c, SETTINGS.resamples, [seed, number, k])["uar"]
            for k, c in enumerate(counts)
        ]
        low, high = intervals.limits(found, sizes, [c.sum() for c in counts], SETTINGS.confidence)
        held += low <= true <= high
    return held / corpora


def differences(rng, speakers, family, skewed):
    """Differences of equal systems' UARs, shape (family, speakers): one system against others.

    Skewed: the mean is 0, but a difference is not as likely as its opposite, which is what the test
    assumes; they are exponential, to show what that costs.
    """
    draw = _skewed if skewed else np.random.Generator.standard_normal
    one, others = draw(rng, speakers), draw(rng, (family, speakers))
    return 0.05 * (one - others if not skewed else others)


def errors(speakers, studies, *, family=FAMILY, skewed=False, seed=0):
    """How often something is found where there is nothing, and where there is what can be found.

    Returns
    -------
    dict of float
        ``single``: share of tests with p below the level; ``family``: share of families with any
        such p after Holm's correction; ``interval``: share of intervals of the difference that hold
        0; ``detected``: share of tests that find a difference of the detectable size (None if there
        is none).
    """
    level, rng = 1 - SETTINGS.confidence, np.random.default_rng([seed, speakers])
    found = np.stack([differences(rng, speakers, family, skewed) for _ in range(studies)])
    p = np.stack([paired.sign_flip(each, seed=seed) for each in found])
    # Holm multiplies the smallest p of a family by the size of the family.
    any_found = family * p.min(axis=1) <= level
    held = [
        line["difference_low"] <= 0 <= line["difference_high"]
        for line in (paired.paired_test(row[0], SETTINGS, seed=seed) for row in found)
    ]
    there = found[:, 0] + paired.least_effect(speakers, level) * found[:, 0].std()
    power = np.mean([paired.sign_flip(row[None], seed=seed)[0] <= level for row in there])
    return {
        "single": round(np.mean(p <= level), 4), "family": np.mean(any_found),
        "interval": np.mean(held),
        "detected": power if np.isfinite(there).all() else None,
    }  # fmt: skip


def main():
    held = [
        {"speakers": speakers, "design": name, **line}
        for speakers in SPEAKERS for name, design in DESIGNS.items()
        for line in coverage(speakers, design, CORPORA)
    ]  # fmt: skip
    erred = [
        {"speakers": speakers, "differences": "skewed" if skewed else "symmetric",
         **errors(speakers, STUDIES, skewed=skewed)}
        for speakers in SPEAKERS for skewed in (False, True)
    ]  # fmt: skip
    found = {
        "confidence": SETTINGS.confidence, "resamples": SETTINGS.resamples, "corpora": CORPORA,
        "studies": STUDIES, "family": FAMILY, "designs": DESIGNS, "coverage": held,
        "average_of_five_corpora": round(average_coverage(2 * CORPORA), 4),
        "false_positives": erred,
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "intervals.json").write_text(json.dumps(found, indent=1) + "\n")
    draw(found).savefig(RESULTS / "intervals.png", metadata={"Software": None})


@applied
def draw(found):
    """Coverage by method, a dot a design; false positives and power of the paired test."""
    held = pd.DataFrame(found["coverage"]).query("metric == 'uar'")
    erred = pd.DataFrame(found["false_positives"])
    place = {speakers: number for number, speakers in enumerate(SPEAKERS)}
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 4.2), gridspec_kw={"width_ratios": [1.5, 1]}
    )
    left.axhspan(93, 97, color="#e6e6e6", zorder=0)
    for number, (method, part) in enumerate(held.groupby("method", sort=False)):
        x = part["speakers"].map(place) + 0.13 * (number - 2)
        left.plot(x, 100 * part["coverage"], ".", color=COLOURS[number], ms=4, alpha=0.6)
        mean = 100 * part.groupby("speakers")["coverage"].mean()
        left.plot(mean.index.map(place) + 0.13 * (number - 2), mean, color=COLOURS[number],
                  label=method)  # fmt: skip
    left.set(ylabel="intervals that hold the true UAR (%)", ylim=(70, 100),
             title=f"95 % intervals, {found['corpora']} corpora a dot")  # fmt: skip
    left.legend(fontsize=8, loc="lower right")
    right.axhline(5, color="#999999", ls=":")
    for kind, mark in (("symmetric", "o"), ("skewed", "s")):
        part = erred[erred["differences"] == kind]
        x = part["speakers"].map(place)
        for (column, words), colour in zip(TESTS.items(), COLOURS):
            right.plot(x, 100 * part[column], marker=mark, color=colour,
                       ls="-" if kind == "symmetric" else "--",
                       label=f"{words}; differences {kind}",
                       mfc=colour if kind == "symmetric" else "white")  # fmt: skip
    right.set(ylabel="false positives (%)", ylim=(0, 27),
              title=f"Paired test, {found['studies']} studies a point")  # fmt: skip
    right.legend(fontsize=8, loc="upper left")
    for axis in (left, right):
        axis.set_xticks(range(len(SPEAKERS)), SPEAKERS)
        axis.set_xlabel("speakers")
    figure.supxlabel(
        "Simulated corpora whose truth is known (benchmarks/intervals.py). Left: dots are "
        f"{len(DESIGNS)} designs, lines their mean; grey: 93 to 97 %.\nRight: equal systems; "
        "skewed: exponential differences of mean 0, which break the test's assumption.",
        fontsize=7, color="#666666", x=0.01, ha="left",
    )  # fmt: skip
    return figure


if __name__ == "__main__":
    main()
