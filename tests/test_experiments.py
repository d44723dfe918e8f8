"""Experiments on the model: variants are what they say, choices look at no test speaker."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from hump import baselines, diagnostics, evaluation, plots, seeds, splits, training
from hump.data import Data
from hump.errors import FeatureError
from hump.experiments import (
    FURTHER,
    PRIMARY,
    answers,
    architecture,
    cost,
    fusion,
    layers,
    probes,
    runs,
    variants,
)
from hump.features import Features, Ragged

LAYERS = 4


@pytest.fixture
def data(make_data):
    """The made-up corpus as stored features of layers 1 and 9, and of all five layers."""
    made = make_data()
    own, rows = made.features, made.rows

    def stored(layers, seed):
        rng = np.random.default_rng(seed)
        hubert = [h[:, np.arange(len(layers)) % 2] + rng.normal(0, 0.1, (len(h), len(layers), 6))
                  for h in own.hubert]  # fmt: skip
        hubert = [h.astype(np.float32) for h in hubert]
        return Features(
            utterance_ids=own.utterance_ids, corpus="demo_source", prosody=own.prosody,
            hubert=Ragged(np.concatenate(hubert), [len(h) for h in hubert]),
            mfcc=Ragged(np.concatenate(own.mfcc), [len(m) for m in own.mfcc]),
            egemaps=own.egemaps, encoder="made-up encoder", trained=True, layers=layers,
            pooled=np.stack([np.stack([h.mean(0), h.std(0)], axis=1) for h in hubert]),
            fingerprint=f"stored-{seed}-{layers}",
        )  # fmt: skip

    sizes = {"study": ((1, 9), 0), "all": (tuple(range(LAYERS)), 1),
             "untrained": (tuple(range(LAYERS)), 2)}  # fmt: skip
    return {name: Data(rows, stored(*size), made.labels) for name, size in sizes.items()}


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    monkeypatch.setenv("HUMP_WORKERS", "1")


@pytest.mark.parametrize(("row", "expected"), [
    ((0.1, 0.01, 0.001), "better"), ((-0.1, 0.01, 0.001), "worse"),
    ((0.1, 0.3, 0.001), "not decided"), ((0.1, 0.3, 0.02), "cannot be decided with 8 speakers"),
])  # fmt: skip
def test_verdict_says_when_so_few_speakers_could_not_tell(params, row, expected):
    line = pd.Series(dict(zip(("difference", "p_holm", "p_least"), row)) | {"speakers": 8})
    assert evaluation.verdict(line, 5, params.evaluation) == expected


def of_layers(params, chosen):
    return params.model_copy(
        update={"features": params.features.model_copy(update={"layers": chosen})}
    )


def test_layers_are_selected_without_a_copy(data):
    some = data["all"].of_layers((3, 0))
    whole = data["all"].features.hubert[5]
    np.testing.assert_array_equal(some.features.hubert[5], whole[:, [3, 0]])
    assert some.features.layers == (3, 0)
    assert some.features.fingerprint != data["all"].features.fingerprint
    assert data["all"].of_layers(range(LAYERS)) is data["all"]
    with pytest.raises(FeatureError, match=r"layers=\[1, 9\]: these features are of layers \[0, 1"):
        data["all"].of_layers((1, 9))


def test_shuffling_exchanges_a_stream_among_the_rows_named(data):
    rows = np.arange(8, 20)
    for stream in ("mfcc", "prosody"):
        mixed = data["study"].shuffled(stream, rows, np.random.default_rng(0))
        before = [getattr(data["study"].features, stream)[i] for i in range(80)]
        after = [getattr(mixed.features, stream)[i] for i in range(80)]
        same = [a.shape == b.shape and np.array_equal(a, b, equal_nan=True)
                for a, b in zip(before, after)]  # fmt: skip
        assert [i for i, kept in enumerate(same) if not kept] == rows.tolist()
        assert sorted(np.nansum(a) for a in after) == pytest.approx(
            sorted(np.nansum(a) for a in before)
        )
    assert mixed.features.mfcc is data["study"].features.mfcc


def test_an_averaged_stream_is_zero_to_the_model(data, params):
    net = training.build(data["study"], params, seed=0)
    training.fit_scaling(net, data["study"], range(40))
    dull = data["study"].averaged("mfcc", net.scale_mfcc.mean.numpy())
    dull = dull.averaged("prosody", net.scale_prosody.mean.numpy())
    batch = dull.batch([3])
    assert batch.mfcc.shape == data["study"].batch([3]).mfcc.shape
    torch.testing.assert_close(net.scale_mfcc(batch.mfcc), torch.zeros_like(batch.mfcc))
    torch.testing.assert_close(net.scale_prosody(batch.prosody), torch.zeros(1, 103))


def test_what_a_linear_layer_and_a_convolution_cost(data, params):
    net = training.build(data["study"], params, seed=0)
    mac = cost.multiply_adds(net, seconds=1.0)

    config = net.config
    steps, frames, d = (50 - 10) // 4 + 1, 50, config.width
    lstm = sum(2 * 4 * (d // 2) * (n + d // 2) * steps for n in (39, d))
    prosody = sum(n * d + d * d for n in config.families)
    front = frames * config.layers * config.hubert_width * d + steps * d * d * 10
    pool = steps * 100 * 39
    fed = 2 * d * config.feed_forward

    def block(queries, keys):
        return (2 * queries + 2 * keys) * d * d + 2 * queries * keys * d + queries * fed

    k = len(config.families)
    stages = block(k, steps) + block(steps, k) + block(steps, k + steps) + block(k + steps, steps)
    assert mac == front + lstm + pool + prosody + stages + 4 * d * d
    assert cost.parameters(net) == sum(w.numel() for w in net.parameters())


def test_matched_concatenation_has_as_many_weights_and_no_attention(data, params):
    systems = fusion.systems(data["study"], params)
    costs = cost.measure(data["study"], systems, params)
    assert fusion.tolerance(costs) < 0.05
    built = {v.system: training.build(data["study"], params.model_copy(update={"model": v.model}),
                                      seed=0) for v in systems}  # fmt: skip
    for name, net in built.items():
        attends = sum(isinstance(part, nn.MultiheadAttention) for part in net.modules())
        expected = {fusion.FULL: 4, fusion.MATCHED: 0, "concatenation, both stages": 0,
                    "HuBERT alone": 0, "MFCC alone": 0, "prosody alone": 0,
                    "one prosody token": 4}.get(name, 2)  # fmt: skip
        assert attends == expected, name
    assert (costs.set_index("system")["parameters"].drop(fusion.MATCHED)
            <= cost.parameters(built[fusion.FULL])).all()  # fmt: skip


def test_fusion_trains_every_variant_on_the_same_unheard_rows(data, params):
    systems = fusion.systems(data["study"], params)[:5]
    run = runs.train(data, systems, params, label="t")
    names = {v.system for v in systems} | set(runs.ABLATED.values())
    assert set(run.predictions["system"]) == names
    for _, part in run.predictions.groupby("system"):
        assert sorted(part["utterance_id"]) == sorted(data["study"].rows["utterance_id"])
    for frame in (run.predictions, run.validation):
        for fold, part in frame.groupby("fold"):
            heard = set(fold.split("+"))
            tested = set(part["speaker"])
            assert (tested <= heard) == (frame is run.predictions)
    assert run.epochs.keys() == {v.system for v in systems}
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
    assert {t.get_text() for t in plots.cost(table).legends[0].get_texts()} >= {
        f"1  concatenation, both stages ({costs['parameters'].min() / 1e3:,.0f}k weights)"
    }
    assert cost.seconds(data["study"], systems[:1], params, rounds=1)["utterance_s"].gt(0).all()


def test_attention_is_watched_over_the_epochs_and_changes_nothing(data, params):
    full = fusion.systems(data["study"], params)[:1]
    run = runs.train(data, full, params, label="t")
    seen = run.attention
    assert sorted(seen["epoch"].unique()) == list(range(params.experiments.epochs + 1))
    rows = data["study"].rows
    for _, part in seen.groupby(["epoch", *diagnostics.attention.HEAD]):
        assert sorted(part["position"]) == list(range(len(rows))), "each utterance in one test fold"
    assert (seen["speaker"] == rows["speaker"].to_numpy()[seen["position"]]).all()
    # Before training, from first principles: the weights are the fold's random ones.
    fold = runs._folds(rows, params)[0]
    purpose = (params.seed, "experiments", params.source, fold.name, 0)
    settings = variants.settings(variants.identity(full[0], data, params), params)
    net = training.build(data["study"], settings, seed=seeds.seed_of(*purpose, "weights"))
    training.fit_scaling(net, data["study"], fold.train)
    expected = diagnostics.measure(net, data["study"], fold.test)
    start = seen[(seen["epoch"] == 0) & seen["position"].isin(fold.test)]
    np.testing.assert_allclose(start["entropy"], expected["entropy"], atol=1e-6)
    # The same training without anybody watching.
    unwatched, _ = training.pretrain(data["study"], fold, settings, purpose=purpose)
    guess = training.predict(unwatched, data["study"], fold.test).argmax(1)
    own = run.predictions.query("system == @fusion.FULL and fold == @fold.name")
    own = own.set_index("utterance_id")["predicted"]
    ids = rows["utterance_id"].to_numpy()[fold.test]
    assert own[ids].tolist() == [data["study"].labels[k] for k in guess]
    table = diagnostics.summarise(seen, ["corpus", "epoch"], params.evaluation, seed=1)
    assert table["utterances"].eq(len(rows)).all() and table["speakers"].eq(5).all()
    sentence = diagnostics.about_attention(table, "epoch", "at the end of training")
    assert sentence.startswith("Attention at the end of training: of 8 heads")
    axes = plots.attention_entropy(table).axes
    assert axes[-1].get_xlabel() == "epochs of training (0: random weights)"


def test_a_shared_variant_is_trained_once_and_names_do_not_matter(data, params):
    one = variants.Variant("a", variants.reference(params), (1, 9))
    other = variants.Variant("b", params.model, (1, 9))
    first = runs.train(data, [one], params, label="t")
    jobs = set((params.cache / "jobs").iterdir())
    second = runs.train({"study": data["study"]}, [other], params, label="t")
    assert set((params.cache / "jobs").iterdir()) == jobs
    assert (first.predictions["predicted"] == second.predictions["predicted"]).all()


def test_pair_of_layers_equals_the_studys_probe(data):
    pooled, classes = data["all"].features.pooled, data["all"].classes
    train, test = np.arange(0, 48), np.arange(48, 80)
    own, other = probes.kernels(pooled, train, test)
    for a, b in probes.pairs(LAYERS):
        chosen = [a] if a == b else [a, b]
        values = pooled[:, chosen].reshape(len(pooled), -1)
        svm = baselines.linear_svm(values.shape[1]).fit(values[train], classes[train])
        guess = probes.fit_predict(own, other, (a, b), classes[train])
        assert guess.tolist() == svm.predict(values[test]).tolist(), (a, b)


def test_choice_of_layers_is_nested(data, params):
    """What is chosen for a group, from first principles, by the study's own probe."""
    corpus = data["all"]
    found = probes.run(corpus, params, label="t")
    groups = splits.speaker_folds(corpus.rows, params.experiments.layers.probe_folds)
    assert [g.name for g in found.groups] == [g.name for g in groups]
    pooled, classes = corpus.features.pooled, corpus.classes

    def probe(pair, train, test):
        values = pooled[:, sorted(set(pair))].reshape(len(pooled), -1)
        svm = baselines.linear_svm(values.shape[1]).fit(values[train], classes[train])
        return svm.predict(values[test])

    for held, best in zip(range(len(groups)), found.best_on_training(classes)):
        scores = []
        for pair in found.pairs:
            truth, guess = [], []
            for k in (k for k in range(len(groups)) if k != held):
                out = np.r_[groups[held].test, groups[k].test]
                train = np.setdiff1d(np.arange(len(classes)), out)
                truth.append(classes[groups[k].test])
                guess.append(probe(pair, train, groups[k].test))
            scores.append(evaluation.uar(np.concatenate(truth), np.concatenate(guess)))
        assert best == int(np.argmax(scores))
        test = groups[held].test
        wanted = probe(found.pairs[best], groups[held].train, test)
        assert found.nested(classes)[test].tolist() == wanted.tolist()


