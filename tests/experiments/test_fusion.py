"""Fusion: variants are what they say, and all are tested on the same rows of unseen speakers."""

from torch import nn

from hump import plots
from hump.experiments import FURTHER, PRIMARY, cost, fusion, variants
from hump.report import answers
from hump.training import fit


def test_matched_concatenation_has_as_many_weights_and_no_attention(data, params):
    systems = fusion.systems(data["study"], params)
    costs = cost.measure(data["study"], systems, params)
    assert fusion.tolerance(costs) < 0.05
    built = {v.system: fit.build(data["study"], params.model_copy(update={"model": v.model}),
                                      seed=0) for v in systems}  # fmt: skip
    for name, net in built.items():
        attends = sum(isinstance(part, nn.MultiheadAttention) for part in net.modules())
        expected = {fusion.FULL: 4, fusion.MATCHED: 0, "concatenation, both stages": 0,
                    "encoder alone": 0, "MFCC alone": 0, "prosody alone": 0,
                    "one prosody token": 4}.get(name, 2)  # fmt: skip
        assert attends == expected, name
    assert (costs.set_index("system")["parameters"].drop(fusion.MATCHED)
            <= cost.parameters(built[fusion.FULL])).all()  # fmt: skip


def test_fusion_trains_every_variant_on_the_same_rows_of_unseen_speakers(data, params):
    systems = fusion.systems(data["study"], params)[:5]
    run = variants.cross_validate(data, systems, params, label="t")
    names = {v.system for v in systems} | set(variants.ABLATED.values())
    assert set(run.predictions["system"]) == names
    for _, part in run.predictions.groupby("system"):
        assert sorted(part["utterance_id"]) == sorted(data["study"].rows["utterance_id"])
    for frame in (run.predictions, run.validation):
        for fold, part in frame.groupby("fold"):
            left_out, speakers = set(fold.split("+")), set(part["speaker"])
            assert (speakers <= left_out) == (frame is run.predictions)
    costs = cost.measure(data["study"], systems, params)
    table = fusion.summarise(run.predictions, costs, data["study"].labels, params)
    spoilt = table.set_index("system").loc["MFCC zeroed at test"]
    assert spoilt["parameters"] == table.set_index("system").loc[fusion.FULL, "parameters"]
    compared = fusion.compare(run.predictions, params)
    assert set(compared["b"]) == names - {fusion.FULL} and set(compared["a"]) == {fusion.FULL}
    sizes = compared.groupby("question")["family"].agg(["min", "max", "size"])
    assert sizes.loc[PRIMARY].tolist() == [2, 2, 2] and sizes.loc[FURTHER, "max"] == len(names) - 3
    text = answers.about_fusion(table, compared, params)
    assert text.count("cannot be decided with 5 speakers") and "(80 utterances, 5 speakers)" in text
    figure = plots.differences(compared, 0.05)
    assert len(figure.axes[0].get_yticklabels()) == len(compared)
    (axis,) = plots.cost(table).axes
    cheapest = costs.sort_values("multiply_adds").iloc[0]
    assert axis.get_yticklabels()[0].get_text() == cheapest["system"]
    assert axis.texts[0].get_text().endswith(f" M, {cheapest['parameters'] / 1e3:,.0f}k")
    assert cost.seconds(data["study"], systems[:1], params, rounds=1)["utterance_s"].gt(0).all()
