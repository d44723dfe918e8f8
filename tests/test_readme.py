"""README and docs say what is true: numbers are those of the tables, files exist."""

import csv
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from hump import corpora, evaluation
from hump.experiments import matrix, transfer
from hump.experiments.fusion import FULL, MATCHED, PLAIN
from hump.features import encoders
from hump.params import ROOT, folders, load_params, names
from hump.report import leads, ledger
from hump.util import text

README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
FEATURES = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
PUBLISHED = ROOT / "results" / "published"
NOTE = "synthetic demo speech; small encoder distilled from Whisper"
WHISPER = "encoder: first three layers of Whisper base"


@pytest.mark.parametrize(
    ("study", "corpus", "note"),
    [
        ("demo", "average of targets", NOTE),
        ("open", "average without urdu and tess", WHISPER),
        ("open", "emodb", WHISPER),
    ],
)
def test_tables_are_those_of_the_studies(study, corpus, note):
    with (PUBLISHED / study / "tables" / "main.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["corpus"] == corpus]
    assert rows and all(row["note"].startswith(note) for row in rows)
    systems = [name for name in rows[0] if name.startswith(("HuMP-CAT", "SVM", "linear"))]
    lines = [["data", *systems], ["---"] * (1 + len(systems))]
    lines += [[row["data"], *(row[name] for name in systems)] for row in rows]
    page = RESULTS if corpus == "emodb" else README
    assert "\n".join("| " + " | ".join(line) + " |" for line in lines) in page


def test_what_is_said_of_the_main_claims_is_what_the_tables_say():
    params, words = load_params("params/open.yaml"), " ".join(README.split())
    claims = pd.read_csv(PUBLISHED / "open" / "tables" / "main_claims.csv")
    assert leads.about_main_claims(claims, params).headline in words
    for row in claims.itertuples():
        said = evaluation.verdict(row, row.family, params.evaluation)
        said = {"better": "supported", "worse": "contradicted"}.get(said, said)
        line = f"| {row.claim} | {text.percent(row.fraction)} | {text.difference(row)} |"
        assert f"{line} {row.p_holm:.2g} | {said} |" in README
    assert all(f"`{name}`" in RESULTS for name in params.leave_out), "what was not run is said"


def test_the_fourth_claim_is_explained_by_the_table():
    main = pd.read_csv(PUBLISHED / "open" / "tables" / "main.csv", keep_default_na=False)
    row = main.set_index(["corpus", "data"]).loc[("average without urdu and tess", "10 %")]
    ours, probe = (row[name][:5] for name in (names.SCRATCH, names.PROBE))
    said = f"HuMP-CAT has {ours} with 10 % of the data where the probe has {probe}."
    assert said in " ".join(README.split())


def test_what_is_said_of_other_processors_is_what_was_measured():
    found = pd.read_csv(PUBLISHED / "demo" / "noise.csv").query("table == 'main'")
    ours = found[found["column"].str.startswith("HuMP-CAT")]
    words = " ".join(README.split())
    assert f"the demo's main table moved by up to {ours['digits'].max():.3f}" in words
    assert ours["deviation"].between(0.02, 0.03).all() and "move it by 0.02 to 0.03" in words


def test_the_differences_that_would_have_been_found_are_those_of_the_table():
    claims = pd.read_csv(PUBLISHED / "open" / "tables" / "main_claims.csv")
    params = load_params("params/open.yaml")
    decided = [
        evaluation.verdict(row, row.family, params.evaluation) for row in claims.itertuples()
    ]
    open_ones = claims[[verdict == "not decided" for verdict in decided]]
    (speakers,), words = set(open_ones["speakers"]), " ".join(README.split())
    short = ("pre-training", "HuMP-CAT+", "cross-attention", "layer 3")
    for claim, name in zip(open_ones["claim"], short, strict=True):
        assert name in claim
    found = [f"{one:.3f} ({name})" for one, name in zip(open_ones["detectable"], short)]
    said = f"a true difference of {', '.join(found[:-1])} or {found[-1]} would have been found"
    assert said in words
    wide = open_ones["detectable"][open_ones["detectable"] > 0.03]
    first, second = (f"{speakers * (one / 0.03) ** 2:.0f}" for one in wide)
    assert f"first two would take {first} and {second} speakers rather than {speakers}," in words
    assert "the last three with 32 trainings" in words
    errors = [_error_of_trainings(row) for row in open_ones.itertuples() if row.detectable > 0.03]
    assert [f"{error:.3f}" for error in errors] == ["0.002", "0.002"]
    assert "of those alone the standard error is 0.002." in words
    assert params.experiments.transfer.tuned == 32


def _error_of_trainings(claim):
    """Standard error, over trainings, of the difference between averages of targets."""
    uars = []
    for file in (PUBLISHED / "open" / "predictions").glob("predictions_*.parquet"):
        rows = pd.read_parquet(file).query("protocol == 'speaker_independent'")
        rows = rows[rows["fraction"].eq(claim.fraction) & rows["system"].isin([claim.a, claim.b])]
        cells = rows.groupby(["repeat", "system"], observed=True)
        uar = cells.apply(lambda cell: balanced_accuracy_score(cell["emotion"], cell["predicted"]))
        uars.append(uar.unstack())
    found = sum(uars) / len(uars)
    # What is trained once, as a probe on all data, is the same for every training of the other.
    return (found[claim.a] - found[claim.b].ffill()).sem()


def test_what_is_said_of_the_controls_is_what_the_tables_say():
    tables, words = PUBLISHED / "open" / "tables", " ".join(RESULTS.split())
    uars = pd.read_csv(tables / "controls.csv").query("fraction == 0").set_index("corpus")
    uars = uars.loc["average of targets"].set_index("system")
    for system in (names.PRETRAINED, transfer.SCALED):
        row = uars.loc[system]
        assert f"{row['uar']:.3f} ± {row['uar_sd']:.3f}" in words, system
    for system in (transfer.PROBE, "MFCC + prosody"):
        assert f" {uars.loc[system, 'uar']:.3f}" in words, system
    tests = pd.read_csv(tables / "control_comparisons.csv")
    tests = tests[tests["comparison"] == transfer.share(0)].set_index("b")
    for system in (transfer.SCALED, "encoder alone", PLAIN):
        row = tests.loc[system]
        turned = [-row[f"difference{part}"] for part in ("", "_high", "_low")]
        assert f"({text.interval(*turned, sign=True)})" in words, system
        assert row["p_holm"] < 0.05, "the text says that it helps"
        helps = not row["difference_low"] <= 0 <= row["difference_high"]
        assert helps == (system != PLAIN), "the text says that attention is not decided"
    assert f"on these speakers it is (Holm p {tests.loc[PLAIN, 'p_holm']:.2g})" in words
    assert tests.loc[PLAIN, "question"] == "primary"


def test_what_is_said_of_other_sources_is_what_the_table_says():
    words = " ".join(RESULTS.split())
    table = pd.read_csv(PUBLISHED / "open" / "tables" / "matrix.csv").query("fraction == 0")
    one = table[table["source"] != matrix.OTHERS]
    uars = (
        one.groupby(["source", "system"])["uar"].mean().unstack()[[names.PROBE, names.PRETRAINED]]
    )
    assert uars[names.PROBE].idxmin() == "ravdess", "from which the probe carries over worst"
    others = uars.drop("ravdess")
    probe, ours = uars.loc["ravdess"]
    short = " ".join(README.split())
    assert f"({probe:.3f} against {ours:.3f} on average" in words
    assert f"({ours:.3f} against {probe:.3f} on average" in short
    probe, ours = others.mean()
    assert f"the probe has {probe:.3f} and HuMP-CAT {ours:.3f}" in words
    assert f"it has {ours:.3f} and the probe {probe:.3f}" in short
    assert (others[names.PROBE] > others[names.PRETRAINED]).sum() == 2, (
        "from two the probe is ahead"
    )
    emodb = table[table["corpus"] == "emodb"].set_index(["source", "system"])
    for place in itertools.product((matrix.OTHERS, "ravdess"), (names.PRETRAINED, names.PROBE)):
        row = emodb.loc[place]
        assert text.interval(row["uar"], row["uar_low"], row["uar_high"]) in words
    languages = {name: corpora.RECIPES[name].language for name in uars.index}
    found = matrix.by_distance(table, languages)
    assert f"({found['slope']:.3f} UAR a step" in words and f"p = {found['p']:.2f})" in words


def test_what_is_said_of_ablations_is_what_the_tables_say():
    tables, words = PUBLISHED / "ablations" / "tables", " ".join(RESULTS.split())
    for label, (name, other) in {
        "concatenation in both stages": ("fusion", PLAIN),
        "concatenation with as many weights": ("fusion", MATCHED),
        "the encoder alone, without MFCC and prosody": ("fusion", "encoder alone"),
        "MFCC and prosody, without the encoder": ("fusion", "MFCC + prosody"),
        "layer 1 alone": ("layers", "layer 1"),
        "layer 3, the last, alone": ("layers", "last layer"),
        "a weighted sum of all layers": ("layers", "weighted sum of all layers"),
        "the small HuBERT, layers 1 and 9": ("encoder", "hump/assets/hubert-mini"),
        "an untrained encoder": ("encoder", "untrained"),
    }.items():
        tests = pd.read_csv(tables / f"{name}_comparisons.csv").query("b == @other")
        test = tests[tests["comparison"].isin(["ravdess", "HuMP-CAT"])].iloc[0]
        uars = pd.read_csv(tables / f"{name.replace('encoder', 'encoders')}.csv")
        uars = uars[uars["system"] == other]
        uar = (uars[uars["model"] == "HuMP-CAT"] if "model" in uars else uars).iloc[0]
        uar = f"{text.uar(uar)} ± {uar['uar_sd']:.3f}"
        assert f"| {label} | {uar} | {text.difference(test)} | {test['p_holm']:.2g} |" in RESULTS
    changed = pd.read_csv(tables / "architecture.csv").query("factor.notna()")
    assert (changed["difference_low"] * changed["difference_high"] < 0).all() and len(changed) == 10
    uars = pd.read_csv(tables / "encoders.csv").query("system == 'hump/assets/whisper-base-3'")
    assert text.uar(uars.set_index("model").loc["linear probe"]) in words
    ours = pd.read_csv(tables / "fusion.csv").set_index("system").loc[FULL]
    assert f"{text.uar(ours)} ± {ours['uar_sd']:.3f}" in words and ours["repeats"] == 5
    emodb = pd.read_csv(tables / "finetune_emodb.csv").query("system == @names.PRETRAINED")
    for row in emodb.itertuples():
        assert f"{row.uar:.3f} ± {row.uar_sd:.3f}" in words


def test_what_is_said_of_several_sources_is_what_the_tables_say():
    words, main, adds = " ".join(RESULTS.split()), {}, {}
    average, systems = "average without urdu and tess", [names.PLUS, names.PROBES]
    for study in ("plus", "open"):
        rows = pd.read_csv(PUBLISHED / study / "tables" / "main.csv", keep_default_na=False)
        main[study] = rows.set_index(["data", "corpus"])
    for data in main["plus"].loc[:, average, :].index:
        ours, before = (main[study].loc[data] for study in ("plus", "open"))
        shown = [*ours.loc[average, systems], before.loc[average, names.PLUS]]
        assert f"| {' | '.join([data, *shown, *ours.loc['emodb', systems]])} |" in RESULTS
        adds[data] = round(np.subtract(*(float(ours.loc[average, s][:5]) for s in systems)), 3)
        gain = float(ours.loc[average, names.PLUS][:5]) - float(before.loc[average, names.PLUS][:5])
        assert adds[data] < 0.2 * gain, "probes have nearly all of it"
    first, tenth, third, whole = (f"{added:.3f}" for added in adds.values())
    said = f"shrinks from {first} without target data and {tenth} with 10 % to {third} and {whole}"
    assert f"{said} with 33 and 100 %" in words
    first, tenth, _, whole = main["plus"].loc[(slice(None), average), names.PLUS]
    said = f"{first} without target data, {tenth} with 10 % of it and {whole} with all"
    assert said in " ".join(README.split())
    emovo = main["plus"].loc[(slice(None), "emovo"), names.PLUS].str[:5]
    assert f"training speakers ({emovo.iloc[0]} to {emovo.iloc[-1]}; not tested)" in words
    assert emovo.is_monotonic_decreasing
    none, every = (
        main[study].xs(data)[names.PLUS].str[:5]
        for study, data in (("plus", "0 %"), ("open", "100 %"))
    )
    assert f"({none[average]} and {every[average]}; not tested)" in words
    assert none["emovo"] > every["emovo"], "more on EMOVO"
    assert (none < every)[["emodb", "casia", "urdu"]].all(), "less on three"
    params = load_params("params/plus.yaml")
    claims = pd.read_csv(PUBLISHED / "plus" / "tables" / "main_claims.csv").set_index("claim")
    row = claims.loc["HuMP-CAT+ beats a probe with all data"]
    verdict = evaluation.verdict(row, row.family, params.evaluation)
    verdict = {"better": "supported", "worse": "contradicted"}.get(verdict, verdict)
    said = f"{text.difference(row)} (Holm p {row.p_holm:.2g}, {verdict})"
    assert f"Over a probe on the target alone it is {said} with all data" in words


def test_what_is_said_of_recipes_of_several_sources_is_what_the_benchmark_says():
    found = json.loads((ROOT / "benchmarks/results/plus.json").read_text())
    cells = pd.DataFrame(found["cells"]).query("corpus == 'average of targets'")
    assert "four folds" in RESULTS and found["folds"] == 4 and set(cells["speakers"]) == {15}
    for recipe, own in cells.groupby("recipe"):
        line = [recipe]
        for row in own.sort_values("fraction").itertuples():
            line += [
                f"{row.uar:.3f}",
                "" if recipe == found["compared_with"] else text.difference(row),
            ]
        assert f"| {' | '.join(line)} |" in RESULTS
    others = cells.dropna()
    assert len(others) == 26 and (others["difference_low"] < 0).all(), "nothing gains"
    trained = others[others["recipe"].str.contains("epochs|mixup|Spec|dropout|contrastive")]
    uars = cells.set_index(["recipe", "fraction"])["uar"]
    ours, recipe, before = (
        uars[name]
        for name in ("all other corpora", "one source", "one source, as in params/open.yaml")
    )
    assert (ours - recipe > 2 * (recipe - before)).all(), "most of the gain is the corpora"
    assert len(trained) == 10 and (trained["difference"] < 0).all(), "nothing is ahead"


def test_what_is_said_of_a_weaker_encoder_is_what_the_tables_say():
    words, systems = " ".join(RESULTS.split()), [names.PRETRAINED, names.SCRATCH, names.PROBE]
    for study, encoder in (("open_hubert", "small HuBERT"), ("open", "Whisper base")):
        main = pd.read_csv(PUBLISHED / study / "tables" / "main.csv", keep_default_na=False)
        main = main[main["corpus"] == "average without urdu and tess"].set_index("data")
        for data in ("0 %", "10 %"):
            line = " | ".join([encoder, data, *main.loc[data, systems]])
            assert f"| {line} |" in RESULTS
    params = load_params("params/open_hubert.yaml")
    claims = pd.read_csv(PUBLISHED / "open_hubert" / "tables" / "main_claims.csv")
    assert len(claims) == 3, "it can test three"
    for row in claims.itertuples():
        assert evaluation.verdict(row, row.family, params.evaluation) == "not decided"
        said = [f"{text.difference(row)} ({name}{row.p_holm:.2g})" for name in ("", "Holm p ")]
        assert any(one in words for one in said), row.claim
    before = pd.read_csv(PUBLISHED / "open" / "tables" / "main_claims.csv")
    both = claims.merge(before, on=["claim", "fraction"], suffixes=("", "_open"))
    held = both["difference_open"].between(both["difference_low"], both["difference_high"])
    assert len(both) == 3 and held[both["fraction"] == 0.1].all(), "at 10 % they contain it"
    zero = both[both["fraction"] == 0].iloc[0]
    said = f"is {zero['difference']:+.3f} where it was {zero['difference_open']:+.3f}"
    assert said in words
    done = json.loads((PUBLISHED / "open_hubert" / "published.json").read_text())
    spent = sum(minutes for step, minutes in done["minutes"].items() if step != "02_features")
    assert f"features apart, its steps took {spent:.0f} minutes on two cores" in words
    assert done["machine"]["cores"] == 2


def test_hours_of_the_open_study_are_those_measured():
    done = json.loads((PUBLISHED / "open" / "published.json").read_text())
    spent = sum(spent for step, spent in done["minutes"].items() if step.startswith("04"))
    assert round(spent / 60 / done["machine"]["cores"]) == 2, "side by side"
    name = f"two cores of an {done['machine']['processor']}, two of them 04's"
    assert f"Its steps took four and a quarter hours on {name}" in " ".join(README.split())


def test_what_is_said_of_native_labels_is_what_the_tables_say():
    tables, words = PUBLISHED / "native" / "tables", " ".join(RESULTS.split())
    main = pd.read_csv(tables / "main.csv").query("data == '100 %'").set_index("corpus")
    assert main["note"].str.startswith(WHISPER).all()
    systems = [names.PLUS, names.PRETRAINED, names.SCRATCH, names.PROBE]
    for corpus in load_params("params/native.yaml").targets:
        assert f" | {' | '.join(main.loc[corpus, systems])} | " in RESULTS
    claim = pd.read_csv(tables / "main_claims.csv").set_index("claim").loc["pre-training helps"]
    assert text.difference(claim) in words and claim["p_holm"] > 0.05
    for entry in ledger.claims():
        if "(EmoBox)" in entry.claim and entry.corpora[0] in main.index and entry.value:
            assert f"{entry.value:.3f}" in words, entry.claim


def test_the_short_answers_have_their_numbers_from_the_long_ones():
    (answers,) = re.findall(r"^\* \*\*More corpora.*?(?=\n\n)", README, re.MULTILINE | re.DOTALL)
    numbers = re.findall(r"[+-]?0\.\d{3}", answers)
    assert len(numbers) > 10 and all(number in RESULTS for number in numbers)


def test_what_is_said_of_faults_is_what_the_campaign_found():
    words = " ".join(README.split())
    rows = pd.DataFrame(json.loads((ROOT / "benchmarks/results/faults.json").read_text()))
    total, signals = rows["trials"].sum(), rows.loc[rows["phase"] != "-", "trials"].sum()
    assert signals >= 100 and set(rows["phase"]) == {
        "set-up", "data", "extraction", "training", "fine-tuning", "figures", "report", "-"
    }  # fmt: skip
    assert f"Of {total} trials ({signals} signals at random moments of all phases; " in words
    assert (rows["identical"] == rows["trials"]).all() and not rows["lost"].any()
    assert (rows["stopped_clearly"] == rows["stopped"]).all() and not rows["left_behind"].any()


def test_picture_says_what_it_is_made_of():
    assert (PUBLISHED / "demo" / "figures" / "fractions.png").stat().st_size > 10_000
    assert NOTE.replace(";", ",") in README


def test_costs_are_those_of_the_benchmark():
    costs = json.loads((ROOT / "benchmarks" / "results" / "features-cpu.json").read_text())
    for name, line in {**costs["streams"], **costs["whole"]}.items():
        rates = [f"{line[side]['utterances_per_s']:.3g}" for side in ("plain", "ours")]
        ratios = f"{line['ratio']:.2f} ({line['ratio_min']:.2f} to {line['ratio_max']:.2f})"
        assert f"| {name} | {' | '.join(rates)} | {ratios} |" in FEATURES
    exact = costs["exactness"]
    worst = max(v for kind in exact.values() for k, v in kind.items() if k.startswith("batch"))
    assert f"a relative error of {worst:.0e}" in FEATURES
    assert f"by {100 * exact['base']['padded_the_usual_way']:.0f} %" in FEATURES
    rough = max(line["worst_error"] for line in costs["bfloat16"].values())
    assert f"(error {100 * rough:.1f} %)" in FEATURES
    peaks = [line["peak_mib"] for kind in ("base", "mini") for line in costs["growth"][kind]]
    peak = max([*peaks, costs["long"]["peak_mib"]]) / 1024
    assert f"at most {peak:.1f} GiB" in FEATURES and peak < 3
    kills = json.loads((ROOT / "benchmarks" / "results" / "kills.json").read_text())
    assert f"killed {kills['kills']} times" in FEATURES
    assert kills["identical"] == kills["trials"] and not kills["finished_parts_lost"]


def test_costs_of_extraction_on_a_gpu_are_those_of_the_benchmark():
    found = json.loads((ROOT / "benchmarks" / "results" / "features-cuda.json").read_text())
    base, small = found["streams"].values()
    card, words = found["measured_on"]["streams"]["device"], " ".join(FEATURES.split())
    rates = [line["ours"]["utterances_per_s"] for line in (base, small)]
    assert (
        f"On an {card.removeprefix('NVIDIA ')} HuBERT-base describes {rates[0]:.0f} recordings of "
        f"{found['audio']['seconds_mean']:.1f} s a second, {base['against_one_core']:.0f} times as "
        f"many as a core of that machine and {base['ratio']:.1f} times as many" in words
    )
    times = [small["against_one_core"], small["ratio"]]
    assert f"the small HuBERT {rates[1]:.0f}, {times[0]:.0f} and {times[1]:.0f} times" in words


def test_gains_over_the_former_code_are_those_of_the_benchmark():
    found = json.loads((ROOT / "benchmarks" / "results" / "training-cpu.json").read_text())
    found, words = found["against_former_code"], " ".join(FEATURES.split())
    ratios = found["fine-tuning, 10 jobs of 5 fractions"]["cpu_ratio"]
    said = f"takes {min(ratios):.2f} to {max(ratios):.2f} times less CPU time than by the code of"
    assert f"{said} commit {found['commit']}" in words
    before, now = (found["04 of EMODB in the open study"][side][0] for side in ("former", "now"))
    assert f"{now:.0f} seconds on two cores where it took {before:.0f}" in words
    demo, sides = found["the demo"], ("former", "now")
    before, now = (np.mean([wall for _, wall in demo[side]]) / 60 for side in sides)
    assert f"{before:.1f} minutes then and {now:.1f} now" in words and before < now
    before, now = (demo["steps"][side] for side in sides)
    assert f"what was {before} steps is {now}" in words


def test_costs_of_predict_are_those_of_the_benchmark():
    found = json.loads((ROOT / "benchmarks" / "results" / "predict.json").read_text())
    hour, folder, words = found["long"][-1], found["folder"], " ".join(README.split())
    assert hour["minutes"] == 60 and hour["peak_mib"] < 2048
    minutes, size = hour["processor_seconds"] / 60, hour["peak_mib"] / 1024
    assert f"an hour of speech in {minutes:.1f} minutes of one core and {size:.1f} GiB" in words
    assert (folder["recordings"], folder["unreadable"], folder["windows"]) == (200, 10, 200)
    assert f"200 files, ten of them bad, in {folder['processor_seconds']:.0f} s" in words
    shares = {name: line["share"] for name, line in found["unlike"].items()}
    same = shares.pop("ravdess, other speakers")
    least = min(shares.values())
    assert f"{100 * same:.0f} % of the recordings of its other actors" in words
    assert (
        f"{100 * least:.0f} to 100 % of those of five other corpora, of noise and of tones" in words
    )
    assert len(shares) == 7 and max(shares.values()) == 1


def test_encoders_are_those_of_the_benchmark():
    probes = json.loads((ROOT / "benchmarks" / "results" / "encoder.json").read_text())
    embedded = encoders.find(encoders.EMBEDDED).fingerprint
    assert probes["encoders"]["hubert-mini"] == embedded
    card = (ROOT / encoders.EMBEDDED / "README.md").read_text(encoding="utf-8")
    heard = re.search(r"hours of speech heard \| ([\d.]+) \| ([\d.]+)", card).groups()
    seconds = float(re.search(r"scale [\d.]+, (\d+) s", card)[1])
    words = " ".join(FEATURES.split())
    assert f"heard {sum(map(float, heard)):.0f} hours" in FEATURES
    assert f"in {seconds / 60:.0f} minutes" in FEATURES
    lines = {(line["corpus"], line["encoder"], line["features"]): line for line in probes["lines"]}
    own = "layers 1 and 9"
    columns = ("emodb", "casia", "urdu", "emovo", "ravdess", "nemo", "average")
    for name, encoder, features in (
        ("small HuBERT, layers 1 and 9", "hubert-mini", own),
        ("its teacher, Whisper base, after layer 3", "teacher", "layer 3"),
        ("small HuBERT by HuBERT's own recipe on synthetic speech", "former", own),
        ("`untrained`, layers 1 and 9", "untrained", own),
        ("MFCC statistics", "none", "MFCC statistics"), ("eGeMAPS", "none", "eGeMAPS"),
    ):  # fmt: skip
        cells = [lines[corpus, encoder, features] for corpus in columns]
        text = [f"{c['uar']:.3f} [{c['uar_low']:.3f}, {c['uar_high']:.3f}]" for c in cells]
        assert f"| {name} | {' | '.join(text)} |" in FEATURES
    for test in probes["tests"]:
        name = f"p = {test['p_holm']:.{3 if 'eGeMAPS' in test['b'] else 4}f}"
        assert f"by {test['difference']:.3f}" in words and name in words, test["b"]
        assert (test["p_holm"] < 0.05) == ("eGeMAPS" not in test["b"]), "what the page concludes"


@pytest.mark.parametrize("path", sorted(set(re.findall(
    r"`((?:notebooks|hump|params|workflow|results|tests|benchmarks)/[\w./]*|environment\.yml|CITATION\.cff)`",
    README + RESULTS,
))))  # fmt: skip
def test_paths_exist_or_are_made_by_a_run(path):
    made = path.startswith("results/") and not path.startswith("results/published")
    assert made or (ROOT / path).exists()


def test_the_cell_for_a_notebook_elsewhere_runs_the_demo(tmp_path):
    """As a script, of this checkout; the study itself is planned, not run."""
    (cell,) = re.findall(r"^!(git clone .*)$", README, re.MULTILINE)
    assert cell.endswith("hump/run_all.sh")
    work = tmp_path / "checkout"
    shutil.copytree(ROOT, work, ignore=shutil.ignore_patterns(
        ".git", ".venv", "cache", "data", "published", "site"))  # fmt: skip
    for command in ("init -q", "add -A", "-c user.name=a -c user.email=a@b commit -qm a"):
        subprocess.run(["git", *command.split()], cwd=work, check=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        cell.replace("ADDRESS", work.as_uri()) + " params/demo.yaml -- --dry-run --quiet host",
        shell=True, cwd=tmp_path, env={**os.environ, "PATH": path, "PYTHONPATH": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "01_data" in done.stdout + done.stderr and (tmp_path / "hump" / "notebooks").is_dir()


PAGES = (
    "README.md",
    "docs/features.md",
    "docs/results.md",
    "docs/scoring.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "GLOSSARY.md",
    "results/README.md",
)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", (ROOT / page).read_text(encoding="utf-8")):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), target


def test_glossary_defines_each_term_once():
    assert "](GLOSSARY.md)" in README
    glossary = (ROOT / "GLOSSARY.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\*\*(.+?)\*\*", glossary, re.MULTILINE)
    assert len(terms) > 40 and len({term.lower() for term in terms}) == len(terms)
    assert {"utterance", "UAR", "stream", "draw", "speaker-independent"} <= set(terms)


def test_every_real_corpus_is_listed():
    for name in set(folders.CORPORA) - set(folders.DEMO):
        recipe = corpora.RECIPES[name]
        assert f"| `{name}` |" in README and recipe.source in README
