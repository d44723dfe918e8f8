"""Training of the project's own encoder: masking, units, loss, learning, checkpoints, export."""

import dataclasses
import math
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import HubertModel

from hump import encoder
from hump.encoder import training, units
from hump.encoder.data import Speech
from hump.errors import ParameterError, TrainingError
from hump.features import encoders, hubert, mfcc, weights
from hump.params import ROOT


@pytest.fixture(autouse=True)
def one_worker(monkeypatch):
    """Test processes share the cores."""
    monkeypatch.setenv("HUMP_WORKERS", "1")


@pytest.fixture(scope="module")
def recipe():
    """Seconds of training, which are enough to learn the commonest units."""
    return dataclasses.replace(
        encoder.Recipe(), steps=(12, 6), units=(8, 6), clustered=8, held_out=4, seconds=1.0,
        batch=2, evaluate_every=3,
    )  # fmt: skip


@pytest.fixture(scope="module")
def acoustic(recipe):
    return encoder.acoustic_units(recipe, seed=1, device="cpu")


def test_spans_mask_the_share_asked_for():
    rng = np.random.default_rng(0)
    masked = training.spans(500, 149, start=0.08, span=10, rng=rng)
    assert masked.shape == (500, 149) and masked.dtype == bool
    # 12 starts of 140 without replacement: a frame far from the edges is unmasked if none of the
    # ten starts that would mask it was drawn.
    unmasked = math.comb(140 - 10, 12) / math.comb(140, 12)
    assert abs(masked[:, 20:120].mean() - (1 - unmasked)) < 0.01
    runs = "".join(" x"[int(cell)] for cell in masked[0]).split()
    assert min(map(len, runs)) >= 10


@pytest.mark.parametrize("frames", [11, 12, 49])
def test_short_utterances_have_masked_frames_and_by_the_recipe_unmasked_ones(frames):
    for start in (encoder.Recipe.span_start, 0.5):
        masked = training.spans(50, frames, start=start, span=10, rng=np.random.default_rng(0))
        assert masked.any(axis=1).all()
        assert start == 0.5 or not masked.all(axis=1).any()


def test_one_parameter_scales_the_training():
    whole, tenth, smoke = (encoder.Recipe.scaled(scale) for scale in (1, 0.1, 0.004))
    assert whole == encoder.Recipe()
    assert tenth.steps == tuple(round(steps / 10) for steps in whole.steps)
    assert smoke.steps == (11, 10) and smoke.seconds == whole.seconds
    assert tenth.hours(100) == 100 * tenth.batch * tenth.seconds / 3600


@pytest.mark.parametrize("scale", [0, -1, float("nan"), "much"])
def test_a_scale_that_is_not_a_positive_number_is_refused(scale):
    with pytest.raises(ParameterError, match=r"scale=.*positive number"):
        encoder.Recipe.scaled(scale)


def test_frames_of_units_are_those_of_the_network(recipe, acoustic):
    signal, frames = Speech(recipe, 1, "test", 1, with_mfcc=True)[0]
    model = weights.build(training.config()).eval()
    assert len(frames) == recipe.frames == model(signal[None]).last_hidden_state.shape[1]
    np.testing.assert_allclose([signal.mean(), signal.std()], [0, 1], atol=1e-4)
    assert torch.equal(frames, torch.from_numpy(mfcc.extract(signal)[1::2][: recipe.frames]))


def test_units_are_the_nearest_clusters_of_mfcc(recipe, acoustic):
    signal, frames = Speech(recipe, 1, "test", 1, with_mfcc=True)[0]
    assert len(acoustic) == 8 and acoustic.teacher is None
    numbers = acoustic(signal[None], frames[None])[0]
    scaled = (frames - acoustic.mean) / acoustic.std
    brute = [int(np.argmin([((x - c) ** 2).sum() for c in acoustic.centres])) for x in scaled]
    np.testing.assert_array_equal(numbers, brute)
    assert len(numbers.unique()) > 3


def test_units_of_the_second_iteration_are_of_the_middle_layer(recipe):
    model = weights.build(training.config()).eval()
    hidden = encoder.hidden_units(model, recipe, seed=1, device="cpu")
    assert len(hidden) == 6
    signal, _ = Speech(recipe, 1, "test", 1, with_mfcc=False)[0]
    with torch.no_grad():
        states = model(signal[None], output_hidden_states=True).hidden_states[recipe.layer][0]
    scaled = (states - hidden.mean) / hidden.std
    nearest = torch.cdist(scaled, hidden.centres).argmin(1)
    assert (hidden(signal[None], None)[0] == nearest).float().mean() > 0.9  # but for ties


