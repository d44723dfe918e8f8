"""What is trained depends on training rows alone, and starts from the weights that it should.

Each case is one job of an experiment, as the experiment hands it to `hump.experiments.runner`.
Rows that must play no part are wrecked: noise, a million times as large as features are, in every
stream, and another label. All that the job trains must stay as it was, to the last bit.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hump import model
from hump.corpora import splits
from hump.errors import LeakageError
from hump.experiments import (
    calibration,
    diagnosis,
    few_shot,
    matrix,
    probes,
    protocol,
    runner,
    transfer,
    tuning,
    variants,
)
from hump.params import names
from hump.training import baselines, fit
from hump.training.dataset import Data


def wreck(data, rows, *, relabel=True, noise=True):
    """A copy of a corpus in which some rows are noise, if so wished, and have the last label.

    Without `relabel` the manifest keeps its labels, from which stratified draws are made; the
    classes that models train on change all the same.
    """
    rng, features = np.random.default_rng(0), copy.deepcopy(data.features)
    for stream in ("hubert", "mfcc", "prosody", "egemaps") if noise else ():
        arrays = getattr(features, stream)
        for position in data.at[rows]:
            arrays[position][:] = rng.normal(0, 1e6, arrays[position].shape)
    manifest = data.rows.copy()
    if relabel:
        manifest.loc[manifest.index[rows], "emotion"] = data.labels[-1]
    wrecked = Data(manifest, features, data.labels)
    wrecked.classes[rows] = len(data.labels) - 1
    if not noise:
        vars(wrecked)["moments"] = data.moments
    return wrecked


@pytest.fixture
def study(make_data, params):
    """A source with a trained model, and a target."""
    few = params.fraction_curves.few_shot.model_copy(update={"utterances": (2,)})
    curves = params.fraction_curves.model_copy(update={"few_shot": few})
    params = params.model_copy(update={"fraction_curves": curves})
    source, target = make_data("demo_source"), make_data("demo_german", speakers=4, seed=1)
    folder = protocol.train_final_source(source, params, 1)
    return SimpleNamespace(params=params, source=source, target=target, folder=folder, others=())


class Trained:
    """Whatever is trained, in order: models, SVMs, the majority class, temperatures."""

    def __init__(self, monkeypatch):
        self.kept = []
        for module, name in (
            (fit, "finetune"),
            (fit, "pretrain"),
            (baselines, "linear_svm"),
            (baselines, "fit_predict"),
            (calibration, "fit_temperature"),
        ):
            self._keep(monkeypatch, module, name)

    def _keep(self, monkeypatch, module, name):
        original = getattr(module, name)

        def kept_too(*arguments, **more):
            result = original(*arguments, **more)
            self.kept.append((name, arguments, result))
            return result

        monkeypatch.setattr(module, name, kept_too)

    def take(self):
        """All that was learnt since the last call, by name."""
        learnt = {}
        for number, (name, arguments, result) in enumerate(self.kept):
            learnt |= {f"{name} {number}, {k}": v for k, v in _learnt(name, arguments, result)}
        self.kept.clear()
        assert learnt, "nothing was trained"
        return learnt


def _learnt(name, arguments, result):
    if name == "linear_svm":
        fill, scale, svm = result
        yield from {
            "fill": fill.statistics_, "mean": scale.mean_, "scale": scale.scale_,
            "support": svm.support_, "weights": svm.dual_coef_, "intercept": svm.intercept_,
        }.items()  # fmt: skip
    elif name == "fit_predict":
        # Only this one predicts the same class whatever the test rows are.
        yield from [("majority", result)] if arguments[0] == names.MAJORITY else []
    elif name == "fit_temperature":
        yield "temperature", result
    else:
        net, history = result if name == "pretrain" else (result, None)
        yield from ((key, value.numpy()) for key, value in net.state_dict().items())
        yield from vars(history).items() if history else []


@pytest.fixture
def trained(monkeypatch, study):
    return Trained(monkeypatch)


def changed(one, other):
    """Names of what differs."""
    assert one.keys() == other.keys()
    return [name for name in one if not np.array_equal(one[name], other[name])]


class Handed(Exception):
    """The jobs that an experiment hands to the runner."""


def jobs_of(experiment, *arguments, wanted=None, **more):
    """Function and calls of an experiment's jobs, the first or those wanted; none is run."""

    def stop(function, calls, *_, **__):
        if wanted not in (None, function):
            return [{"predicted": {}} for _ in calls]
        raise Handed(function, calls if isinstance(calls, list) else [calls])

    def train(function, *rest, **others):
        return (models if function is fit.pretrain_all else stop)(function, *rest, **others)

    models = runner.models
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "run", stop)
        patch.setattr(runner, "models", train)
        with pytest.raises(Handed) as handed:
            experiment(*arguments, **more)
    return handed.value.args


