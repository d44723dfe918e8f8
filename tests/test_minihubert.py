"""The embedded encoder's recipe: what is hidden, what is predicted, that it learns and goes on."""

import dataclasses
import math
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import HubertConfig, HubertModel

from hump import minihubert, units
from hump.errors import ParameterError
from hump.features import encoders, hubert, mfcc, untrained
from hump.params import ROOT


@pytest.fixture(autouse=True)
def one_worker(monkeypatch):
    """Test processes share the cores."""
    monkeypatch.setenv("HUMP_WORKERS", "1")


@pytest.fixture(scope="module")
def recipe():
    """Seconds of training, which are enough to learn the commonest units."""
    return dataclasses.replace(
        minihubert.Recipe(), steps=(12, 6), units=(8, 6), bank=8, held_out=4, seconds=1.0,
        batch=2, every=3,
    )  # fmt: skip


@pytest.fixture(scope="module")
def acoustic(recipe):
    return minihubert.acoustic_units(recipe, seed=1, device="cpu")


def test_spans_hide_the_share_asked_for():
    rng = np.random.default_rng(0)
    hidden = minihubert.spans(500, 149, start=0.08, span=10, rng=rng)
    assert hidden.shape == (500, 149) and hidden.dtype == bool
    # 12 starts of 140 without replacement: a frame far from the edges is seen if none of the ten
    # starts that would hide it was drawn.
    seen = math.comb(140 - 10, 12) / math.comb(140, 12)
    assert abs(hidden[:, 20:120].mean() - (1 - seen)) < 0.01
    runs = "".join(" x"[int(cell)] for cell in hidden[0]).split()
    assert min(map(len, runs)) >= 10


@pytest.mark.parametrize("frames", [11, 12, 49])
def test_spans_leave_something_to_see_in_short_pieces(frames):
    hidden = minihubert.spans(50, frames, start=0.5, span=10, rng=np.random.default_rng(0))
    assert hidden.any(axis=1).all()


def test_one_parameter_scales_the_run():
    whole, tenth, smoke = (minihubert.Recipe.scaled(scale) for scale in (1, 0.1, 0.004))
    assert whole == minihubert.Recipe()
    assert tenth.steps == tuple(round(steps / 10) for steps in whole.steps)
    assert smoke.steps == (11, 10) and smoke.seconds == whole.seconds
    assert tenth.hours(100) == 100 * tenth.batch * tenth.seconds / 3600


@pytest.mark.parametrize("scale", [0, -1, float("nan"), "much"])
def test_a_scale_that_is_no_share_is_told(scale):
    with pytest.raises(ParameterError, match=r"scale=.*positive number"):
        minihubert.Recipe.scaled(scale)


@pytest.mark.parametrize(("device", "words"), [("tpu", "choose auto"), ("cuda", "finds no GPU")])
def test_a_device_that_is_not_there_is_told(device, words, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ParameterError, match=rf"device='{device}'.*{words}"):
        minihubert.device_of(device)


def test_frames_of_units_are_those_of_the_network(recipe, acoustic):
    speech = minihubert.Speech(recipe, 1, "test", 1, with_mfcc=True)
    signal, frames = speech[0]
    model = untrained.build(HubertConfig.from_dict(minihubert.config())).eval()
    assert len(frames) == recipe.frames == model(signal[None]).last_hidden_state.shape[1]
    np.testing.assert_allclose([signal.mean(), signal.std()], [0, 1], atol=1e-4)
    assert torch.equal(frames, torch.from_numpy(mfcc.extract(signal)[1::2][: recipe.frames]))


def test_units_are_the_nearest_clusters_of_mfcc(recipe, acoustic):
    signal, frames = minihubert.Speech(recipe, 1, "test", 1, with_mfcc=True)[0]
    assert len(acoustic) == 8 and acoustic.teacher is None
    found = acoustic(signal[None], frames[None])[0]
    scaled = (frames - acoustic.mean) / acoustic.deviation
    brute = [int(np.argmin([((x - c) ** 2).sum() for c in acoustic.centres])) for x in scaled]
    np.testing.assert_array_equal(found, brute)
    assert len(found.unique()) > 3


