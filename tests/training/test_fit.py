"""Training: it learns, looks at training rows alone, and repeats to the last bit."""

import copy

import numpy as np
import pytest
import torch

from hump import evaluation
from hump.corpora import splits
from hump.errors import TrainingError
from hump.training import fit, graph, loop
from hump.util import device


@pytest.fixture
def longer(params):
    more = params.pretrain.model_copy(update={"epochs": 12, "patience": 12})
    tune = params.finetune.model_copy(update={"updates": 30})
    return params.model_copy(update={"pretrain": more, "finetune": tune})


def test_pretraining_learns_what_can_be_learnt(make_data, longer):
    data = make_data()
    fold = splits.source_folds(data.rows, 5)[0]
    net, history = fit.pretrain(data, fold, longer, rng_key=(1, "t"))
    predicted = fit.predict(net, data, fold.test).argmax(1)
    assert evaluation.uar(data.classes[fold.test], predicted) > 0.8
    assert history.loss[-1] < 0.5 * history.loss[0]
    assert history.best_epoch == 1 + int(np.argmax(history.validation_uar))


def test_same_seed_same_weights_whatever_came_before(make_data, longer):
    data = make_data()
    fold = splits.source_folds(data.rows, 5)[0]
    results = []
    for noise in (1, 99):
        torch.manual_seed(noise)
        net, _ = fit.pretrain(data, fold, longer, rng_key=(1, "t"))
        results.append(net.state_dict())
    for name, value in results[0].items():
        assert torch.equal(value, results[1][name]), name
    other, _ = fit.pretrain(data, fold, longer, rng_key=(2, "t"))
    assert not torch.equal(other.state_dict()["embed.weight"], results[0]["embed.weight"])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: training on one is not tested")
def test_a_gpu_learns_repeats_and_predicts_as_a_cpu_does(make_data, longer):
    data, gpu = make_data(), longer.model_copy(update={"device": "cuda"})
    fold = splits.source_folds(data.rows, 5)[0]
    with device.exact():
        nets = [fit.pretrain(data, fold, gpu, rng_key=(1, "t"))[0] for _ in range(2)]
        on_cpu = fit.predict(nets[0], data, fold.test)
        on_gpu = fit.predict(copy.deepcopy(nets[0]).to("cuda"), data, fold.test)
    for one, other in zip(*(net.state_dict().values() for net in nets)):
        assert torch.equal(one, other)
    assert evaluation.uar(data.classes[fold.test], on_cpu.argmax(1)) > 0.8
    np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: recordings are not tested")
@pytest.mark.parametrize("strategy", ["all", "head_first", "gradual", "l2sp", "joint"])
def test_a_recording_gives_what_the_work_itself_gives(make_data, longer, monkeypatch, strategy):
    data, recordings = make_data(), []
    tune = longer.finetune.model_copy(update={"strategy": strategy})
    gpu = longer.model_copy(update={"device": "cuda", "finetune": tune})
    record = torch.cuda.graph

    class Never(graph.Recorder):
        def gradients(self, *arguments):
            graph._tried.clear()
            return super().gradients(*arguments)

    def tuned():
        net, rows = fit.build(data, gpu, seed=0), np.arange(50)
        settings = {"start": "pretrained", "rng_key": ("t",), "source": data}
        return fit.finetune(net, data, rows, gpu, **settings).state_dict()

    monkeypatch.setattr(
        torch.cuda, "graph", lambda *a, **k: recordings.append(1) or record(*a, **k)
    )
    with device.exact():
        recorded = tuned()
        assert recordings
        monkeypatch.setattr(graph, "Recorder", Never)
        recordings.clear()
        itself = tuned()
    assert not recordings
    for name, value in itself.items():
        assert torch.equal(value, recorded[name]), name


def test_global_random_state_is_left_alone(make_data, params):
    data = make_data()
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    fit.pretrain(data, splits.source_folds(data.rows, 5)[0], params, rng_key=(1,))
    assert torch.equal(torch.rand(3), wanted)


def test_test_rows_play_no_part(make_data, longer):
    """Wreck every test row: weights and choice of epoch must not move."""
    data, wrecked = make_data(), make_data()
    fold = splits.source_folds(data.rows, 5)[0]
    for position in fold.test:
        wrecked.features.hubert[position][:] = 1e6
        wrecked.features.mfcc[position][:] = -1e6
        wrecked.features.prosody[position] = 1e9
        wrecked.classes[position] = 0
    nets = [fit.pretrain(d, fold, longer, rng_key=(1,))[0] for d in (data, wrecked)]
    for one, other in zip(*(net.state_dict().values() for net in nets)):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("section", "change"),
    [("model", {"scale": 1e39}), ("pretrain", {"learning_rate": 1e6}),
     ("pretrain", {"weight_decay": 1e39})],
)  # fmt: skip
def test_a_training_that_diverges_names_fold_epoch_and_rate(make_data, params, section, change):
    changed = getattr(params, section).model_copy(update=change)
    params, data = params.model_copy(update={section: changed}), make_data()
    fold = splits.source_folds(data.rows, 5)[0]
    rate = f"{params.pretrain.learning_rate:g}".replace("+", r"\+")
    what = rf"fold and draw 1/pretrain/s0, epoch 1, learning rate {rate}: .* not finite; lower"
    with pytest.raises(TrainingError, match=what):
        fit.pretrain(data, fold, params, rng_key=(1, "pretrain", fold.name))


