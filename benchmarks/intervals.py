"""Do intervals hold the truth as often as they say, and do tests err as seldom as they say?

Corpora are simulated whose truth is known: a speaker's recall of an emotion is logistic in random
effects of the speaker and of the speaker with that emotion. For each number of speakers and each
design, the share of intervals that hold the true UAR, WA and F1 is counted, by the study's method
and by others; then the study's tests are run where there is nothing to find. Differences are
simulated too: averages over corpora of the paper's sizes, and systems that are trained several
times, on training sets that overlap.

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
from hump.evaluation.differences import interval as difference_interval
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
# Speakers of the paper's targets, and how much speakers differ in each: standard deviations.
TARGETS = (10, 6, 3, 4, 24, 4, 2)
SPREADS = {
    "equal": (1, 1, 1, 1, 1, 1, 1), "unequal": (1, 2, 0.5, 2, 0.5, 1, 2),
    "most where there are two speakers": (1, 1, 1, 1, 1, 1, 4),
}  # fmt: skip
# Standard deviations of a difference, in those of speakers: of a run (one training in one fold), of
# what runs of a repeat share over folds, of one speaker in one run, and of a training set: folds
# share most training speakers, so that hardly anything of the last is seen between them.
TRAINED = {
    "no noise": (0, 0, 0.3, 0), "noise of runs": (0.7, 0, 0.5, 0),
    "noise of runs, mostly": (2, 0, 1, 0), "noise of repeats": (0.4, 0.4, 0.5, 0),
    "training sets matter": (0.5, 0, 0.5, 0.2), "training sets and repeats": (0.5, 0.3, 0.5, 0.3),
}  # fmt: skip
# Standard deviations of a training, in those of speakers: of what all targets share, since they
# start from one source model, and of what each has for itself.
SHARED = {"none": (0, 0.4), "some": (0.3, 0.3), "most": (0.6, 0.2)}
# Speakers, folds, repeats.
STUDIES_OF = ((8, 4, 3), (10, 10, 2), (10, 10, 3), (10, 10, 5), (12, 6, 3), (24, 6, 3))


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


def parts_of(values):
    """Differences of speakers in repeats, shape (speakers, repeats), as the study has them."""
    mean = values.mean(axis=0)
    return values / len(values), (values - mean) / len(values), (mean,)


def average_difference_coverage(spread, studies, seed=0):
    """Share of intervals of a mean difference over corpora that hold it, by degrees of freedom."""
    rng, held = np.random.default_rng([seed, len(TARGETS)]), []
    for _ in range(studies):
        parts = [parts_of(0.02 * d * rng.standard_normal((s, 1))) for s, d in zip(TARGETS, spread)]
        found = difference_interval(parts, SETTINGS.confidence)
        # As it was: variances of the bootstrap, corrected together.
        biased = sum(np.sum(deviations**2) for _, deviations, _ in parts)
        total, freedom = sum(TARGETS), sum(TARGETS) - len(TARGETS)
        std = np.sqrt(biased) / len(TARGETS)
        pooled = intervals.widened(
            found["difference"], std, total / freedom, freedom, SETTINGS.confidence
        )
        ends = {"Satterthwaite (ours)": (found["difference_low"], found["difference_high"]),
                "pooled": pooled}  # fmt: skip
        held.append({name: low <= 0 <= high for name, (low, high) in ends.items()})
    return pd.DataFrame(held).mean().round(4).to_dict()


def shared_coverage(shared, own, studies, repeats=8, seed=0):
    """Coverage of a mean difference over corpora that start from the same source models."""
    rng, held = np.random.default_rng([seed, repeats]), []
    for _ in range(studies):
        start = shared * rng.standard_normal(repeats)
        parts = [
            parts_of(
                0.02 * (rng.standard_normal((s, 1)) + start + own * rng.standard_normal(repeats))
            )
            for s in TARGETS
        ]
        apart = [(*part, ((),) * k + runs) for k, (*part, runs) in enumerate(parts)]
        ends = {"added up over corpora (ours)": difference_interval(parts, SETTINGS.confidence),
                "as if independent": difference_interval(apart, SETTINGS.confidence)}  # fmt: skip
        held.append({name: one["difference_low"] <= 0 <= one["difference_high"]
                     for name, one in ends.items()})  # fmt: skip
    return pd.DataFrame(held).mean().round(4).to_dict()


def trainings(rng, speakers, folds, repeats, design):
    """Differences of equal systems, shape (speakers, repeats), trained once a fold and repeat."""
    run, repeat, rest, training_set = design
    draw, fold = rng.standard_normal, np.arange(speakers) % folds
    trains = np.not_equal.outer(np.arange(folds), fold).astype(float)
    trains /= np.linalg.norm(trains, axis=1, keepdims=True)
    return 0.02 * (
        draw((speakers, 1)) + rest * draw((speakers, repeats)) + repeat * draw(repeats)
        + run * draw((folds, repeats))[fold] + training_set * (trains @ draw(speakers))[fold, None]
    )  # fmt: skip


def training_coverage(study, design, studies, seed=0):
    """Coverage and mean width with and without repeats, and how often a difference is claimed."""
    rng, rows = np.random.default_rng([seed, *study]), []
    for _ in range(studies):
        values = trainings(rng, *study, design)
        candidates = {
            "speakers and repeats (ours)": difference_interval(
                [parts_of(values)], SETTINGS.confidence
            ),
            "speakers": difference_interval(
                [parts_of(values.mean(axis=1, keepdims=True))], SETTINGS.confidence
            ),
            "hierarchical bootstrap": _hierarchical(rng, values),
            "crossed random effects": _crossed(values),
        }
        p = paired.sign_flip(values.mean(axis=1)[None], seed=seed)[0]
        low, high = (candidates["speakers and repeats (ours)"][f"difference_{end}"]
                     for end in ("low", "high"))  # fmt: skip
        row = {"p alone": p <= 0.05, "p and interval (ours)": p <= 0.05 and not low <= 0 <= high}
        for name, found in candidates.items():
            low, high = found["difference_low"], found["difference_high"]
            row |= {f"{name}, coverage": low <= 0 <= high, f"{name}, width": high - low}
        rows.append(row)
    return pd.DataFrame(rows).mean().round(4).to_dict()


def _hierarchical(rng, values):
    """Percentiles over samples of speakers, in each of which repeats are sampled too."""
    speakers, repeats = (rng.multinomial(n, np.full(n, 1 / n), SETTINGS.resamples) / n
                         for n in values.shape)  # fmt: skip
    ends = np.quantile(np.einsum("bs,sr,br->b", speakers, values, repeats), [0.025, 0.975])
    return dict(zip(("difference_low", "difference_high"), ends))


def _crossed(values):
    """Speakers and repeats as crossed random effects, by mean squares; Satterthwaite's t."""
    s, r = values.shape
    by_speaker, by_repeat, mean = values.mean(axis=1), values.mean(axis=0), values.mean()
    rest = values - by_speaker[:, None] - by_repeat + mean
    noise = np.sum(rest**2) / ((s - 1) * (r - 1))
    one, two = by_speaker.var(ddof=1) / s, max(by_repeat.var(ddof=1) / r - noise / (s * r), 0)
    freedom = (one + two) ** 2 / (one**2 / (s - 1) + two**2 / (r - 1))
    reach = stats.t.ppf(0.975, freedom) * np.sqrt(one + two)
    return {"difference_low": mean - reach, "difference_high": mean + reach}


