"""Random speech: endless, repeatable, and nothing of the demo corpora in it."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from hump import babble
from hump.demo import actors, catalogue, scripts

SECONDS = 1.5


def digest(take):
    return hashlib.sha256(take.signal.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def takes():
    return [babble.speak(1, "test", number, seconds=SECONDS) for number in range(40)]


def test_same_purpose_same_piece_in_any_process(takes):
    again = babble.speak(1, "test", 7, seconds=SECONDS)
    assert digest(again) == digest(takes[7]) and again.text == takes[7].text
    code = (
        "import hashlib; from hump import babble; take = babble.speak(1, 'test', 7, seconds=1.5); "
        "print(hashlib.sha256(take.signal.tobytes()).hexdigest())"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == digest(takes[7])


def test_every_piece_is_another(takes):
    other_seed = babble.speak(2, "test", 7, seconds=SECONDS)
    assert len({digest(take) for take in [*takes, other_seed]}) == len(takes) + 1
    assert len({take.language for take in takes}) >= 8
    assert len({take.variant for take in takes}) >= 25


def test_pieces_are_speech_of_the_length_asked_for(takes):
    for take in takes:
        assert take.signal.shape == (int(SECONDS * babble.SAMPLING_RATE),)
        assert take.signal.dtype == np.float32 and np.isfinite(take.signal).all()
        assert 0.005 < np.abs(take.signal).max() <= 0.97


def test_longer_pieces_join_sentences():
    take = babble.speak(1, "test", 0, seconds=12.0)
    assert len(take.signal) == 12 * babble.SAMPLING_RATE
    assert take.text.count(".") >= 2


@pytest.mark.parametrize("language", babble.LANGUAGES)
def test_every_language_is_spoken_in_words_of_its_own(language, monkeypatch):
    monkeypatch.setattr(babble, "LANGUAGES", {language: babble.LANGUAGES[language]})
    take = babble.speak(1, "language", 0, seconds=SECONDS)
    assert take.language == language
    script = {"cmn": "\u4e00", "ru": "\u0430"}.get(language)
    if script:
        assert any(abs(ord(letter) - ord(script)) < 0x6000 and ord(letter) > 0x3FF
                   for letter in take.text)  # fmt: skip
    else:
        assert max(map(ord, take.text)) < 0x250


def test_every_voice_speaks_at_its_deepest():
    """In a process of its own, which an overrun buffer would end."""
    code = """
from hump import babble
from hump.demo import espeak
for variant in babble.variants():
    for _ in range(10):
        speech = espeak.speak("使用加入作品位置", voice=f"cmn+{variant}", pitch_st=babble.LOWEST_ST,
                              range_oct=0.9, rate_wpm=210)
    print(variant, abs(speech).max() > 0.01)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout.splitlines()[-1:]
    assert run.stdout.splitlines() == [f"{name} True" for name in babble.variants()]


def test_nothing_of_the_demo_corpora_is_in_it(takes):
    cast = {
        actors.actor(corpus, number, seed=1).variant
        for corpus in catalogue.CATALOGUE for number in range(1, actors.CAST + 1)
    }  # fmt: skip
    assert not cast & set(babble.variants()) and len(babble.variants()) > 80
    said = {sentence for script in scripts.SENTENCES for sentence in scripts.sentences(script)}
    assert not any(sentence in take.text for take in takes for sentence in said)
