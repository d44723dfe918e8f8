"""Architectures differ in one factor, and validation speakers choose among them."""

from dataclasses import replace

import pytest

from hump import evaluation
from hump.experiments import architecture, variants
from hump.params import names
from hump.report import answers


def test_architectures_differ_in_one_factor(data, params):
    systems = architecture.systems(params)
    found = [v.system for v in systems]
    assert found == ["the study's model", "heads 1", "width 8", "depth 2", "scale 30", "margin 0",
                     "plain softmax"]  # fmt: skip
    own = params.model.model_dump()
    for variant in systems:
        differs = {k for k, v in variant.model.model_dump().items() if v != own[k]}
        one = [{"width", "feed_forward"}, *({factor} for factor in architecture.FACTORS)]
        assert differs in ([set()] if variant.system == found[0] else one)


def test_architecture_is_chosen_on_validation_speakers(data, params):
    systems = architecture.systems(params)[:4]
    run = variants.cross_validate(data, architecture.systems(params), params, label="t")
    chosen = architecture.choose(run, params)
    best = {
        name: evaluation.summarise(part, ["system"], data["study"].labels, params.evaluation,
                                   seed=0)["uar"][0]
        for name, part in run.validation.groupby("system")
    }  # fmt: skip
    assert best[chosen] == pytest.approx(max(best.values()))
    wrecked = replace(run, predictions=run.predictions.assign(predicted="sad"))
    assert architecture.choose(wrecked, params) == chosen, "test rows play no part"
    even = replace(run, validation=run.validation.assign(predicted="sad"))
    assert architecture.choose(even, params) == architecture.DEFAULT
    table = architecture.summarise(run, data["study"], params)
    order = [v.system for v in architecture.systems(params)]
    assert table["system"].tolist() == [*order, names.CHOSEN]
    assert table.loc[table["chosen"], "system"].tolist() == [chosen]
    # What is shown for a choice is of test speakers, each chosen for by other speakers.
    assert table["chosen_by"].sum() == params.experiments.folds
    assert not [name for name in table if "validation" in name]
    uar = table.set_index("system")["uar"]
    width = run.validation["system"] == "width 8"
    forced = run.validation.assign(predicted=run.validation["emotion"].where(width, "none"))
    other = architecture.summarise(replace(run, validation=forced), data["study"], params)
    assert other["uar"].iloc[-1] == pytest.approx(uar["width 8"])
    two = [systems[0], systems[1]]
    target = {"demo_german": data["study"]}
    rows = variants.finetune(data["study"], target, two, run.epochs, params, label="t")
    shown = architecture.targets(rows.assign(corpus="demo_german"), params)
    assert shown["system"].tolist() == ["heads 1", "the study's model"]
    assert shown["difference"].notna().tolist() == [True, False]
    for best in ("heads 1", "the study's model"):
        text = answers.about_architecture(
            table.assign(chosen=table["system"] == best), shown, params
        )
        assert ("**heads 1** is best" in text) == (best == "heads 1")
        assert ("none to carry over" in text) == (best != "heads 1")
        assert f"models in each fold {uar[names.CHOSEN]:.3f} [" in text