def test_a_groups_own_rows_do_not_choose_its_layers(data, params):
    corpus = data["all"]
    before = probes.run(corpus, params, label="t")
    wrecked = corpus.classes.copy()
    group = before.groups[0].test
    wrecked[group] = 0
    assert before.best_on_training(wrecked)[0] == before.best_on_training(corpus.classes)[0]


def test_layers_are_those_of_the_encoder(data, params):
    params = of_layers(params, (1, 3))
    data["study"] = data["all"].of_layers((1, 3))
    systems = layers.systems(data, params)
    names = ["layers 1 + 3", "layer 1", "layer 3", "last layer", layers.ALL, layers.SUM]
    assert [v.system for v in systems] == names + [name + layers.CONTROL for name in names]
    assert {v.system: v.layers for v in systems}["last layer"] == (LAYERS - 1,)
    assert systems[0].data == "study" and systems[1].data == "all"
    run = runs.train(data, systems[:1] + systems[4:8], params, label="t")
    found = layers.probe(data, params)
    predicted = pd.concat([
        run.predictions[~run.predictions["system"].isin(runs.ABLATED.values())].assign(
            model=layers.MODEL
        ),
        layers.probed(found, data, params).assign(model=layers.PROBE),
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
    cells = layers.layer_pairs(found, data, params)
    assert len(cells) == 2 * LAYERS * (LAYERS + 1) // 2
    assert cells.groupby("encoder")["chosen_by"].sum().tolist() == [2 * 3], "a vote a fold"
    assert cells["best_on_test"].sum() == 2
    first = cells.iloc[: len(cells) // 2]
    assert first.loc[first["best_on_test"], "uar"].item() == first["uar"].max()
    text = answers.about_layers(
        table.reset_index(), compared, first.assign(encoder="one"), params
    )
    assert "HuMP-CAT on layers 1 + 3" in text and "of 3 folds" in text


def test_architectures_differ_in_one_factor(data, params):
    systems = architecture.systems(params)
    names = [v.system for v in systems]
    assert names == ["the study's model", "heads 1", "width 8", "depth 2", "scale 30", "margin 0",
                     "plain softmax"]  # fmt: skip
    own = params.model.model_dump()
    for variant in systems:
        differs = {k for k, v in variant.model.model_dump().items() if v != own[k]}
        one = [{"width", "feed_forward"}, *({factor} for factor in architecture.FACTORS)]
        assert differs in ([set()] if variant.system == names[0] else one)


def test_architecture_is_chosen_on_validation_speakers(data, params):
    systems = architecture.systems(params)[:4]
    run = runs.train(data, architecture.systems(params), params, label="t")
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
    assert table["system"].tolist() == [v.system for v in architecture.systems(params)]
    assert table.loc[table["chosen"], "system"].tolist() == [chosen]
    two = [systems[0], systems[1]]
    target = {"demo_german": data["study"]}
    rows = runs.finetune(data["study"], target, two, run.epochs, params, label="t")
    shown = architecture.targets(rows.assign(corpus="demo_german"), params)
    assert shown["system"].tolist() == ["heads 1", "the study's model"]
    assert shown["difference"].notna().tolist() == [True, False]
    for best in ("heads 1", "the study's model"):
        text = answers.about_architecture(
            table.assign(chosen=table["system"] == best), shown, params
        )
        assert f"choose **{best}**" in text
        assert ("none to carry over" in text) == (best != "heads 1")
