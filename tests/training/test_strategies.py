"""Fine-tuning strategies: each keeps what it promises."""

import numpy as np
import pytest
import torch

from hump.training import fit, loop, strategies

UPDATES = 10


@pytest.fixture
def study(params):
    def with_strategy(name, **changes):
        changes = {"strategy": name, "updates": UPDATES, **changes}
        tune = params.finetune.model_copy(update=changes)
        return params.model_copy(update={"finetune": tune})

    return with_strategy


@pytest.fixture
def net(make_data, params):
    data = make_data()
    net = fit.build(data, params, seed=0)
    fit.fit_scaling(net, data, np.arange(80))
    return net


def moved(monkeypatch, net, data, params):
    """Which groups each update changes."""
    changed, step = [], torch.optim.AdamW.step
    watched = {}

    def watching(self, *arguments):
        groups = [[w.detach().clone() for w in group] for group in watched["groups"]]
        step(self, *arguments)
        changed.append(tuple(
            any(not torch.equal(a, b) for a, b in zip(before, after))
            for before, after in zip(groups, watched["groups"])
        ))  # fmt: skip

    class Watched(loop.Trainer):
        def __init__(self, model, *arguments, **names):
            super().__init__(model, *arguments, **names)
            watched["groups"] = strategies.groups(model)

    monkeypatch.setattr(torch.optim.AdamW, "step", watching)
    monkeypatch.setattr(fit, "Trainer", Watched)
    fit.finetune(net, data, np.arange(20), params, start="pretrained", rng_key=("x",))
    return changed


def test_groups_hold_each_weight_once_from_the_classifier_down(net):
    groups = strategies.groups(net)
    numbers = [id(weight) for group in groups for weight in group]
    assert sorted(numbers) == sorted(id(weight) for weight in net.parameters())
    assert {id(net.head.weight), id(net.embed.weight), id(net.embed.bias)} == set(numbers[:3])
    assert id(net.project.weight) in {id(weight) for weight in groups[-1]}


def test_fusion_without_weights_is_no_group(make_data, params):
    fusion = params.model.fusion.model_copy(update={"stage1": "concat"})
    model = params.model.model_copy(update={"fusion": fusion})
    net = fit.build(make_data(), params.model_copy(update={"model": model}), seed=0)
    assert len(strategies.groups(net)) == 3


def test_everything_moves_at_once(monkeypatch, make_data, net, study):
    assert moved(monkeypatch, net, make_data(), study("all")) == [(True,) * 4] * UPDATES


def test_head_first_then_everything(monkeypatch, make_data, net, study):
    share = study("all").finetune.head_first.share
    first = round(share * UPDATES)
    assert 0 < first < UPDATES
    expected = [(True, False, False, False)] * first + [(True,) * 4] * (UPDATES - first)
    assert moved(monkeypatch, net, make_data(), study("head_first")) == expected