@dataclass
class Case:
    """A job, the corpus that some rows of are wrecked, and these rows by the part they are in."""

    job: Callable
    call: dict
    data: Data
    rows: dict

    def run(self, data=None, **changes):
        """The job's result, with another corpus in place of its own."""
        call = {key: data if value is self.data and data is not None else value
                for key, value in self.call.items()}  # fmt: skip
        return self.job(**call | changes)


def case_of(jobs, number, data, rows=None):
    """A job of several with the split that it is given."""
    function, calls = jobs
    call = dict(calls[number])
    for key, value in call.items():
        if isinstance(value, list) and isinstance(value[0], splits.Split):
            call[key] = value[1:2]  # one fold of those that a job goes through
            rows = vars(value[1])
        elif isinstance(value, splits.Split) and rows is None:
            rows = vars(value)
    return Case(function, call, data, rows)


def pretraining(study):
    return case_of(jobs_of(protocol.pretrain_source, study.source, study.params), 1, study.source)


def variant(study):
    one = variants.Variant("one", variants.changed(study.params, stage1="concat"), (1, 9))
    source = study.source
    jobs = jobs_of(variants.cross_validate, {"study": source}, [one], study.params, label="t")
    return case_of(jobs, 1, source)


def cells(study, job=protocol._finetune_job, **wanted):
    """Jobs of `04_finetune` with some settings."""
    given = (study.source, study.target, study.params, study.others)
    _, calls = jobs_of(protocol.finetune_target, *given, wanted=job)
    return job, [call for call in calls if wanted.items() <= call.items()]


def unseen_speakers(study, job=protocol._finetune_job):
    jobs = cells(study, job, protocol="speaker_independent", fraction=0.5)
    fold = protocol.target_folds(study.target, study.params)[1]
    drawn = protocol.draw(study.target, fold, 1, 0.5, study.params)
    return case_of(jobs, 1, study.target, vars(drawn))


def averaged(study, scaling="training"):
    plus = study.params.plus.model_copy(update={"scaling": scaling})
    study.params = study.params.model_copy(update={"plus": plus})
    return unseen_speakers(study, protocol._plus_job)


def shared_speakers(study):
    case, drawn = case_of(cells(study, protocol="paper"), 0, study.target), []
    with pytest.MonkeyPatch.context() as patch:
        draw = splits.paper_split
        patch.setattr(splits, "paper_split", lambda *a: drawn.append(draw(*a)) or drawn[-1])
        case.run()
    return replace(case, rows=vars(drawn[0]))


def no_target_data(study):
    rows = {"test": np.arange(len(study.target.rows))}
    return case_of(cells(study, fraction=0.0), 0, study.target, rows)


def few_shots(study):
    return jobs_of(few_shot.run, study.source, {"demo_german": study.target}, study.params)


def one_speaker(study):
    return case_of(few_shots(study), 2, study.target)


def many_speakers(study):
    return case_of(few_shots(study), 3, study.target)


