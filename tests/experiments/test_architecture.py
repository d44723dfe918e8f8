"""Architectures differ in one factor, and validation speakers choose among them."""

from dataclasses import replace

import pytest

from hump.experiments import architecture, variants
from hump.params import names
from hump.report import answers
from hump.util import text


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
    run = variants.cross_validate(data, architecture.systems(params), params, label="t")
    table = architecture.summarise(run, data["study"], params)
    order = [v.system for v in architecture.systems(params)]
    assert table["system"].tolist() == [*order, names.CHOSEN]
    # What is shown for a choice is of test speakers, each chosen for by other speakers.
    assert table["chosen_by"].sum() == params.experiments.folds
    assert not [name for name in table if "validation" in name]
    wrecked = replace(run, predictions=run.predictions.assign(predicted="sad"))
    chosen = architecture.summarise(wrecked, data["study"], params)["chosen_by"]
    assert chosen.tolist() == table["chosen_by"].tolist(), "test rows play no part"
    uar = table.set_index("system")["uar"]
    width = run.validation["system"] == "width 8"
    forced = run.validation.assign(predicted=run.validation["emotion"].where(width, "none"))
    other = architecture.summarise(replace(run, validation=forced), data["study"], params)
    assert other["uar"].iloc[-1] == pytest.approx(uar["width 8"])
    assert other.set_index("system").loc["width 8", ["chosen_by", "runs"]].tolist() == [3, 3]
    answer = answers.about_architecture(other, params)
    assert f"models in each fold {text.uar(other.iloc[-1])}: a difference" in answer
    assert "on its own validation speakers: width 8 in 3 of 3." in answer