def null_differences(rng, speakers, family, skewed):
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
        is none), and ``detected_in_family``: the same of the size that is detectable in a family,
        with the correction.
    """
    level, rng = 1 - SETTINGS.confidence, np.random.default_rng([seed, speakers])
    found = np.stack([null_differences(rng, speakers, family, skewed) for _ in range(studies)])
    p = np.stack([paired.sign_flip(each, seed=seed) for each in found])
    # Holm multiplies the smallest p of a family by the size of the family.
    any_found = family * p.min(axis=1) <= level
    held = [
        line["difference_low"] <= 0 <= line["difference_high"]
        for line in (
            paired.paired_test([parts_of(row[0][:, None])], SETTINGS, seed=seed) for row in found
        )
    ]
    power = {}
    for name, allowed in (("detected", level), ("detected_in_family", level / family)):
        there = found[:, 0] + paired.least_effect(speakers, allowed) * found[:, 0].std()
        share = np.mean([paired.sign_flip(row[None], seed=seed)[0] <= allowed for row in there])
        power[name] = share if np.isfinite(there).all() else None
    return {
        "single": round(np.mean(p <= level), 4), "family": np.mean(any_found),
        "interval": np.mean(held), **power,
    }  # fmt: skip


def of_differences():
    """All that is simulated of differences and tests."""
    erred = [
        {"speakers": speakers, "differences": "skewed" if skewed else "symmetric",
         **errors(speakers, STUDIES, skewed=skewed)}
        for speakers in SPEAKERS for skewed in (False, True)
    ]  # fmt: skip
    averaged = [
        {"spread": name, **average_difference_coverage(spread, STUDIES)}
        for name, spread in SPREADS.items()
    ]
    shared = [
        {"shared": name, **shared_coverage(*deviations, STUDIES)}
        for name, deviations in SHARED.items()
    ]
    trained = [
        dict(zip(("speakers", "folds", "repeats"), study))
        | {"design": name, **training_coverage(study, design, STUDIES)}
        for study in STUDIES_OF for name, design in TRAINED.items()
    ]  # fmt: skip
    return {"targets": TARGETS, "spreads": SPREADS, "trained": TRAINED, "false_positives": erred,
            "average_difference": averaged, "shared": SHARED, "average_after_training": shared,
            "difference_after_training": trained}  # fmt: skip


def main():
    held = [
        {"speakers": speakers, "design": name, **line}
        for speakers in SPEAKERS for name, design in DESIGNS.items()
        for line in coverage(speakers, design, CORPORA)
    ]  # fmt: skip
    found = {
        "confidence": SETTINGS.confidence, "resamples": SETTINGS.resamples, "corpora": CORPORA,
        "studies": STUDIES, "family": FAMILY, "designs": DESIGNS, "coverage": held,
        "average_of_five_corpora": round(average_coverage(2 * CORPORA), 4), **of_differences(),
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
