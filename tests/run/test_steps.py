"""Which steps a change makes run again: those that depend on it, whatever the dates of files."""

import os
import shutil
from pathlib import PurePath

import pandas as pd
import pytest

import hump
from hump.experiments import few_shot, probes, protocol, tuning, variants
from hump.features import encoders
from hump.run import publish, steps
from hump.util import code, files

TARGETS = ("demo_german", "demo_mandarin")
MODELS = {"03_pretrain", *(f"04_finetune_{target}" for target in TARGETS), "05_fusion_ablation",
          "06_layer_sensitivity", "08_architecture", "11_encoders", "12_transfer", "13_matrix",
          *(f"14_diagnosis_{target}" for target in TARGETS), "15_strategies"}  # fmt: skip
CHANGES = {
    "hump/audio.py": ('MIN_DURATION_S = 0.25', "MIN_DURATION_S = 0.26",
                      {"01_data", "02_features", "10_try_it"} | MODELS),
    "hump/corpora/recipes/emodb.yaml": ("W: anger", "W: rage", {"01_data"}),
    "hump/corpora/recipes/emodb.published.csv": (",127", ",128", {"01_data"}),
    "hump/demo/espeak.py": ("SAMPLING_RATE = 22050", "SAMPLING_RATE = 22051", {"01_data"}),
    "hump/features/mfcc.py": ("N_MELS = 40", "N_MELS = 41",
                              {"02_features", "10_try_it"} | MODELS),
    "hump/model/network.py": ("limit: float = 5.0", "limit: float = 6.0",
                               MODELS | {"10_try_it"}),
    "hump/training/strategies.py": ("int(done / share", "int(done * 1 / share",
                                    MODELS - {"03_pretrain", "05_fusion_ablation",
                                              "06_layer_sensitivity", "08_architecture",
                                              "11_encoders"}),
    "hump/evaluation/paired.py": ("FLIPS = 13, 9_999", "FLIPS = 13, 9_998",
                                  {"05_fusion_ablation", "06_layer_sensitivity",
                                   "07_fraction_curves", "09_figures", "11_encoders",
                                   "12_transfer"}),
    "hump/experiments/fusion.py": ('"MFCC alone"', '"only MFCC"', {"05_fusion_ablation"}),
    "hump/experiments/few_shot.py": ('"one speaker"', '"1 speaker"', {"15_strategies"}),
    "hump/plots/corpora.py": ('"utterances"', '"recordings"', {"01_data"}),
    "hump/report/answers.md": ("reaches a UAR", "has a UAR",
                               MODELS | {"07_fraction_curves", "09_figures", "report"}),
    "hump/report/ledger.yaml": ("claim:", "claim: ", {"09_figures"}),
    "hump/report/provenance.py": ("indent=2", "indent=1", {"report"}),
    "hump/report/templates/index.md": ("## Limits", "## Limitations", {"report"}),
    "hump/encoder/training.py": ("betas=(0.9, 0.98)", "betas=(0.9, 0.99)", set()),
    "hump/run/study.py": ("_SHOWN_LINES = 15", "_SHOWN_LINES = 16", set()),
    "hump/training/fit.py": ('"""Pre-training', '"""# A reworded docstring. Pre-training', set()),
    "notebooks/05_fusion_ablation.ipynb": ("**Question.**", "**The question.**",
                                           {"05_fusion_ablation"}),
    "notebooks/00_mini_hubert.ipynb": ("**Question.**", "**The question.**", set()),
}  # fmt: skip
JOBS = (protocol._pretrain_job, protocol._finetune_job, variants._source_job, tuning._compare_job,
        few_shot._few_shot_job, probes._probe_job)  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The code and notebooks of the project, to be changed."""
    for name in ("hump", "notebooks"):
        ignored = shutil.ignore_patterns("__pycache__", "assets")
        shutil.copytree(files.ROOT / name, tmp_path / "project" / name, ignore=ignored)
    monkeypatch.setattr(steps, "ROOT", tmp_path / "project")
    return tmp_path / "project"


def keys(params):
    return {step.name: steps.key(step, params) for step in steps.plan(params)}


@pytest.fixture
def smoke():
    return hump.load_params("params/smoke.yaml")


def test_one_changed_line_runs_what_depends_on_it_and_nothing_else(project, smoke):
    before, wrong = keys(smoke), {}
    for name, (old, new, expected) in CHANGES.items():
        file = project / name
        text = file.read_text(encoding="utf-8")
        assert old in text, name
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        os.utime(file, (1, 1))
        after = keys(smoke)
        changed = {step for step in before if before[step] != after[step]}
        if changed != expected:
            wrong[name] = {"too many": changed - expected, "missing": expected - changed}
        file.write_text(text, encoding="utf-8")
    assert not wrong
    assert keys(smoke) == before


def test_words_and_pictures_train_nothing_again(project):
    def versions():
        package = project / "hump"
        names = [f"{job.__module__}.{job.__name__}" for job in JOBS]
        return [code.version(name, package=package) for name in names]

    before = versions()
    for name in ("hump/report/answers.md", "hump/plots/corpora.py", "hump/evaluation/paired.py",
                 "hump/corpora/recipes/emodb.yaml", "hump/report/provenance.py"):  # fmt: skip
        old, new, _ = CHANGES[name]
        file = project / name
        file.write_text(file.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    assert versions() == before
    old, new, _ = CHANGES["hump/model/network.py"]
    file = project / "hump/model/network.py"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    same = [a == b for a, b in zip(before, versions())]
    assert same == [False] * 5 + [True], "no model in probes"


def test_parameters_count_and_their_comments_do_not(smoke, tmp_path):
    text = (files.ROOT / "params" / "smoke.yaml").read_text(encoding="utf-8")
    reworded, changed = tmp_path / "reworded.yaml", tmp_path / "changed.yaml"
    reworded.write_text("# Another comment.\n" + text, encoding="utf-8")
    changed.write_text(text.replace("seed: 1", "seed: 2", 1), encoding="utf-8")
    before = keys(smoke)
    assert keys(hump.load_params(reworded)) == before
    after = keys(hump.load_params(changed))
    assert all(before[name] != after[name] for name in before)


@pytest.fixture
def made(params):
    """A study whose first two steps were run, as far as their files go."""
    first, second = steps.plan(params)[:2]
    for step in (first, second):
        for name in step.makes:
            files.write_text(params.results / name, f"made {name}")
        steps.remember(step, params, steps.read_by(step, params))
    return params, first, second


def test_a_step_is_current_while_all_contents_are_as_they_were(made):
    params, first, second = made
    assert steps.is_current(first, params) and steps.is_current(second, params)
    table = params.results / "tables" / "manifest.csv"
    os.utime(table, (1, 1))
    assert steps.is_current(second, params), "a date decides nothing"
    files.write_text(table, "another manifest")
    assert not steps.is_current(first, params), "what it made is no longer there"
    assert not steps.is_current(second, params), "what it needs has changed"
    files.write_text(table, "made tables/manifest.csv")
    assert steps.is_current(first, params) and steps.is_current(second, params)
    (params.results / second.makes[0]).unlink()
    assert not steps.is_current(second, params)


def test_what_is_edited_while_a_step_runs_runs_it_again(made):
    params, _, second = made
    table = params.results / "tables" / "manifest.csv"
    read = steps.read_by(second, params)
    files.write_text(table, "another manifest")
    steps.remember(second, params, read)
    assert not steps.is_current(second, params)
    files.write_text(table, "made tables/manifest.csv")
    assert steps.is_current(second, params)


@pytest.mark.parametrize("damage", ["", "{", "[]"])
def test_a_damaged_record_is_none(made, damage):
    params, first, _ = made
    (params.results / ".steps" / "01_data.json").write_text(damage)
    assert not steps.is_current(first, params)


def test_other_parameters_are_another_state(made):
    params, first, _ = made
    assert not steps.is_current(first, params.model_copy(update={"seed": params.seed + 1}))


def test_corpora_count_by_content(tmp_path, monkeypatch):
    params = hump.load_params("params/open.yaml")
    monkeypatch.setattr("hump.params.schema.ROOT", tmp_path)
    monkeypatch.setenv("HUMP_DATA", str(tmp_path / "data"))
    file = tmp_path / "data" / "emodb" / "wav" / "03a01Fa.wav"
    files.write_text(file, "one")
    for name in {*params.corpus_names} - {"emodb"}:
        (tmp_path / "data" / name).mkdir()
    first = steps.plan(params)[0]
    before = steps.key(first, params)
    os.utime(file, (1, 1))
    assert steps.key(first, params) == before
    file.write_text("two")
    os.utime(file, (1, 1))
    after = steps.key(first, params)
    assert after != before
    shutil.move(tmp_path / "data", tmp_path / "moved")
    monkeypatch.setenv("HUMP_DATA", str(tmp_path / "moved"))
    assert steps.key(first, params) == after, "where a corpus lies does not count"
    (tmp_path / "cache" / "contents.json").write_text("{")
    assert steps.key(first, params) == after, "nor what has become of the cache"
    next((tmp_path / "moved" / "emodb").rglob("*.wav")).unlink()
    assert steps.key(first, params) != after, "but a file that has gone does"


def test_another_encoder_in_the_same_folder_counts(params, tmp_path):
    folder = tmp_path / "encoder"
    shutil.copytree(files.ROOT / encoders.EMBEDDED, folder)
    own = params.features.model_copy(update={"encoder": str(folder)})
    listed = params.experiments.model_copy(update={"encoders": {str(folder): (1, 9)}})
    study = params.model_copy(update={"features": own})
    compared = params.model_copy(update={"experiments": listed})
    before, other = keys(study), keys(compared)
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        last = file.read()
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    changed = {name for name, key in keys(study).items() if key != before[name]}
    assert changed == set(before) - {"01_data", "report"}
    changed = {name for name, key in keys(compared).items() if key != other[name]}
    assert changed == {"11_encoders"}


def test_time_counts_over_attempts(params, monkeypatch):
    clock = iter([0.0, 90.0, 100.0, 130.0, 200.0, 206.0])
    monkeypatch.setattr(steps.time, "monotonic", lambda: next(clock))
    first, second = steps.plan(params)[:2]
    assert steps.spent(params) == {}
    with steps.timed(first, params):
        pass
    with pytest.raises(KeyboardInterrupt), steps.timed(second, params):
        raise KeyboardInterrupt
    with steps.timed(first, params):
        pass
    assert steps.spent(params) == {"01_data": 1.6, "02_features": 0.5}


def test_publishing_leaves_out_what_is_not_to_be_shown(params, monkeypatch):
    shown = {"tables/main.csv", "notebooks/09_figures.ipynb", "figures/fractions.png",
             "cards/emodb.md"}  # fmt: skip
    private = {"tables/manifest.csv", "tables/predictions_emodb.csv", "tables/of_another_age.csv",
               "notebooks/08_of_another_age.ipynb"}  # fmt: skip
    recordings = {"notebooks/01_data.ipynb", "figures/streams.png"}
    for name in shown | private | recordings:
        files.write_text(params.results / name, name)
    said = "utterance_id,fraction,speaker,predicted,note\nb,0.1,01,happy,made up\n"
    said += "a,0.1,NA,angry,made up\n"
    made = [path for step in steps.plan(params) for path in step.makes if "predictions" in path]
    for name in made:
        files.write_text(params.results / name, said)
    files.write_text(params.results / "models" / "source" / "README.md", "a model's card")
    monkeypatch.setattr(steps, "is_current", lambda step, params: True)

    def published(study):
        target = publish.publish(study)
        return {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}

    shown |= {"tables/corpora.csv", "published.json", "cards/model_source.md"}
    shown |= {f"predictions/{PurePath(name).stem}.parquet" for name in made}
    assert published(params) == shown | recordings, "synthetic speech may be shown"
    kept = params.results.parent / "published/smoke/predictions"
    rows = pd.read_parquet(kept / "source_predictions.parquet")
    assert rows["speaker"].tolist() == ["NA", "01"]
    assert rows["fraction"].tolist() == [0.1, 0.1] and rows["note"].unique().tolist() == ["made up"]
    files.write_text(params.results.parent / "published/smoke/noise.csv", "measured once")
    shown |= {"noise.csv"}
    monkeypatch.setattr(publish.folders, "DEMO", params.corpus_names[:1])
    assert published(params) == shown, "one recorded corpus is enough"
    files.write_text(params.results.parent / "published/smoke/noise.csv", "measured anew")
    assert publish.parameters(params.results.parent / "published/smoke").study == "smoke"


def test_an_unfinished_study_is_not_published(params):
    with pytest.raises(hump.errors.HumpError, match="01_data is not up to date; run ./run_all.sh"):
        publish.publish(params)