def test_units_of_the_second_iteration_are_of_the_middle_layer(recipe):
    model = untrained.build(HubertConfig.from_dict(minihubert.config())).eval()
    found = minihubert.hidden_units(model, recipe, seed=1, device="cpu")
    assert len(found) == 6
    signal, _ = minihubert.Speech(recipe, 1, "test", 1, with_mfcc=False)[0]
    with torch.no_grad():
        states = model(signal[None], output_hidden_states=True).hidden_states[recipe.layer][0]
    scaled = (states - found.mean) / found.deviation
    nearest = torch.cdist(scaled, found.centres).argmin(1)
    assert (found(signal[None], None)[0] == nearest).float().mean() > 0.9  # but for ties


def test_the_loss_is_that_of_equations_3_and_4(recipe, acoustic, tmp_path):
    training = minihubert._Training(recipe, 1, acoustic, tmp_path / "x", 1, "cpu", None)
    network = training.network.eval()
    signal, frames = minihubert.Speech(recipe, 1, "test", 1, with_mfcc=True)[0]
    targets = acoustic(signal[None], frames[None])
    hidden = torch.zeros(targets.shape, dtype=torch.bool)
    hidden[0, 10:30] = True
    with torch.no_grad():
        loss_hidden, loss_seen, hits_hidden, _ = training._losses(signal[None], targets, hidden)
        with units.in_bfloat16("cpu"):
            states = network.hubert(signal[None], mask_time_indices=hidden).last_hidden_state
        projected = network.project(states.float())[0, 10:30]
        logits = torch.stack([
            torch.nn.functional.cosine_similarity(projected, code[None], dim=-1) / 0.1
            for code in network.codes
        ], dim=1)  # fmt: skip
    wanted = targets[0, 10:30]
    losses = logits.logsumexp(1) - logits[range(20), wanted]
    torch.testing.assert_close(loss_hidden, losses.mean(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(hits_hidden, (logits.argmax(1) == wanted).float().mean())
    assert loss_seen != loss_hidden


def test_gradients_in_bfloat16_are_those_in_float32(recipe, acoustic, tmp_path, monkeypatch):
    """A kernel that is wrong in bfloat16 once made a training of an hour worthless."""
    training = minihubert._Training(recipe, 1, acoustic, tmp_path / "x", 1, "cpu", None)
    signal, frames = minihubert.Speech(recipe, 1, "test", 1, with_mfcc=True)[0]
    targets = acoustic(signal[None], frames[None])
    hidden = torch.zeros(targets.shape, dtype=torch.bool)
    hidden[0, 10:30] = True
    gradients = {}
    for able in (True, False):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": able})
        loss_hidden, loss_seen, *_ = training._losses(signal[None], targets, hidden)
        training.network.zero_grad()
        (loss_hidden + loss_seen).backward()
        gradients[able] = {n: p.grad.clone() for n, p in training.network.named_parameters()}
    largest = max(g.norm() for g in gradients[False].values())
    for name, exact in gradients[False].items():
        if exact.norm() > 1e-3 * largest:  # of others the rounding is as large as they are
            assert (gradients[True][name] - exact).norm() / exact.norm() < 0.1, name
    rough, exact = (torch.cat([g.flatten() for g in gradients[k].values()]) for k in (True, False))
    assert 0 < (rough - exact).norm() / exact.norm() < 0.05


def test_what_is_hidden_is_not_heard(recipe, acoustic, tmp_path):
    training = minihubert._Training(recipe, 1, acoustic, tmp_path / "x", 1, "cpu", None)
    states = torch.randn(1, 49, 128)
    hidden = torch.zeros(1, 49, dtype=torch.bool)
    hidden[0, 5:15] = True
    masked = training.network.hubert._mask_hidden_states(states.clone(), mask_time_indices=hidden)
    mask = training.network.hubert.masked_spec_embed
    assert torch.equal(masked[0, 5:15], mask.expand(10, -1))
    assert torch.equal(masked[0, 15:], states[0, 15:])


def test_it_learns_and_both_iterations_follow_on(recipe, acoustic, tmp_path):
    longer = dataclasses.replace(recipe, steps=(16, 4), rate=3e-3, every=4)
    first, looks = minihubert.train(longer, 1, acoustic, folder=tmp_path, seed=1, device="cpu")
    assert looks["step"].tolist() == [4, 8, 12, 16]
    assert looks["loss_hidden"].iloc[-1] < looks["loss_hidden"].iloc[0] - 0.1
    assert looks["hours"].iloc[-1] == pytest.approx(16 * 2 / 3600)
    assert (looks["seconds"].diff().dropna() > 0).all()
    hidden = minihubert.hidden_units(first, longer, seed=1, device="cpu")
    second, more = minihubert.train(
        longer, 2, hidden, folder=tmp_path, seed=1, device="cpu", start=first
    )
    assert more["step"].tolist() == [4]
    assert not torch.equal(first.masked_spec_embed, second.masked_spec_embed)
    whole = minihubert.joined(looks, more)
    assert whole["total_hours"].is_monotonic_increasing and len(whole) == 5
    card = minihubert.card(longer, whole, second, seed=1, device="cpu")
    assert "| updates | 16 | 4 |" in card
    assert f"{looks['loss_hidden'].iloc[-1]:.3f} | {more['loss_hidden'].iloc[-1]:.3f}" in card


class Killed(Exception):
    pass


def test_a_killed_run_goes_on_to_the_same_network(recipe, acoustic, tmp_path, monkeypatch):
    whole, looks = minihubert.train(
        recipe, 1, acoustic, folder=tmp_path / "a", seed=1, device="cpu"
    )
    update = minihubert._Training._update

    def dies(self, *arguments):
        if self.step == 8:
            raise Killed
        update(self, *arguments)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(minihubert._Training, "_update", dies)
        minihubert.train(recipe, 1, acoustic, folder=tmp_path / "b", seed=1, device="cpu")
    steps = []
    monkeypatch.setattr(minihubert._Training, "_update",
                        lambda self, *a: (steps.append(self.step), update(self, *a)))  # fmt: skip
    again, more = minihubert.train(
        recipe, 1, acoustic, folder=tmp_path / "b", seed=1, device="cpu"
    )
    assert steps == list(range(6, 12))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    pd.testing.assert_frame_equal(
        looks.drop(columns="seconds"), more.drop(columns="seconds"), check_exact=True
    )


def test_a_finished_run_is_not_repeated_and_another_recipe_is(
    recipe, acoustic, tmp_path, monkeypatch
):
    short = dataclasses.replace(recipe, steps=(3, 3))
    done, _ = minihubert.train(short, 1, acoustic, folder=tmp_path, seed=1, device="cpu")
    steps = []
    update = minihubert._Training._update
    monkeypatch.setattr(minihubert._Training, "_update",
                        lambda self, *a: (steps.append(self.step), update(self, *a)))  # fmt: skip
    again, _ = minihubert.train(short, 1, acoustic, folder=tmp_path, seed=1, device="cpu")
    assert not steps
    assert torch.equal(done.masked_spec_embed, again.masked_spec_embed)
    other = dataclasses.replace(short, rate=1e-4)
    minihubert.train(other, 1, acoustic, folder=tmp_path, seed=1, device="cpu")
    assert steps == [0, 1, 2]


def test_it_stops_when_nothing_improves(recipe, acoustic, tmp_path):
    still = dataclasses.replace(recipe, rate=0.0, every=1, patience=2)
    _, looks = minihubert.train(still, 1, acoustic, folder=tmp_path, seed=1, device="cpu")
    assert looks["step"].tolist() == [1, 2, 3]


def test_an_exported_encoder_is_one_like_any_other(tmp_path):
    model = untrained.build(HubertConfig.from_dict(minihubert.config()))
    minihubert.export(model, tmp_path / "mine", "# card\n")
    found = encoders.find(tmp_path / "mine")
    assert (found.label, found.trained, found.n_layers, found.normalize) == ("mine", True, 12, True)
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


def test_the_notebook_makes_an_encoder_by_one_command(tmp_path):
    command = [sys.executable, "-m", "hump", "encoder", "--scale", "0.0001", "--folder", tmp_path]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert re.search(r"iteration 2: update 10 of 10, 0\.1 h of speech, loss \d", run.stdout)
    found = encoders.find(tmp_path)
    assert found.trained and found.n_layers == 12
    curves = pd.read_csv(tmp_path / "curves.csv")
    assert curves["iteration"].tolist() == [1, 1, 2, 2] and (tmp_path / "curves.png").is_file()
    card = (tmp_path / "README.md").read_text()
    assert f"| {curves['loss_hidden'][1]:.3f} | {curves['loss_hidden'][3]:.3f} |" in card
    text = (tmp_path / "00_mini_hubert.ipynb").read_text()
    assert "audio/" not in text and str(ROOT) not in text