def test_the_loss_is_that_of_equations_3_and_4(recipe, acoustic, tmp_path):
    one = training._Training(recipe, 1, acoustic, tmp_path / "x", 1, "cpu", None)
    network = one.network.eval()
    signal, frames = Speech(recipe, 1, "test", 1, with_mfcc=True)[0]
    targets = acoustic(signal[None], frames[None])
    masked = torch.zeros(targets.shape, dtype=torch.bool)
    masked[0, 10:30] = True
    with torch.no_grad():
        loss_masked, loss_unmasked, accuracy_masked, _ = one._losses(signal[None], targets, masked)
        with units.in_bfloat16("cpu"):
            states = network.hubert(signal[None], mask_time_indices=masked).last_hidden_state
        projected = network.project(states.float())[0, 10:30]
        logits = torch.stack([
            torch.nn.functional.cosine_similarity(projected, code[None], dim=-1) / 0.1
            for code in network.codes
        ], dim=1)  # fmt: skip
    wanted = targets[0, 10:30]
    losses = logits.logsumexp(1) - logits[range(20), wanted]
    torch.testing.assert_close(loss_masked, losses.mean(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(accuracy_masked, (logits.argmax(1) == wanted).float().mean())
    assert loss_unmasked != loss_masked


def test_gradients_in_bfloat16_are_those_in_float32(recipe, acoustic, tmp_path, monkeypatch):
    """With a kernel that is wrong in bfloat16 a network learns next to nothing."""
    one = training._Training(recipe, 1, acoustic, tmp_path / "x", 1, "cpu", None)
    signal, frames = Speech(recipe, 1, "test", 1, with_mfcc=True)[0]
    targets = acoustic(signal[None], frames[None])
    masked = torch.zeros(targets.shape, dtype=torch.bool)
    masked[0, 10:30] = True
    gradients = {}
    for able in (True, False):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: {"avx512_bf16": able})
        loss_masked, loss_unmasked, *_ = one._losses(signal[None], targets, masked)
        one.network.zero_grad()
        (loss_masked + loss_unmasked).backward()
        gradients[able] = {n: p.grad.clone() for n, p in one.network.named_parameters()}
    largest = max(g.norm() for g in gradients[False].values())
    for name, exact in gradients[False].items():
        if exact.norm() > 1e-3 * largest:  # of others the rounding is as large as they are
            assert (gradients[True][name] - exact).norm() / exact.norm() < 0.1, name
    rough, exact = (torch.cat([g.flatten() for g in gradients[k].values()]) for k in (True, False))
    assert 0 < (rough - exact).norm() / exact.norm() < 0.05


def test_masked_frames_are_replaced_by_the_mask_embedding(recipe, acoustic, tmp_path):
    one = training._Training(recipe, 1, acoustic, tmp_path / "x", 1, "cpu", None)
    states = torch.randn(1, 49, 128)
    where = torch.zeros(1, 49, dtype=torch.bool)
    where[0, 5:15] = True
    masked = one.network.hubert._mask_hidden_states(states.clone(), mask_time_indices=where)
    mask = one.network.hubert.masked_spec_embed
    assert torch.equal(masked[0, 5:15], mask.expand(10, -1))
    assert torch.equal(masked[0, 15:], states[0, 15:])


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero(recipe, acoustic, tmp_path):
    brief = dataclasses.replace(recipe, steps=(8, 8), warm_up=0.25, evaluate_every=1)
    _, curves = encoder.train(brief, 1, acoustic, folder=tmp_path, seed=1, device="cpu")
    shares = curves["learning_rate"] / brief.learning_rate  # of the update that follows
    np.testing.assert_allclose(shares, [1 / 2, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0])


def test_it_learns_and_the_second_iteration_starts_from_the_first(recipe, acoustic, tmp_path):
    longer = dataclasses.replace(recipe, steps=(16, 4), learning_rate=3e-3, evaluate_every=4)
    first, evaluations = encoder.train(longer, 1, acoustic, folder=tmp_path, seed=1, device="cpu")
    assert evaluations["step"].tolist() == [4, 8, 12, 16]
    assert evaluations["loss_masked"].iloc[-1] < evaluations["loss_masked"].iloc[0] - 0.1
    assert evaluations["hours"].iloc[-1] == pytest.approx(16 * 2 / 3600)
    assert (evaluations["seconds"].diff().dropna() > 0).all()
    hidden = encoder.hidden_units(first, longer, seed=1, device="cpu")
    second, more = encoder.train(
        longer, 2, hidden, folder=tmp_path, seed=1, device="cpu", start=first
    )
    assert more["step"].tolist() == [4]
    assert not torch.equal(first.masked_spec_embed, second.masked_spec_embed)
    whole = encoder.joined(evaluations, more)
    assert whole["total_hours"].is_monotonic_increasing and len(whole) == 5
    assert whole["total_seconds"].iloc[-1] == (
        evaluations["seconds"].iloc[-1] + more["seconds"].iloc[-1]
    )
    card = encoder.card(longer, whole, second, seed=1, device="cpu")
    assert "| updates | 16 | 4 |" in card
    assert f"{evaluations['loss_masked'].iloc[-1]:.3f} | {more['loss_masked'].iloc[-1]:.3f}" in card


class Killed(Exception):
    pass


def test_a_killed_run_goes_on_to_the_same_network(recipe, acoustic, tmp_path, monkeypatch):
    whole, evaluations = encoder.train(
        recipe, 1, acoustic, folder=tmp_path / "a", seed=1, device="cpu"
    )
    update = training._Training._update

    def dies(self, *arguments):
        if self.step == 8:
            raise Killed
        update(self, *arguments)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training._Training, "_update", dies)
        encoder.train(recipe, 1, acoustic, folder=tmp_path / "b", seed=1, device="cpu")
    steps = []
    monkeypatch.setattr(training._Training, "_update",
                        lambda self, *a: (steps.append(self.step), update(self, *a)))  # fmt: skip
    again, more = encoder.train(recipe, 1, acoustic, folder=tmp_path / "b", seed=1, device="cpu")
    assert steps == list(range(6, 12))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    pd.testing.assert_frame_equal(
        evaluations.drop(columns="seconds"), more.drop(columns="seconds"), check_exact=True
    )


