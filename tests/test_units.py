"""What the embedded encoder predicts: nearest centres, periodicity, manner."""

import numpy as np
import pytest
import torch
from scipy import signal as dsp

from hump import units


def tones(hertz, seconds=1.0):
    """A voice-like wave of each pitch: ten harmonics, each weaker than the last."""
    time = torch.arange(int(16_000 * seconds)) / 16_000
    return torch.stack([
        sum(torch.sin(2 * torch.pi * n * h * time) / n for n in range(1, 11)) for h in hertz
    ])  # fmt: skip


def test_periodicity_is_highest_at_the_pitch():
    hertz = [60 * 2 ** (semitones / 12) for semitones in (10, 16, 24, 33)]
    found = units.periodicity(tones(hertz))
    assert found.shape == (4, 49, 40) and found.dtype == torch.float32
    middle = found[:, 5:-5]
    # A multiple of the period repeats as well: the shortest of the best is the pitch.
    highest = [int(np.flatnonzero(row > row.max() - 0.05)[-1]) for row in middle.mean(1).numpy()]
    assert highest == [10, 16, 24, 33]
    assert (middle.amax(-1) > 0.9).all() and (middle <= 1.05).all()


def test_noise_and_silence_have_no_period():
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 16_000))).float()
    assert units.periodicity(noise)[:, 5:-5].abs().mean() < 0.1
    assert units.periodicity(torch.zeros(1, 16_000)).abs().max() == 0


def test_periodicity_is_the_windowed_autocorrelation():
    rng = np.random.default_rng(1)
    wave = dsp.lfilter([1], [1, -0.9], rng.standard_normal(16_000))
    found = units.periodicity(torch.from_numpy(wave).float()[None])[0, 20].numpy()
    # Frame 20 sees samples 6400 to 6800: 1,024 samples about their middle.
    piece = wave[6600 - 512 : 6600 + 512]
    window = np.hanning(1025)[:1024]
    piece = (piece - piece.mean()) * window
    own, of_window = (np.correlate(v, v, "full")[1023:] for v in (piece, window))
    lags = 16_000 / (60 * 2 ** (np.arange(40) / 12))
    expected = np.interp(lags, np.arange(1024), own / own[0])
    expected /= np.interp(lags, np.arange(1024), of_window / of_window[0])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_frames_are_centred_on_those_of_hubert():
    click = torch.zeros(1, 16_000)
    click[0, 6600] = 1.0  # the middle of frame 20
    power = units._power(click)[0].sum(-1)
    assert power.argmax() == 20


def test_manner_is_mean_and_deviation_of_the_half_second_around():
    rng = np.random.default_rng(2)
    wave = torch.from_numpy(rng.standard_normal((1, 32_000)) * np.linspace(0.1, 1, 32_000)).float()
    found = units.manner(wave)[0]
    assert found.shape == (99, 120)
    periods = units.periodicity(wave)[0]
    near = periods[50 - 12 : 50 + 13]
    torch.testing.assert_close(found[50, :40], near.mean(0), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found[50, 60:100], near.std(0, correction=0), atol=1e-4, rtol=1e-3)
    energies = found[:, 40:60].mean(1)
    assert energies[85] > energies[10] + 1  # it gets louder
    # At the start only what is there counts.
    torch.testing.assert_close(found[0, :40], periods[:13].mean(0), atol=1e-5, rtol=1e-4)


def test_clusters_are_found_and_named_by_their_nearest_centre():
    rng = np.random.default_rng(3)
    spots = np.array([[0, 0], [10, 0], [0, 1000]], np.float32)
    frames = torch.from_numpy(np.repeat(spots, 400, axis=0))
    frames = frames + torch.from_numpy(rng.normal(0, [0.1, 10], (1200, 2)).astype(np.float32))
    book = units.cluster("mfcc", frames.reshape(3, 400, 2), 3, seed=0, device="cpu")
    found = book.nearest(frames.reshape(3, 400, 2))
    assert all(len(row.unique()) == 1 for row in found) and len(found.unique()) == 3


@pytest.mark.parametrize("view", ["pitch", "manner"])
def test_views_are_computed_of_the_signals(view):
    describe = {"pitch": units.periodicity, "manner": units.manner}[view]
    wave = tones([100, 200])
    book = units.cluster(view, describe(wave), 4, seed=0, device="cpu")
    found = units.Units((book,))(wave, None)
    assert found.shape == (1, 2, 49)
    assert torch.equal(found[0], book.nearest(describe(wave)))
    assert set(found[0, 0, 10:-10].tolist()).isdisjoint(found[0, 1, 10:-10].tolist())