def strategies(study):
    targets = {"demo_german": study.target}
    return case_of(jobs_of(tuning.compare, study.source, targets, study.params), 1, study.target)


def diagnostics(study):
    jobs = jobs_of(diagnosis.diagnose_target, study.source, study.target, study.params)
    return case_of(jobs, -1, study.target)


def control(study):
    jobs = jobs_of(transfer.predict, study.source, {"demo_german": study.target}, study.params)
    jobs = jobs[0], [call for call in jobs[1] if call["fraction"]]
    return case_of(jobs, 1, study.target)


def pair_of_corpora(study):
    job, calls = jobs_of(
        matrix.predict, {"demo_source": study.source, "demo_german": study.target}, study.params
    )
    of_target = [call for call in calls if call["fraction"] and call["data"] is study.target]
    fold = protocol.target_folds(study.target, study.params)[1]
    drawn = protocol.draw(study.target, fold, 1, 0.5, study.params)
    return case_of((job, of_target), 1, study.target, vars(drawn))


def every_utterance(study):
    jobs = jobs_of(protocol.train_final_target, study.source, study.target, study.params)
    return case_of(jobs, 0, study.target, {"train": np.arange(len(study.target.rows))})


ON_TARGETS = [unseen_speakers, averaged, shared_speakers, one_speaker, many_speakers, strategies,
              diagnostics, control, pair_of_corpora]  # fmt: skip
CASES = [pretraining, variant, *ON_TARGETS]
named = {"ids": lambda value: getattr(value, "__name__", value)}


def compare(case, trained, part, *, every=1, **more):
    """Names of what differs once rows of a part are wrecked, all names, and both results."""
    trained.kept.clear()
    first = case.run()
    learnt = trained.take()
    second = case.run(wreck(case.data, case.rows[part][::every], **more))
    return changed(learnt, trained.take()), list(learnt), first, second


@pytest.mark.parametrize("make", [*CASES, no_target_data], **named)
def test_test_rows_change_nothing_that_is_trained(make, study, trained):
    case = make(study)
    # The draw of the paper's protocol is stratified by the labels of all rows.
    differs, _, *results = compare(case, trained, "test", relabel=make is not shared_speakers)
    assert differs == []
    assert results[0] != results[1], "the test rows are those that were wrecked"
    if make is strategies:
        assert results[0]["validation"] == results[1]["validation"], "they choose nothing"


def test_labels_of_test_rows_change_nothing_where_their_features_are_scaled_by(study, trained):
    case = averaged(study, "target")
    differs, everything, *results = compare(case, trained, "test", noise=False)
    assert differs == [] and results[0]["predicted"] == results[1]["predicted"]
    differs, *_ = compare(case, trained, "test")
    scales = {name.split(", ")[1] for name in everything if "scale_" in name}
    assert scales <= {name.split(", ")[1] for name in differs}, "their features count"


def test_labels_of_test_rows_change_nothing_where_other_corpora_train_too(
    study, trained, make_data
):
    study.others = [make_data("demo_mandarin", speakers=3, seed=2)]
    plus = study.params.plus.model_copy(update={"sources": "others", "strategy": "joint"})
    study.params = study.params.model_copy(update={"plus": plus})
    case = averaged(study, "target")
    case.data = case.call["data"]  # the target, scaled
    assert case.data.corpus not in case.call["source"].corpus.split(" + ")
    for part in ("test", "train"):
        differs, _, *results = compare(case, trained, part, relabel=part == "test", noise=False)
        same = results[0]["predicted"] == results[1]["predicted"]
        assert (differs == []) == same == (part == "test")
        assert set(results[0]["predicted"]) == {names.PLUS, names.PROBES}


