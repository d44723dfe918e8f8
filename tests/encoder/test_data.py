"""What the encoder is trained on."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

from hump import encoder
from hump.encoder import data
from hump.errors import CorpusError, ParameterError


def test_one_parameter_scales_the_training():
    whole, tenth, smoke = (encoder.Recipe.scaled(scale) for scale in (1, 0.1, 0.002))
    assert whole == encoder.Recipe()
    assert tenth.steps == tuple(round(steps / 10) for steps in whole.steps)
    assert smoke.steps == (round(whole.steps[0] * 0.002), 6) and smoke.pieces == 24
    assert smoke.warm_up < smoke.steps[0] and smoke.seconds == whole.seconds
    assert encoder.Recipe.scaled(10).held_out == whole.held_out
    assert tenth.hours(100) == 100 * tenth.batch * (tenth.seconds + tenth.shortest) / 2 / 3600


@pytest.mark.parametrize("scale", [0, -1, float("nan"), "much"])
def test_a_scale_that_is_not_a_positive_number_is_refused(scale):
    with pytest.raises(ParameterError, match=r"scale=.*positive number"):
        encoder.Recipe.scaled(scale)


def test_a_piece_depends_on_seed_and_number_alone(recipe, recorded):
    pieces = encoder.Speech(recipe, recorded, 1)
    signal, source = pieces[5]
    assert signal.shape == (16_000,) and signal.dtype == np.float32 and np.isfinite(signal).all()
    again, same = encoder.Speech(recipe, recorded, 1)[5]
    assert np.array_equal(signal, again) and same == source
    assert not np.array_equal(signal, encoder.Speech(recipe, recorded, 2)[5][0])
    assert not np.array_equal(signal, pieces[6][0])


def test_some_pieces_are_synthetic(recipe, recorded, monkeypatch):
    spoken = SimpleNamespace(signal=np.zeros(16_000, np.float32), language="de", variant="klaus")
    monkeypatch.setattr(data.speech, "speak", lambda *key, seconds: spoken)
    monkeypatch.setattr(data, "record", lambda signal, **_: signal)
    monkeypatch.setattr(data.voice, "colour", lambda signal, **_: signal)
    pieces = encoder.Speech(recipe, recorded, 1)
    whose = pd.Series([pieces[n][1] for n in range(200)])
    assert (whose == "synthetic, de, klaus").mean() == pytest.approx(recipe.synthetic, abs=0.07)
    assert set(whose) == {"synthetic, de, klaus", "a", "b"}


def test_sources_are_drawn_by_the_root_of_their_speakers_and_some_speakers_never(
    recipe, recorded, monkeypatch
):
    read = []
    monkeypatch.setattr(data, "load", lambda path: (read.append(path.name), np.ones(16_000))[1])
    drawn = {}
    for held_out in (False, True):
        pieces = encoder.Speech(recipe, recorded, 1, held_out=held_out)
        rng = np.random.default_rng(0)
        sources = pd.Series([pieces._recorded(12_000, rng)[1] for _ in range(400)])
        drawn[held_out] = {name.split("-")[1] for name in read}
        read.clear()
        if not held_out:  # 20 speakers to 1
            shares = sources.value_counts()
            assert 3.2 < shares["a"] / shares["b"] < 6.2
    assert drawn[True] == {"a19"} and "a19" not in drawn[False] and len(drawn[False]) == 21


def test_speed_moves_pitch_by_no_more_than_asked_for(recipe, recorded, tmp_path):
    time = np.arange(64_000) / 16_000
    soundfile.write(tmp_path / "tone.wav", 0.1 * np.sin(2 * np.pi * 400 * time), 16_000)
    (tmp_path / "manifest.csv").write_text(
        "file,source,speaker,language,seconds\ntone.wav,a,s,Tonal,4\n"
    )
    real = dataclasses.replace(recipe, synthetic=0.0)
    pieces = encoder.Speech(real, tmp_path, 1)
    peaks = [np.abs(np.fft.rfft(pieces[n][0])).argmax() for n in range(20)]  # in Hz
    assert 400 / 1.41 < min(peaks) < 330 and 480 < max(peaks) < 400 * 1.41


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "is missing"), ("file,source\na,b\n", "no language, seconds, speaker"),
     ("file,source,speaker,language,seconds\n", "no rows")],
)  # fmt: skip
def test_a_folder_without_a_manifest_is_refused(tmp_path, text, words):
    if text:
        (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(CorpusError, match=f"manifest.csv: .*{words}.*is required"):
        data.manifest(tmp_path)


def test_so_few_speakers_that_none_can_be_held_out(recipe, recorded, tmp_path):
    few = data.manifest(recorded).drop_duplicates("source")
    few.to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(CorpusError, match=r"manifest\.csv: no source has 20 speakers"):
        data.Speech(recipe, tmp_path, 1, held_out=True)


def test_the_student_hears_a_part_with_the_states_of_that_part(recipe):
    signals = np.arange(16_000, dtype=np.float32)[None].repeat(3, 0)
    states = np.arange(recipe.frames)[None, :, None, None].repeat(3, 0)
    still = dataclasses.replace(recipe, noise=0.0)
    lengths = set()
    for seed in range(20):
        parts, their = data.heard(signals, states, still, np.random.default_rng(seed))
        frames = their.shape[1]
        lengths.add(frames)
        assert parts.shape == (3, (frames - 1) * 320 + 400)
        assert their.shape == (3, frames, 1, 1) and (np.diff(their[:, :, 0, 0]) == 1).all()
        np.testing.assert_allclose(parts.mean(1), 0, atol=1e-4)
        np.testing.assert_allclose(parts.std(1), 1, atol=1e-3)
    assert min(lengths) < 33 and max(lengths) > 45 and max(lengths) <= recipe.frames == 49


def test_some_parts_have_noise_of_10_to_40_db_below(recipe):
    rng = np.random.default_rng(0)
    signals = np.sin(np.arange(16_000, dtype=np.float32))[None].repeat(200, 0)
    states = np.zeros((200, recipe.frames, 1, 1))
    parts, _ = data.heard(signals, states, recipe, rng)
    # A sine is twice its neighbours' mean times a cosine away from them.
    rest = parts[:, 1:-1] - (parts[:, 2:] + parts[:, :-2]) / (2 * np.cos(1))
    noise_db = 20 * np.log10(rest.std(1) / np.sqrt(1 + 1 / (2 * np.cos(1) ** 2)))
    noisy = noise_db > -60
    assert noisy.mean() == pytest.approx(recipe.noise, abs=0.1)
    assert -41 < noise_db[noisy].min() < -35 and -15 < noise_db[noisy].max() < -9
