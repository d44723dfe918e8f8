"""The classes that run the families of `hump.features.encoders.FAMILIES`; another one goes here."""

from hump.features.wav2vec2 import Data2Vec, Wav2Vec2, WavLM
from hump.features.wav2vec2_bert import Wav2Vec2Bert
from hump.features.whisper import Whisper

__all__ = ["Data2Vec", "Wav2Vec2", "Wav2Vec2Bert", "WavLM", "Whisper"]
