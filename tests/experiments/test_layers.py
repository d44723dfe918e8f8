"""Layers of the encoder: every choice is trained, probed, and compared."""

import pandas as pd

from hump.experiments import PRIMARY, layers, variants
from hump.report import answers

LAYERS = 4


def of_layers(params, chosen):
    return params.model_copy(
        update={"features": params.features.model_copy(update={"layers": chosen})}
    )


def test_layers_are_those_of_the_encoder(data, params):
    params = of_layers(params, (1, 3))
    data["study"] = data["all"].of_layers((1, 3))
    systems = layers.systems(data, params)
    names = ["layers 1 + 3", "layer 1", "layer 3", "last layer", layers.ALL, layers.SUM]
    assert [v.system for v in systems] == names + [name + layers.CONTROL for name in names]
    assert {v.system: v.layers for v in systems}["last layer"] == (LAYERS - 1,)
    assert systems[0].data == "study" and systems[1].data == "all"
    run = variants.cross_validate(data, systems[:1] + systems[4:8], params, label="t")
    probed = layers.probe(data, params)
    predicted = pd.concat([
        run.predictions[~run.predictions["system"].isin(variants.ABLATED.values())].assign(
            model=layers.MODEL
        ),
        layers.probed(probed, data, params).assign(model=layers.PROBE),
    ])  # fmt: skip
    table = layers.summarise(predicted, params).set_index(["model", "system"])
    assert table.loc[layers.PROBE].index.tolist() == sorted(
        name + suffix for suffix in ("", layers.CONTROL)
        for name in (*names[:4], layers.ON_TRAINING, layers.ON_TEST)
    )  # fmt: skip
    compared = layers.compare(predicted, params)
    tested = set(zip(compared["a"], compared["b"]))
    first = compared[compared["question"] == PRIMARY]
    assert first["comparison"].eq(layers.MODEL).all() and first["a"].eq("layers 1 + 3").all()
    assert set(first["b"]) == {layers.SUM, "layers 1 + 3" + layers.CONTROL}
    assert {("layers 1 + 3", "all layers"), (layers.ON_TEST, layers.ON_TRAINING),
            ("layer 1", "layer 1" + layers.CONTROL)} <= tested  # fmt: skip
    cells = layers.layer_pairs(probed, data, params)
    assert len(cells) == 2 * LAYERS * (LAYERS + 1) // 2
    assert cells.groupby("encoder")["chosen_by"].sum().tolist() == [2 * 3], "a vote a fold"
    assert cells["best_on_test"].sum() == 2
    first = cells.iloc[: len(cells) // 2]
    assert first.loc[first["best_on_test"], "uar"].item() == first["uar"].max()
    text = answers.about_layers(table.reset_index(), compared, first.assign(encoder="one"), params)
    assert "HuMP-CAT on layers 1 + 3" in text and "of 3 folds" in text