@pytest.mark.parametrize("make", CASES, **named)
def test_training_rows_change_all_that_is_trained(make, study, trained):
    """The test above could fail: everything is compared, and rows are really wrecked."""
    differs, everything, *_ = compare(make(study), trained, "train", every=2, relabel=False)
    # The majority may be another class or not.
    kinds = {name.split(",")[0] for name in everything if not name.startswith("fit_predict")}
    assert kinds and kinds <= {name.split(",")[0] for name in differs}


@pytest.mark.parametrize("make", [strategies, diagnostics], **named)
def test_validation_rows_of_a_target_change_no_model(make, study, trained):
    """They choose a strategy, or fit a temperature, afterwards."""
    differs, _, *results = compare(make(study), trained, "validation")
    assert [name for name in differs if "temperature" not in name] == []
    assert results[0] != results[1]


@pytest.mark.parametrize("make", [pretraining, variant], **named)
def test_validation_rows_of_the_source_choose_an_epoch_and_do_nothing_else(make, study, trained):
    differs, *_ = compare(make(study), trained, "validation")
    kinds = {name.split(", ")[1] for name in differs}
    assert "validation_uar" in kinds and "loss" not in kinds
    assert not [name for name in differs if "scale_" in name or "svm" in name]


def test_rows_that_are_not_drawn_play_no_part(study, trained):
    """Utterances of training speakers that a small fraction leaves out are as unseen as others."""
    case = unseen_speakers(study)
    left = np.setdiff1d(np.arange(len(study.target.rows)), case.rows["train"])
    assert set(left) > set(case.rows["test"])
    case.rows = {"left out": left}
    differs, *_ = compare(case, trained, "left out", relabel=False)
    assert differs == []


def test_probes_of_layers_do_not_depend_on_the_groups_left_out(make_data, rng):
    """Of each group left out one row stays as it is, and is predicted as before."""
    data = make_data()
    groups = [group.test for group in splits.speaker_folds(data.rows, 3)]
    pooled = rng.normal(0, 1, (len(data.rows), 3, 2, 6)).astype(np.float32)
    pooled += data.classes[:, None, None, None] * rng.normal(0, 0.5, (3, 2, 6)).astype(np.float32)
    for out in (groups[:1], groups[:2]):
        spoilt, classes = pooled.copy(), data.classes.copy()
        others = np.concatenate([rows[1:] for rows in out])
        spoilt[others], classes[others] = 1e6, 3
        one = probes._probe_job(pooled, data.classes, out)
        other = probes._probe_job(spoilt, classes, out)
        assert len(one) == len(out)
        for before, after in zip(one, other):
            assert np.array(before)[:, 0].tolist() == np.array(after)[:, 0].tolist()


def test_layers_are_chosen_for_a_group_without_its_rows(data, params):
    """Wrecked in features and labels, a group still gets the same pair of layers."""
    corpus = data["all"]
    before = probes.run(corpus, params, label="t")
    rows = before.groups[0].test
    pooled = corpus.features.pooled.copy()
    pooled[rows] *= -1e6
    streams = {**corpus.features.streams, "pooled": pooled}
    following = dict(zip(corpus.labels, np.roll(corpus.labels, 1)))
    manifest = corpus.rows.copy()
    manifest.loc[manifest.index[rows], "emotion"] = manifest["emotion"].iloc[rows].map(following)
    features = replace(corpus.features, streams=streams, fingerprint="wrecked")
    wrecked = Data(manifest, features, corpus.labels)
    after = probes.run(wrecked, params, label="t")
    assert not np.array_equal(before.tested, after.tested)
    for other in range(1, len(before.groups)):
        np.testing.assert_array_equal(before.inner[0, other], after.inner[0, other])
    pairs = [found.best_on_training(one.classes)[0]
             for found, one in ((before, corpus), (after, wrecked))]  # fmt: skip
    assert pairs[0] == pairs[1]


