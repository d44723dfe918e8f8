"""One utterance of a demo corpus, from its name alone."""

from hump.demo.acting import actor, generator, portray
from hump.demo.catalogue import CATALOGUE, SENTENCES
from hump.demo.recording import record
from hump.demo.voice import colour, speak


def synthesise(name: str, *, seed: int, number: int, emotion: str, sentence: int, take: int):
    """Acted speech; the same samples whatever was synthesised before.

    Parameters
    ----------
    name : str
        One of `hump.params.folders.DEMO`.
    seed : int
    number : int
        The actor's, from 1.
    emotion : str
        One of `hump.params.names.EMOTIONS`.
    sentence, take : int
        From 1.

    Returns
    -------
    numpy.ndarray, shape (samples,), float32
        Within -1 to 1, at `SAMPLING_RATE`.
    """
    corpus = CATALOGUE[name]
    speaker = actor(name, number, seed=seed)
    rng = generator(seed, name, number, emotion, sentence, take)
    cues = portray(emotion, culture=corpus.culture, manner=speaker.manner, rng=rng)
    signal = speak(
        SENTENCES[corpus.script][sentence - 1],
        voice=f"{corpus.voice}+{speaker.variant}",
        pitch_st=speaker.pitch_st,
        rate_wpm=corpus.rate_wpm * speaker.rate,
        formants=speaker.formants * (1 + cues["smile"]),
        cues=cues,
        rng=rng,
    )
    signal = colour(signal, timbre_db=speaker.timbre_db, cues=cues, rng=rng)
    return record(signal, recording=corpus.recording, loudness_db=cues["loudness_db"], rng=rng)
