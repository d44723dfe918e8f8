"""Variants: watched without a change, trained once, and as long as the median fold says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hump import plots
from hump.corpora import splits
from hump.experiments import architecture, attention, fusion, protocol, variants
from hump.report import answers
from hump.training import fit
from hump.util import seeds


def test_attention_is_watched_over_the_epochs_and_changes_nothing(data, params):
    full = fusion.systems(data["study"], params)[:1]
    run = variants.cross_validate(data, full, params, label="t")
    seen = run.attention
    assert sorted(seen["epoch"].unique()) == list(range(params.experiments.epochs + 1))
    rows = data["study"].rows
    for _, part in seen.groupby(["epoch", *attention.HEAD]):
        assert sorted(part["position"]) == list(range(len(rows))), "each utterance in one test fold"
    assert (seen["speaker"] == rows["speaker"].to_numpy()[seen["position"]]).all()
    # Before training, from first principles: the weights are the fold's random ones.
    fold = splits.source_folds(rows, params.experiments.folds)[0]
    rng_key = (params.seed, "experiments", params.source, fold.name, 0)
    short = params.pretrain.model_copy(update={"epochs": params.experiments.epochs})
    settings = params.model_copy(update={"model": full[0].model, "pretrain": short})
    net = fit.build(data["study"], settings, seed=seeds.seed_of(*rng_key, "weights"))
    fit.fit_scaling(net, data["study"], fold.train)
    expected = attention.measure(net, data["study"], fold.test)
    start = seen[(seen["epoch"] == 0) & seen["position"].isin(fold.test)]
    np.testing.assert_allclose(start["entropy"], expected["entropy"], atol=1e-6)
    # The same training without anybody watching.
    unwatched, _ = fit.pretrain(data["study"], fold, settings, rng_key=rng_key)
    guess = fit.predict(unwatched, data["study"], fold.test).argmax(1)
    own = run.predictions.query("system == @fusion.FULL and fold == @fold.name")
    own = own.set_index("utterance_id")["predicted"]
    ids = rows["utterance_id"].to_numpy()[fold.test]
    assert own[ids].tolist() == [data["study"].labels[k] for k in guess]
    table = attention.summarise(seen, ["corpus", "epoch"], params.evaluation, seed=1)
    assert table["utterances"].eq(len(rows)).all() and table["speakers"].eq(5).all()
    sentence = answers.about_attention(table, "epoch", "at the end of training")
    assert sentence.startswith("Attention at the end of training: of 8 heads")
    axes = plots.attention_entropy(table).axes
    assert axes[-1].get_xlabel() == "epochs of training (0: random weights)"


def test_a_shared_variant_is_trained_once_and_names_do_not_matter(data, params):
    one = variants.Variant("a", variants.reference(params), (1, 9))
    other = variants.Variant("b", params.model, (1, 9))
    first = variants.cross_validate(data, [one], params, label="t")
    jobs = set((params.cache / "jobs").iterdir())
    second = variants.cross_validate({"study": data["study"]}, [other], params, label="t")
    assert set((params.cache / "jobs").iterdir()) == jobs
    assert (first.predictions["predicted"] == second.predictions["predicted"]).all()


@pytest.mark.parametrize("experiment", ["pretraining", "variants"])
def test_the_source_is_trained_for_the_median_of_the_epochs_chosen(
    experiment, data, params, monkeypatch
):
    pretrain, chosen = fit.pretrain, iter([1, 9, 2, 9, 2] if experiment == "pretraining" else
                                          [1, 9, 2])  # fmt: skip

    def choosing(*arguments, **more):
        net, history = pretrain(*arguments, **more)
        return net, replace(history, best_epoch=next(chosen))

    monkeypatch.setattr(fit, "pretrain", choosing)
    if experiment == "pretraining":
        assert protocol.pretrain_source(data["study"], params).epochs == 2
    else:
        one = variants.Variant("one", variants.changed(params, stage1="concat"), (1, 9))
        run = variants.cross_validate(data, [one], params, label="t")
        assert run.epochs == {"one": 2}
    assert next(chosen, None) is None, "every fold has chosen"


def test_joint_fine_tuning_of_variants_is_trained_on_the_source_too(
    data, make_data, params, monkeypatch
):
    """From cross-validation to targets, as in 05 and 08, under ``finetune.strategy: joint``."""
    systems = architecture.systems(params)[:2]
    run = variants.cross_validate(data, systems, params, label="t")
    source, target = data["study"], make_data("demo_german", speakers=4, seed=1)
    finetune, weights = fit.finetune, []

    def spy(*arguments, **more):
        assert more["source"] is source
        net = finetune(*arguments, **more)
        weights.append(net.embed.weight.detach().clone())
        return net

    monkeypatch.setattr(fit, "finetune", spy)
    for strategy in ("joint", "all"):
        changed = params.finetune.model_copy(update={"strategy": strategy})
        rows = variants.finetune(
            source, {"demo_german": target}, systems, run.epochs,
            params.model_copy(update={"finetune": changed}), label="t",
        )  # fmt: skip
        assert set(rows["system"]) == {variant.system for variant in systems}
        for _, tested in rows.groupby("system"):
            assert sorted(tested["utterance_id"]) == sorted(target.rows["utterance_id"])
    assert len(weights) == 2 * 2 * 4, "strategies, systems, folds"
    assert not any(torch.equal(one, other) for one, other in zip(weights[:8], weights[8:]))
