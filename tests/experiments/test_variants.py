"""Variants: watched without a change, trained once, and as long as the median fold says."""

from dataclasses import replace

import numpy as np

from hump import plots
from hump.corpora import splits
from hump.experiments import attention, fusion, protocol, variants
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


def test_the_source_is_trained_for_the_median_of_the_epochs_chosen(data, params, monkeypatch):
    pretrain, chosen = fit.pretrain, iter([1, 9, 2, 9, 2])

    def choosing(*arguments, **more):
        net, history = pretrain(*arguments, **more)
        return net, replace(history, best_epoch=next(chosen))

    monkeypatch.setattr(fit, "pretrain", choosing)
    assert protocol.pretrain_source(data["study"], params).epochs == 2
    assert next(chosen, None) is None, "every fold has chosen"