def test_gradual_unfreezing_goes_down_a_group_at_a_time(monkeypatch, make_data, net, study):
    params = study("gradual")
    until = round(params.finetune.gradual.share * UPDATES)
    counts = [sum(update) for update in moved(monkeypatch, net, make_data(), params)]
    assert counts == [1 + k * 3 // until for k in range(until)] + [4] * (UPDATES - until)
    assert set(counts) == {1, 2, 3, 4}


def test_from_scratch_everything_moves_whatever_the_strategy(make_data, net, study):
    tuned = [
        fit.finetune(net, make_data(), np.arange(9), study(name), start="scratch",
                          rng_key=("x",)).state_dict()
        for name in ("all", "head_first", "l2sp", "joint")
    ]  # fmt: skip
    for name, value in tuned[0].items():
        assert all(torch.equal(value, other[name]) for other in tuned[1:]), name


def started(net, settings, data, strategy, **more):
    """A strategy as a trainer has started it."""
    one = strategies.STRATEGIES[strategy](settings, **more)
    loop.Trainer(net, data, np.arange(9), settings, 1e-3, ("x",), strategy=one, updates=UPDATES)
    return one


def test_pull_is_half_alpha_times_the_squared_distance(make_data, net, study):
    settings = study("l2sp").finetune
    l2sp = settings.l2sp.model_copy(update={"source": 0.3, "new": 0.2})
    pull = started(net, settings.model_copy(update={"l2sp": l2sp}), make_data(), "l2sp")
    assert pull.penalty(net).item() == 0
    with torch.no_grad():
        net.embed.bias += 2.0
        net.head.weight -= 1.0
    expected = 0.15 * (4 * net.embed.bias.numel() + net.head.weight.numel())
    assert pull.penalty(net).item() == pytest.approx(expected, rel=1e-4)


def test_a_new_classifier_is_pulled_to_nothing(make_data, net, study):
    settings = study("l2sp").finetune
    l2sp = settings.l2sp.model_copy(update={"source": 0.3, "new": 0.2})
    settings = settings.model_copy(update={"l2sp": l2sp})
    pull = started(net, settings, make_data(), "l2sp", new_head=True)
    expected = 0.1 * net.head.weight.square().sum().item()
    assert pull.penalty(net).item() == pytest.approx(expected, rel=1e-5)


def test_the_pull_takes_the_place_of_weight_decay(make_data, net, study):
    settings = study("l2sp", weight_decay=0.1).finetune
    decays = []
    for name in ("all", "l2sp"):
        one = strategies.STRATEGIES[name](settings)
        trainer = loop.Trainer(
            net, make_data(), np.arange(9), settings, 1e-3, ("x",), strategy=one, updates=UPDATES
        )
        decays.append(trainer.optimizer.param_groups[0]["weight_decay"])
    assert decays == [0.1, 0.0]


def test_the_learning_rate_falls_linearly_to_0(make_data, net, study, monkeypatch):
    rates, step = [], torch.optim.AdamW.step
    monkeypatch.setattr(
        torch.optim.AdamW,
        "step",
        lambda self, *a: (rates.append(self.param_groups[0]["lr"]), step(self, *a))[1],
    )
    params = study("all")
    fit.finetune(net, make_data(), np.arange(20), params, start="pretrained", rng_key=("x",))
    rate = params.finetune.learning_rate.pretrained
    np.testing.assert_allclose(rates, [rate * (UPDATES - k) / UPDATES for k in range(UPDATES)])


def test_a_stronger_pull_stays_nearer_to_the_source(make_data, net, study):
    data, distance = make_data("demo_german", seed=1), []
    pulls = study("l2sp").finetune.l2sp
    for alpha in (0.0, 1.0, 100.0):
        params = study("l2sp", l2sp=pulls.model_copy(update={"source": alpha}), updates=30)
        tuned = fit.finetune(net, data, np.arange(20), params, start="pretrained", rng_key=("x",))
        pairs = zip(net.parameters(), tuned.parameters())
        distance.append(sum((a - b).square().sum().item() for a, b in pairs))
    assert distance[0] > distance[1] > 2 * distance[2]


@pytest.mark.parametrize(("share", "batches"), [(0.5, [(16, 16)]), (0.25, [(20, 7)])])
def test_joint_batches_hold_the_share_of_source_rows(
    monkeypatch, make_data, net, study, share, batches
):
    joint = study("joint").finetune.joint.model_copy(update={"share": share})
    params = study("joint", joint=joint, batch_size=32)
    source, target = make_data(), make_data("demo_german", seed=1)
    taken, batch = [], type(source).batch
    monkeypatch.setattr(
        type(source), "batch",
        lambda self, rows, **more: (taken.append((self, len(rows))), batch(self, rows, **more))[1],
    )  # fmt: skip
    fit.finetune(net, target, np.arange(20), params, start="pretrained", rng_key=("x",),
                      source=source)  # fmt: skip
    assert [data is source for data, _ in taken] == [False, True] * UPDATES
    counts = [count for _, count in taken]
    pairs = list(zip(counts[::2], counts[1::2]))
    assert pairs[0] == batches[0]
    assert all(of_source == round(own * share / (1 - share)) for own, of_source in pairs)


def test_joint_goes_through_the_whole_source_before_a_row_returns(make_data, net, study):
    source = make_data()
    joint = started(net, study("joint").finetune, source, "joint", source=source)
    drawn = np.concatenate([joint.draw(16) for _ in range(5)])
    assert sorted(drawn) == list(range(80))


def test_joint_source_rows_keep_the_sources_scaling(make_data, net, study):
    """A changed target scaling must not change the loss of source rows."""
    data, losses, settings = make_data(), [], study("joint").finetune
    for shift in (0.0, 3.0):
        joint = strategies.Joint(settings, source=data)
        trainer = loop.Trainer(
            net, data, np.arange(9), settings, 1e-3, ("x",), strategy=joint, updates=UPDATES
        )
        net.scale_mfcc.mean += shift
        net.scale_hubert.deviation *= 1 + shift
        net.eval()
        losses.append(joint.loss(trainer, torch.zeros(()), *joint.more(trainer, 16)).item())
    assert losses[0] == losses[1]


def test_joint_without_the_source_is_refused(make_data, net, study):
    with pytest.raises(ValueError, match="strategy='joint': needs the source corpus.*pass source="):
        fit.finetune(
            net, make_data(), np.arange(9), study("joint"), start="pretrained", rng_key=("x",)
        )


def test_an_infinite_prior_is_the_sources_scaling(make_data, net):
    before = {name: value.clone() for name, value in net.named_buffers()}
    fit.fit_scaling(net, make_data("demo_german", seed=1), range(9), prior=float("inf"))
    for name, value in net.named_buffers():
        torch.testing.assert_close(value, before[name], rtol=1e-6, atol=0)
