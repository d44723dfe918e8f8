"""One utterance of a demo corpus, from its name alone."""

import numpy as np

from hump.demo import espeak
from hump.demo.acting import portray
from hump.demo.actors import actor
from hump.demo.catalogue import CATALOGUE
from hump.demo.draw import generator
from hump.demo.recording import record
from hump.demo.scripts import sentences
from hump.demo.voice import SAMPLING_RATE, colour, warp

__all__ = ["SAMPLING_RATE", "synthesise"]


def synthesise(name: str, *, seed: int, number: int, emotion: str, sentence: int, take: int):
    """Acted speech; the same bytes whatever was synthesised before.

    Parameters
    ----------
    name : str
        One of `hump.names.DEMO`.
    seed : int
    number : int
        The actor's, from 1.
    emotion : str
        One of `hump.names.EMOTIONS`.
    sentence, take : int
        From 1.

    Returns
    -------
    numpy.ndarray, float32 [shape=(samples,)]
        Within -1 to 1, at 16 kHz.
    """
    corpus = CATALOGUE[name]
    performer = actor(name, number, seed=seed)
    rng = generator(seed, name, number, emotion, sentence, take)
    cues = portray(emotion, culture=corpus.culture, manner=performer.manner, rng=rng)
    # `warp` raises F0 and rate with the formants: take off beforehand what it will add.
    formants = performer.formants * (1 + cues["smile"])
    plain = espeak.speak(
        sentences(corpus.script)[sentence - 1],
        voice=f"{corpus.voice}+{performer.variant}",
        pitch_st=performer.pitch_st + cues["pitch_st"] - 12 * np.log2(formants),
        range_oct=cues["range_oct"],
        rate_wpm=corpus.rate_wpm * performer.rate * 2 ** cues["rate_oct"] / formants,
    )
    plain = _trim(plain)
    voice = warp(plain, espeak.SAMPLING_RATE, formants=formants, cues=cues, rng=rng)
    voice = colour(voice, timbre_db=performer.timbre_db, cues=cues, rng=rng)
    return record(
        voice, SAMPLING_RATE, recording=corpus.recording, loudness_db=cues["loudness_db"], rng=rng
    )


def _trim(signal):
    """Cut the silence that eSpeak NG puts after a sentence."""
    loud = np.flatnonzero(np.abs(signal) > 0.002)
    return signal[loud[0] : loud[-1] + 1]
