"""The six demo corpora: language, sentences, recording and culture of acting.

Corpora differ as published ones do: in bandwidth, noise, room and level, and in how their actors
act. Emotions in the voice are understood across cultures, though worse than within one (Scherer,
Banse and Wallbott 2001, J. Cross-Cult. Psychol. 32(1), doi:10.1177/0022022101032001009): cues are
shared, their sizes and styles are not.

Sentences are everyday statements without emotional content. Every one is spoken in every emotion,
so that the words tell nothing about the label, as in acted corpora since Burkhardt et al. (2005,
"A database of German emotional speech", Interspeech). The source and the English target have
different sentences.
"""

import dataclasses
from pathlib import Path

import yaml

from hump.demo.acting import Culture
from hump.demo.recording import Recording


@dataclasses.dataclass(frozen=True)
class Corpus:
    """What a demo corpus is made of.

    Attributes
    ----------
    language : str
        In English words.
    prefix : str
        First letters of its speakers' names.
    script : str
        Key of `SENTENCES`.
    voice : str
        Language of eSpeak NG.
    rate_wpm : float
        Usual rate of speech, words per minute.
    recording : Recording
    culture : Culture
    acting : str
        The culture in words.
    """

    language: str
    prefix: str
    script: str
    voice: str
    rate_wpm: float
    recording: Recording
    culture: Culture
    acting: str


def _corpus(recording, culture, **said):
    return Corpus(recording=Recording(**recording), culture=Culture(**culture), **said)


def _read(name):
    return yaml.safe_load(Path(__file__).with_name(name).read_text(encoding="utf-8")).items()


CATALOGUE = {name: _corpus(**said) for name, said in _read("catalogue.yaml")}
# Script -> its sentences, in the order of their numbers in file names.
SENTENCES = {script: tuple(lines) for script, lines in _read("scripts.yaml")}
