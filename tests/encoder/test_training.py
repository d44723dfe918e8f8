"""Training of the project's own encoder: loss, learning, stages, checkpoints, export."""

import dataclasses
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
import torch.distributed as dist
from transformers import HubertConfig, HubertModel

from hump import encoder
from hump.encoder import data, training
from hump.errors import EncoderError, TrainingError
from hump.features import encoders, hubert, weights
from hump.params import ROOT

LAYERS = [0, 1, 2]  # that the recipe of the tests predicts


@pytest.fixture(scope="module")
def train(teacher, recorded, start):
    """The function, with all but recipe and folder given."""

    def run(recipe, folder, **changes):
        given = {"teacher": teacher, "speech": recorded, "start": start, "seed": 1, "device": "cpu"}
        return encoder.train(recipe, folder=folder, **given | changes)

    return run


@pytest.fixture
def alone(tmp_path):
    """The only rank."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/ranks", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.fixture
def stage(recipe, teacher, recorded, start, tmp_path, alone):
    """The first stage, before its first update."""
    taught = hubert.load_encoder(teacher, layers=LAYERS)
    pieces = training.Pieces(recipe, taught, LAYERS, recorded, tmp_path, 1)
    network = HubertModel.from_pretrained(start, dtype=torch.float32)
    network = training.grown(network, training.config(network.config, recipe), 1)
    return training._Stage(recipe, 1, pieces, network.eval(), tmp_path / "x", (1, ""), "cpu")


def test_states_are_standardised_by_place_and_made_once(stage, monkeypatch):
    signals, states = stage.pieces.visit(range(8))
    assert signals.shape == (8, 16_000) and states.shape == (8, 49, 3, 24)
    np.testing.assert_allclose(states.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose((states**2).mean((0, 1)), 1, atol=3e-2)
    (plain,) = hubert.extract([signals[0, 200:]], encoder=stage.pieces.teacher, layers=LAYERS)
    wanted = (plain - stage.pieces.mean) / stage.pieces.std
    assert np.abs(states[0] - wanted).mean() < 0.02  # of 16 bits
    monkeypatch.setattr(stage.pieces, "made", None)
    again = stage.pieces.visit([3])
    assert np.array_equal(again[0][0], signals[3]) and np.array_equal(again[1][0], states[3])


def test_a_click_is_heard_in_the_frame_where_hubert_hears_it(stage):
    for frame in (10, 30):
        signal = np.zeros(16_000, np.float32)
        signal[frame * 320 + 200] = 0.5  # the middle of HuBERT's frame
        states = stage.pieces.made(signal)[1][:, 0] - stage.pieces.made(0 * signal)[1][:, 0]
        size = np.linalg.norm(states, axis=-1)
        assert int(size.argmax()) == frame
        assert size[frame - 1] == pytest.approx(size[frame + 1], rel=0.5)


def test_the_start_is_a_hubert(recipe, train, teacher, tmp_path):
    with pytest.raises(EncoderError, match=r"start=.*is no HuBERT"):
        train(recipe, tmp_path, start=teacher)


def test_hidden_states_are_those_of_transformers(stage):
    signals = torch.randn(2, 8000)
    model = stage.network["hubert"]
    with torch.no_grad():
        plain = model(signals, output_hidden_states=True).hidden_states
        for mine, states in zip(training.hidden_states(model, signals, 3), plain, strict=True):
            torch.testing.assert_close(mine, states)
        assert len(training.hidden_states(model, signals, 2)) == 3


def test_the_loss_is_error_and_cosine_distance_of_each_pair(stage, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {})
    rng = np.random.default_rng(0)
    signals, states = data.heard(*stage.pieces.visit([0, 1]), stage.recipe, rng)
    with torch.no_grad():
        errors, cosines = stage.losses(signals, states)
        hidden = stage.network["hubert"](torch.from_numpy(signals), output_hidden_states=True)
        for number, (layer, taught) in enumerate(stage.predicts):
            predicted = stage.network["maps"][number](hidden.hidden_states[layer]).numpy()
            target = states[:, :, taught]
            assert errors[number] == pytest.approx(((predicted - target) ** 2).mean(), rel=1e-4)
            angles = (predicted * target).sum(-1) / (
                np.linalg.norm(predicted, axis=-1) * np.linalg.norm(target, axis=-1)
            )
            assert cosines[number] == pytest.approx(1 - angles.mean(), rel=1e-4)


def test_gradients_in_bfloat16_are_those_in_float32(stage, monkeypatch):
    """With a kernel that is wrong in bfloat16 a network learns next to nothing."""
    heard = data.heard(*stage.pieces.visit([0, 1]), stage.recipe, np.random.default_rng(0))
    gradients = {}
    training.exact_positions(stage.network["hubert"])
    for able in (True, False):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: {"avx512_bf16": able})
        stage.network.zero_grad()
        stage.losses(*heard)[0].sum().backward()
        gradients[able] = {
            name: weight.grad.clone() for name, weight in stage.network.named_parameters()
            if weight.grad is not None
        }  # fmt: skip
    largest = max(gradient.norm() for gradient in gradients[False].values())
    for name, exact in gradients[False].items():
        if exact.norm() > 1e-2 * largest:  # of others the rounding is as large as they are
            assert (gradients[True][name] - exact).norm() / exact.norm() < 0.1, name
    rough, exact = (torch.cat([g.flatten() for g in gradients[k].values()]) for k in (True, False))
    assert 0 < (rough - exact).norm() / exact.norm() < 0.05


def test_the_learning_rate_rises_stays_and_falls(stage):
    stage.steps, rates = 10, []
    for stage.step in range(11):
        rates.append(stage._rate() / stage.recipe.learning_rate)
    np.testing.assert_allclose(
        rates, [0.5, 1, 1, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0], atol=1e-12
    )


def test_every_piece_is_visited_once_before_any_is_visited_again(stage, monkeypatch):
    visited, visit = [], stage.pieces.visit
    monkeypatch.setattr(stage.pieces, "visit", lambda n: (visited.extend(n), visit(n))[1])
    for _ in range(8):
        stage._update()
    assert sorted(visited[:8]) == sorted(visited[8:]) == list(range(8))
    assert visited[:8] != visited[8:]


def test_it_learns_and_the_second_stage_leaves_the_first_alone(recipe, train, tmp_path):
    longer = dataclasses.replace(recipe, steps=(24, 8), learning_rate=3e-3, evaluate_every=8)
    student, curves = train(longer, tmp_path)
    assert curves["stage"].tolist() == [1, 1, 1, 2] and curves["step"].tolist() == [8, 16, 24, 8]
    assert curves["loss"].iloc[2] < curves["loss"].iloc[0] - 0.04
    assert curves["cosine_1"].iloc[2] > curves["cosine_1"].iloc[0] > 0
    assert curves["hours"].iloc[2] == pytest.approx(24 * 2 * 0.8 / 3600)
    assert (curves["seconds"].iloc[:3].diff().dropna() > 0).all()
    assert curves["error_2"].notna().tolist() == [False, False, False, True]
    assert curves["learning_rate"].iloc[2] == 0
    before = torch.load(tmp_path / "stage1.pt", weights_only=True)["network"]
    changed = {
        name for name, weight in student.state_dict().items()
        if not torch.equal(weight, before[f"hubert.{name}"])
    }  # fmt: skip
    assert changed and all(name.startswith("encoder.layers.2.") for name in changed)


class Killed(Exception):
    pass


def test_a_killed_run_goes_on_to_the_same_network(recipe, train, tmp_path, monkeypatch):
    whole, curves = train(recipe, tmp_path / "a")
    update = training._Stage._update

    def dies(self):
        if self.step == 8:
            raise Killed
        update(self)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training._Stage, "_update", dies)
        train(recipe, tmp_path / "b")
    steps = []
    monkeypatch.setattr(training._Stage, "_update",
                        lambda self: (steps.append(self.step), update(self)))  # fmt: skip
    again, more = train(recipe, tmp_path / "b")
    assert steps == [*range(6, 12), *range(4)]
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]), name
    pd.testing.assert_frame_equal(curves.drop(columns="seconds"), more.drop(columns="seconds"))


def test_a_finished_run_is_not_repeated_and_another_recipe_is(recipe, train, tmp_path, monkeypatch):
    short = dataclasses.replace(recipe, steps=(2, 1))
    done, _ = train(short, tmp_path)
    steps, update = [], training._Stage._update
    monkeypatch.setattr(training._Stage, "_update",
                        lambda self: (steps.append(self.step), update(self)))  # fmt: skip
    again, _ = train(short, tmp_path)
    assert not steps
    assert all(map(torch.equal, done.state_dict().values(), again.state_dict().values()))
    train(dataclasses.replace(short, learning_rate=1e-4), tmp_path)
    assert steps == [0, 1, 0]
    longer = dataclasses.replace(short, learning_rate=1e-4, steps=(3, 1))
    steps.clear()
    more, _ = train(longer, tmp_path)
    assert steps == [2, 0], "the second stage begins anew after a longer first one"
    assert not all(map(torch.equal, done.state_dict().values(), more.state_dict().values()))


def test_other_speech_is_another_training(recipe, train, tmp_path, recorded):
    short = dataclasses.replace(recipe, steps=(2, 1))
    done, _ = train(short, tmp_path)
    table = data.manifest(recorded)
    other = tmp_path / "other" / recorded.name
    shutil.copytree(recorded, other)
    table.assign(file=table["file"].to_numpy()[::-1]).to_csv(other / "manifest.csv", index=False)
    more, _ = train(short, tmp_path, speech=other)
    assert not all(map(torch.equal, done.state_dict().values(), more.state_dict().values()))


def test_gradients_are_averaged_over_ranks(monkeypatch):
    mine = [torch.tensor([[1.0, 2.0]]), torch.tensor([3.0])]
    monkeypatch.setattr(dist, "all_reduce", lambda whole: whole.add_(torch.tensor([5.0, 0, 1])))
    training._average(mine, 2)
    torch.testing.assert_close(mine, [torch.tensor([[3.0, 1.0]]), torch.tensor([2.0])])


def test_a_training_that_diverges_stops(recipe, train, tmp_path):
    broken = dataclasses.replace(recipe, learning_rate=float("inf"))
    with pytest.raises(TrainingError, match=r"stage 1, update \d+: training diverges, the loss is"):
        train(broken, tmp_path)


def test_an_exported_encoder_is_one_like_any_other(tmp_path, teacher):
    model = weights.build(HubertConfig.from_dict(encoders.UNTRAINED_CONFIG))
    encoder.export(model, tmp_path / "mine", "# card\n", teacher)
    assert (tmp_path / "mine" / "LICENSE.teacher").read_text() == "free to use\n"
    mine = encoders.find(tmp_path / "mine")
    assert (mine.label, mine.trained, mine.n_layers, mine.normalize) == ("mine", True, 12, True)
    rng = np.random.default_rng(0)
    signal = rng.normal(0, 0.1, 16_000).astype(np.float32)
    stored = hubert.extract([signal], encoder=tmp_path / "mine", layers=(1, 9))[0]
    exact = hubert.extract([signal], encoder="untrained", layers=(1, 9))[0]
    assert np.linalg.norm(stored - exact) / np.linalg.norm(exact) < 2e-3
    assert model.dtype == torch.float32
    plain = HubertModel.from_pretrained(tmp_path / "mine")  # as a reader of the card would
    assert plain.dtype == torch.float32
    with torch.no_grad():
        states = plain.eval()(torch.from_numpy(signal)[None]).last_hidden_state
    assert states.isfinite().all()


def test_the_notebook_makes_an_encoder_by_one_command(tmp_path, teacher, recorded):
    command = [sys.executable, "-m", "hump", "encoder", "--scale", "0.0001", "--folder", tmp_path]
    needs = ["--teacher", teacher, "--speech", recorded]
    environment = os.environ | {"HUMP_WORKERS": "2"}
    run = subprocess.run(
        [*command, *needs], cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr
    assert re.search(r"stage 2: update 6 of 6, 0\.0 h of speech, loss \d", run.stdout)
    made = encoders.find(tmp_path)
    assert made.trained and made.n_layers == 12
    curves = pd.read_csv(tmp_path / "curves.csv")
    assert curves["stage"].tolist() == [1, 1, 2, 2] and (tmp_path / "curves.png").is_file()
    card = (tmp_path / "README.md").read_text()
    assert f"| {curves['loss'][1]:.3f} | {curves['loss'][3]:.3f} |" in card
    assert "| a | Tonal | 21 | 0.01 | see its source |" in card
    text = (tmp_path / "00_mini_hubert.ipynb").read_text()
    assert "audio/" not in text and str(ROOT) not in text