def test_a_finished_run_is_not_repeated_and_another_recipe_is(
    recipe, acoustic, tmp_path, monkeypatch
):
    short = dataclasses.replace(recipe, steps=(3, 3))
    done, _ = encoder.train(short, 1, acoustic, folder=tmp_path, seed=1, device="cpu")
    steps = []
    update = training._Training._update
    monkeypatch.setattr(training._Training, "_update",
                        lambda self, *a: (steps.append(self.step), update(self, *a)))  # fmt: skip
    again, _ = encoder.train(short, 1, acoustic, folder=tmp_path, seed=1, device="cpu")
    assert not steps
    assert torch.equal(done.masked_spec_embed, again.masked_spec_embed)
    other = dataclasses.replace(short, learning_rate=1e-4)
    encoder.train(other, 1, acoustic, folder=tmp_path, seed=1, device="cpu")
    assert steps == [0, 1, 2]


def test_it_stops_early_when_nothing_improves_and_starts_from_the_network_given(
    recipe, acoustic, tmp_path
):
    still = dataclasses.replace(recipe, learning_rate=0.0, evaluate_every=1, patience=2)
    start = weights.build(training.config())
    with torch.no_grad():
        start.masked_spec_embed.fill_(0.5)
    same, evaluations = encoder.train(
        still, 1, acoustic, folder=tmp_path, seed=1, device="cpu", start=start
    )
    assert evaluations["step"].tolist() == [1, 2, 3]
    assert all(torch.equal(same.state_dict()[name], v) for name, v in start.state_dict().items())


def test_a_training_that_diverges_stops(recipe, acoustic, tmp_path):
    broken = dataclasses.replace(recipe, learning_rate=float("inf"))
    with pytest.raises(TrainingError, match=r"iteration 1, update 3: training diverges, the loss"):
        training.train(broken, 1, acoustic, folder=tmp_path, seed=1, device="cpu")


def test_an_exported_encoder_is_one_like_any_other(tmp_path):
    model = weights.build(training.config())
    encoder.export(model, tmp_path / "mine", "# card\n")
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


def test_the_notebook_makes_an_encoder_by_one_command(tmp_path):
    command = [sys.executable, "-m", "hump", "encoder", "--scale", "0.0001", "--folder", tmp_path]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert re.search(r"iteration 2: update 10 of 10, 0\.1 h of speech, loss \d", run.stdout)
    made = encoders.find(tmp_path)
    assert made.trained and made.n_layers == 12
    curves = pd.read_csv(tmp_path / "curves.csv")
    assert curves["iteration"].tolist() == [1, 1, 2, 2] and (tmp_path / "curves.png").is_file()
    card = (tmp_path / "README.md").read_text()
    assert f"| {curves['loss_masked'][1]:.3f} | {curves['loss_masked'][3]:.3f} |" in card
    text = (tmp_path / "00_mini_hubert.ipynb").read_text()
    assert "audio/" not in text and str(ROOT) not in text