@pytest.mark.parametrize(("make", "module", "draw", "part"), [
    (unseen_speakers, splits, "stratified_draw", "test"), (one_speaker, few_shot, "draw", "test"),
    (many_speakers, few_shot, "draw", "test"), (strategies, splits, "stratified_draw", "test"),
    (strategies, splits, "stratified_draw", "validation"),
], **named)  # fmt: skip
def test_a_draw_of_a_row_that_does_not_train_is_refused(
    make, module, draw, part, study, monkeypatch
):
    case = make(study)
    drawn = np.r_[case.rows["train"][:8], case.rows[part][:1]]
    monkeypatch.setattr(module, draw, lambda *arguments, **more: drawn)
    with pytest.raises(LeakageError, match=rf"is in training and in {part} of fold"):
        case.run()


@pytest.mark.parametrize("make", [control, diagnostics], **named)
def test_a_draw_before_the_job_is_refused_too(make, study, monkeypatch):
    rows = np.arange(len(study.target.rows))
    monkeypatch.setattr(splits, "stratified_draw", lambda *arguments: rows)
    with pytest.raises(LeakageError, match="is in training and in test of fold"):
        make(study)


@pytest.mark.parametrize("make", [pretraining, variant], **named)
def test_a_fold_with_a_test_row_among_the_training_rows_is_refused(make, study):
    case = make(study)
    fold = case.call["fold"]
    mixed = replace(fold, train=np.r_[fold.train, fold.test[:1]])
    with pytest.raises(LeakageError, match="is in training and in test of fold"):
        case.run(fold=mixed)


@pytest.mark.parametrize("make", [*ON_TARGETS, every_utterance], **named)
def test_fine_tuning_starts_from_the_source_model_and_scratch_does_not(make, study, monkeypatch):
    """With a learning rate of 0 the weights stay what they were at the start."""
    rates = study.params.finetune.learning_rate.model_copy(
        update={"pretrained": 0.0, "scratch": 0.0}
    )
    settings = study.params.finetune.model_copy(update={"learning_rate": rates})
    study.params = study.params.model_copy(update={"finetune": settings})
    case = make(study)
    folders = case.call.get("folders") or [case.call.get("folder", study.folder)]
    source, tuned = [model.load(folder) for folder in folders], []
    finetune, pretrain = fit.finetune, fit.pretrain

    def spy(*arguments, start, **more):
        tuned.append((start, finetune(*arguments, start=start, **more)))
        return tuned[-1][1]

    def spy_on_source(*arguments, **more):
        source[0], history = pretrain(*arguments, **more)
        return source[0], history

    monkeypatch.setattr(fit, "finetune", spy)
    monkeypatch.setattr(fit, "pretrain", spy_on_source)
    case.run()
    assert {"pretrained"} <= {start for start, _ in tuned} <= {"pretrained", "scratch"}
    owners = iter(source)
    for start, net in tuned:
        # An ensemble starts from one source model each; other jobs fine-tune one again and again.
        started = next(owners, source[0]) if start == "pretrained" else source[0]
        own = dict(started.named_parameters())
        same = [torch.equal(weight, own[name]) for name, weight in net.named_parameters()]
        assert all(same) if start == "pretrained" else not all(same), start


@pytest.mark.parametrize("make", [*ON_TARGETS, every_utterance], **named)
def test_joint_fine_tuning_gets_the_source_everywhere(make, study, monkeypatch):
    settings = study.params.finetune.model_copy(update={"strategy": "joint"})
    study.params = study.params.model_copy(update={"finetune": settings})
    case, batches, batch = make(study), [], Data.batch
    monkeypatch.setattr(fit, "pretrain_all", lambda *arguments, **more: model.load(study.folder))
    monkeypatch.setattr(Data, "batch", lambda self, rows, *, crop_s=None, **more: (
        batches.append((self.corpus, crop_s is not None)),
        batch(self, rows, crop_s=crop_s, **more))[1])  # fmt: skip
    case.run()
    # Batches that train are cropped.
    assert ("demo_source", True) in batches and ("demo_german", True) in batches