def test_weights_and_probabilities_that_are_not_finite_are_refused(make_data, params):
    data, rows = make_data(), np.arange(8)

    def watch(model, updates):
        if updates == params.finetune.updates:  # after the last loss
            model.embed.weight.data[0, 0] = np.nan

    settings = {"start": "scratch", "rng_key": (1, "finetune", "s0")}
    what = r"1/finetune/s0, epoch 3, learning rate 0\.001: weights are not finite; lower"
    with pytest.raises(TrainingError, match=what):
        fit.finetune(None, data, rows, params, **settings, watch=watch)
    net = fit.finetune(None, data, rows, params, **settings)
    net.embed.weight.data[0, 0] = np.nan
    with pytest.raises(TrainingError, match="epoch 3.*: probabilities are not finite"):
        fit.predict(net, data, rows)


def test_scaling_is_that_of_the_training_rows(make_data, params):
    data = make_data()
    net = fit.build(data, params, seed=0)
    rows = np.arange(7, 30)
    fit.fit_scaling(net, data, rows)
    frames = np.concatenate([data.features.hubert[i].reshape(-1, 12) for i in rows])
    np.testing.assert_allclose(net.scale_hubert.mean, frames.mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(net.scale_hubert.deviation, frames.std(0), rtol=1e-4)
    prosody = data.features.prosody[rows]
    np.testing.assert_allclose(net.scale_prosody.mean, np.nanmean(prosody, 0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(net.scale_prosody.deviation, np.nanstd(prosody, 0), rtol=1e-4)


def test_scaling_prior_counts_as_utterances(make_data, params):
    data = make_data()
    net = fit.build(data, params, seed=0)
    fit.fit_scaling(net, data, range(40))
    source = net.scale_mfcc.mean.clone()
    own = fit.build(data, params, seed=0)
    fit.fit_scaling(own, data, range(40, 44))
    fit.fit_scaling(net, data, range(40, 44), prior=12)
    torch.testing.assert_close(net.scale_mfcc.mean, 0.25 * own.scale_mfcc.mean + 0.75 * source)


def test_undefined_everywhere_keeps_the_prior_scaling(make_data, params):
    data = make_data()
    data.features.prosody[:4, 3] = np.nan
    net = fit.build(data, params, seed=0)
    fit.fit_scaling(net, data, range(4))
    assert net.scale_prosody.mean[3] == 0 and net.scale_prosody.deviation[3] == 1


def test_finetuning_leaves_the_source_model_as_it_is(make_data, longer):
    data = make_data()
    net = fit.build(data, longer, seed=0)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    tuned = fit.finetune(net, data, np.arange(40), longer, start="pretrained", rng_key=("x",))
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not torch.equal(tuned.embed.weight, net.embed.weight)


def test_number_of_updates_is_exact(make_data, longer, monkeypatch):
    data, steps = make_data(), []
    original = torch.optim.AdamW.step
    monkeypatch.setattr(
        torch.optim.AdamW, "step", lambda self, *a: (steps.append(1), original(self, *a))[1]
    )
    net = fit.build(data, longer, seed=0)
    for size in (5, 40):
        steps.clear()
        fit.finetune(net, data, np.arange(size), longer, start="scratch", rng_key=("x",))
        assert len(steps) == longer.finetune.updates
    passes = longer.finetune.model_copy(update={"updates": None, "epochs": 3, "batch_size": 16})
    steps.clear()
    by_epochs = longer.model_copy(update={"finetune": passes})
    fit.finetune(net, data, np.arange(40), by_epochs, start="scratch", rng_key=("x",))
    assert len(steps) == 3 * 3


@pytest.mark.parametrize(("optimizer", "decay", "clip"), [
    ("adam", 0.0, 0.0), ("adam", 0.1, 0.5), ("adamw", 0.1, 0.0),
])  # fmt: skip
def test_first_update_is_that_of_the_optimiser_named(make_data, params, optimizer, decay, clip):
    """Adam's first step is the rate times the sign of the gradient; AdamW shrinks weights first."""
    data, settings = make_data(), {"optimizer": optimizer, "weight_decay": decay, "clip": clip}
    settings = params.pretrain.model_copy(update=settings | {"balanced": False})
    net = fit.build(data, params, seed=0)
    before = net.embed.weight.detach().clone()
    trainer = loop.Trainer(net, data, np.arange(20), settings, 1e-3, ("x",))
    trainer._update(np.arange(20))
    gradient = net.embed.weight.grad
    total = torch.sqrt(sum((w.grad**2).sum() for w in net.parameters() if w.grad is not None))
    assert (total <= clip + 1e-4) == bool(clip)
    if optimizer == "adam":
        gradient, expected = gradient + decay * before, before
    else:
        expected = before * (1 - 1e-3 * decay)
    clear = gradient.abs() > 1e-4  # Adam divides by the gradient's size plus 1e-8
    expected = expected - 1e-3 * torch.sign(gradient)
    torch.testing.assert_close(net.embed.weight[clear], expected[clear], atol=2e-6, rtol=0)


def test_balanced_weights_are_inverse_to_class_size(make_data, params):
    data = make_data()
    rows = np.r_[0:4, 4:6, 8:9]
    net = fit.build(data, params, seed=0)
    settings = params.pretrain.model_copy(update={"balanced": True})
    trainer = loop.Trainer(net, data, rows, settings, 1e-3, ("x",))
    expected = [7 / (3 * 4), 7 / (3 * 2), 7 / (3 * 1), 0.0]
    np.testing.assert_allclose(trainer.class_weights, expected, rtol=1e-6)


def test_prediction_does_not_depend_on_the_batch(make_data, params):
    data = make_data()
    net = fit.build(data, params, seed=0).eval()
    rows = np.arange(len(data.rows))
    one = fit.predict(net, data, rows, batch_size=1)
    many = fit.predict(net, data, rows, batch_size=64)
    np.testing.assert_allclose(one, many, atol=1e-6)
