"""Synthetic speech: repeatable, of many voices, and nothing of the demo corpora in it."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from hump.demo import acting, catalogue
from hump.encoder import speech

SECONDS = 1.5


def digest(utterance):
    return hashlib.sha256(utterance.signal.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def utterances():
    return [speech.speak(1, "test", number, seconds=SECONDS) for number in range(40)]


def test_the_same_key_gives_the_same_utterance_in_any_process(utterances):
    again = speech.speak(1, "test", 7, seconds=SECONDS)
    assert digest(again) == digest(utterances[7]) and again.text == utterances[7].text
    code = (
        "import hashlib; from hump.encoder import speech; "
        "signal = speech.speak(1, 'test', 7, seconds=1.5).signal; "
        "print(hashlib.sha256(signal.tobytes()).hexdigest())"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == digest(utterances[7])


def test_no_two_utterances_are_the_same(utterances):
    other_seed = speech.speak(2, "test", 7, seconds=SECONDS)
    assert len({digest(one) for one in [*utterances, other_seed]}) == len(utterances) + 1
    assert len({one.language for one in utterances}) >= 8
    assert len({one.variant for one in utterances}) >= 25


def test_utterances_are_sound_of_the_length_asked_for(utterances):
    for one in utterances:
        assert one.signal.shape == (int(SECONDS * speech.SAMPLING_RATE),)
        assert one.signal.dtype == np.float32 and np.isfinite(one.signal).all()
        assert 0.005 < np.abs(one.signal).max() <= 0.97


def test_long_utterances_join_sentences():
    one = speech.speak(1, "test", 0, seconds=12.0)
    assert len(one.signal) == 12 * speech.SAMPLING_RATE
    assert one.text.count(".") >= 2


@pytest.mark.parametrize("language", speech.LANGUAGES)
def test_every_language_is_spoken_in_words_of_its_own(language, monkeypatch):
    monkeypatch.setattr(speech, "LANGUAGES", {language: speech.LANGUAGES[language]})
    one = speech.speak(1, "language", 0, seconds=SECONDS)
    assert one.language == language
    script = {"cmn": "\u4e00", "ru": "\u0430"}.get(language)
    if script:
        assert any(abs(ord(letter) - ord(script)) < 0x6000 and ord(letter) > 0x3FF
                   for letter in one.text)  # fmt: skip
    else:
        assert max(map(ord, one.text)) < 0x250


def test_every_voice_speaks_at_its_deepest():
    """In a process of its own, which an overrun buffer would end."""
    code = """
from hump.encoder import speech
from hump.demo import espeak
for variant in speech.variants():
    for _ in range(10):
        signal = espeak.speak("使用加入作品位置", voice=f"cmn+{variant}", pitch_st=speech.LOWEST_ST,
                              range_oct=0.9, rate_wpm=210)
    print(variant, abs(signal).max() > 0.01)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout.splitlines()[-1:]
    assert run.stdout.splitlines() == [f"{name} True" for name in speech.variants()]


def test_no_voice_and_no_sentence_is_of_the_demo_corpora(utterances):
    cast = {
        acting.actor(corpus, number, seed=1).variant
        for corpus in catalogue.CATALOGUE for number in range(1, acting.CAST + 1)
    }  # fmt: skip
    assert not cast & set(speech.variants()) and len(speech.variants()) > 80
    said = {sentence for lines in catalogue.SENTENCES.values() for sentence in lines}
    assert not any(sentence in one.text for one in utterances for sentence in said)
