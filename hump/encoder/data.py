"""What the encoder is trained on: people's speech and synthetic speech, varied at random."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import soxr

from hump.audio import SAMPLING_RATE, load
from hump.demo import voice
from hump.demo.recording import record
from hump.encoder import speech
from hump.errors import CorpusError, ParameterError
from hump.features import encoders
from hump.util import seeds

WINDOW, HOP_LENGTH = 400, 320  # samples of HuBERT's frames
HELD_OUT = 20  # one speaker in so many of a source is never trained on
# In what the student differs from a narrower HuBERT that it starts from.
NETWORK = {
    name: encoders.UNTRAINED_CONFIG[name]
    for name in ("hidden_size", "intermediate_size", "conv_dim", "num_conv_pos_embeddings")
}
COLUMNS = ["file", "source", "speaker", "language", "seconds"]  # of the manifest
MANIFEST = "manifest.csv"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Sizes and settings of a distillation.

    Attributes
    ----------
    scale : float
        Share of the full training, see `scaled`.
    steps : tuple of int
        Updates of the two stages.
    predicts : tuple of tuple of tuple of int
        For each stage, pairs of a layer of the student and that of the teacher which it predicts;
        0 is what enters the first transformer layer. The first stage trains all up to its last
        layer, the second the layers above, on what the first has learnt.
    network : dict
        What differs in the student's configuration from that of the network it starts from.
    pieces : int
        Stretches of speech. The teacher hears each once, at its first visit.
    synthetic : float
        Share of pieces that eSpeak NG speaks.
    seconds, shortest : float
        Length of a piece, and of the shortest part that the student hears of one at a visit.
    speed : float
        People are played faster or slower by a factor of up to this, pitch and formants with it.
    noise : float
        Share of visits at which the student hears noise that the teacher has not heard.
    batch : int
        Pieces of an update.
    cosine : float
        Weight of the cosine distance, beside the mean squared error.
    learning_rate, warm_up, decay, weight_decay : float
        AdamW: peak learning rate, updates in which it rises to it, share of updates in which it
        falls to 0 at the end (both linearly), weight decay.
    held_out : int
        Pieces of speakers that are never trained on, for the curves.
    evaluate_every : int
        Updates between evaluations; each saves a checkpoint.
    """

    scale: float = 1.0
    steps: tuple[int, int] = (3500, 200)
    predicts: tuple = (((0, 0), (1, 1), (5, 2), (9, 3)), ((12, 3),))
    network: dict = dataclasses.field(default_factory=lambda: NETWORK)
    pieces: int = 2400
    synthetic: float = 0.2
    seconds: float = 4.0
    shortest: float = 2.0
    speed: float = 1.4
    noise: float = 0.3
    batch: int = 8
    cosine: float = 0.3
    learning_rate: float = 1e-3
    warm_up: int = 100
    decay: float = 0.6
    weight_decay: float = 0.01
    held_out: int = 16
    evaluate_every: int = 100

    @classmethod
    def scaled(cls, scale: float) -> "Recipe":
        """The recipe with a share of updates and pieces: 1 is the full training, 0.002 a test.

        Parameters
        ----------
        scale : float

        Returns
        -------
        Recipe

        Raises
        ------
        ParameterError
            Not a positive number.
        """
        if not isinstance(scale, (int, float)) or not 0 < scale < float("inf"):
            raise ParameterError(
                f"scale={scale!r}: a positive number is required; 1 is the full training"
            )

        def part(number, least, most=None):
            return min(max(least, round(number * scale)), most or 10**9)

        return cls(
            scale=scale,
            steps=tuple(part(steps, 6) for steps in cls.steps),
            pieces=part(cls.pieces, 24),
            held_out=part(cls.held_out, 4, cls.held_out),
            warm_up=part(cls.warm_up, 2, cls.warm_up),
            evaluate_every=part(cls.evaluate_every, 3, cls.evaluate_every),
        )

    @property
    def frames(self) -> int:
        """HuBERT's frames of a piece."""
        return (int(self.seconds * SAMPLING_RATE) - WINDOW) // HOP_LENGTH + 1

    def hours(self, steps: int) -> float:
        """Hours of speech that the student hears in so many updates, on average."""
        return steps * self.batch * (self.seconds + self.shortest) / 2 / 3600

    def table(self) -> pd.DataFrame:
        """Settings and their values."""
        return pd.Series(dataclasses.asdict(self), name="value").to_frame()


class Speech:
    """Pieces of people's speech and of synthetic speech; each depends on seed and number alone.

    A source of recordings is drawn by the square root of its number of speakers, then a speaker,
    then a file: one who spoke for half an hour does not drown hundreds who spoke for seconds.

    Parameters
    ----------
    recipe : Recipe
    folder : str or Path
        Recorded speech with its `manifest`.
    seed : int
    held_out : bool
        Only the speakers that are never trained on; without, all others.
    """

    def __init__(self, recipe, folder, seed, *, held_out=False):
        self.recipe, self.seed, self.folder = recipe, seed, Path(folder)
        self.role = "held out" if held_out else "train"
        table = manifest(folder)
        number = table.groupby("source")["speaker"].transform(lambda names: pd.factorize(names)[0])
        table = table[(number % HELD_OUT == HELD_OUT - 1) == held_out]
        if table.empty:
            raise CorpusError(
                f"{Path(folder) / MANIFEST}: no source has {HELD_OUT} speakers, so that none is "
                "kept for the loss on people who are not heard; add speakers"
            )
        self.files = {
            source: list(rows.groupby("speaker")["file"].agg(list))
            for source, rows in table.groupby("source")
        }
        weights = np.sqrt([len(speakers) for speakers in self.files.values()])
        self.weights = weights / weights.sum()

    def __getitem__(self, number):
        """A piece, shape (samples,), float32, 16 kHz; and whose: a source, or a synthetic voice."""
        key = (self.seed, self.role, number)
        rng = seeds.generator(*key, "piece")
        if rng.random() < self.recipe.synthetic:
            spoken = speech.speak(*key, seconds=self.recipe.seconds)
            return spoken.signal, f"synthetic, {spoken.language}, {spoken.variant}"
        samples = int(self.recipe.seconds * SAMPLING_RATE)
        factor = self.recipe.speed ** rng.uniform(-1, 1)
        signal, source = self._recorded(int(samples * factor) + 1, rng)
        signal = soxr.resample(signal, SAMPLING_RATE * factor, SAMPLING_RATE)
        cues = dict.fromkeys(speech.CUES, 0.0) | {"tilt_db": rng.uniform(-3, 3), "breath_db": -60.0}
        signal = voice.colour(signal, timbre_db=rng.normal(0, 2.0, size=8), cues=cues, rng=rng)
        recording = speech.random_recording(rng)
        return record(signal, recording=recording, loudness_db=0.0, rng=rng)[:samples], source

    def _recorded(self, samples, rng):
        """A stretch of a speaker, of several files if one is too short."""
        source = rng.choice(list(self.files), p=self.weights)
        speakers = self.files[source]
        files = speakers[rng.integers(len(speakers))]
        parts, length = [], 0
        while length < samples:
            parts.append(load(self.folder / files[rng.integers(len(files))]))
            length += len(parts[-1])
        first = rng.integers(length - samples + 1)
        signal = np.concatenate(parts).astype(np.float64)[first : first + samples]
        # A pause of nothing but zeros has no level to scale.
        return signal + 1e-5 * rng.standard_normal(samples), str(source)


def manifest(folder) -> pd.DataFrame:
    """The table of recorded speech in a folder.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    pandas.DataFrame
        ``manifest.csv``: a row a file with file (below the folder), source, speaker, language and
        seconds.

    Raises
    ------
    CorpusError
        There is none, it is empty or lacks a column.
    """
    path = Path(folder) / MANIFEST
    wanted = f"a row a file of recorded speech with {', '.join(COLUMNS)} is required"
    if not path.is_file():
        raise CorpusError(f"{path}: is missing; {wanted}")
    table = pd.read_csv(path)
    if missing := set(COLUMNS) - set(table) or ({"rows"} if table.empty else set()):
        raise CorpusError(f"{path}: has no {', '.join(sorted(missing))}; {wanted}")
    return table


def heard(signals, states, recipe: Recipe, rng):
    """What the student hears of pieces at a visit, and what the teacher made of it.

    Parameters
    ----------
    signals : numpy.ndarray, shape (pieces, samples), float32
    states : numpy.ndarray, shape (pieces, frames, layers, width)
        The teacher's.
    recipe : Recipe
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, shape (pieces, fewer samples), float32
        Parts of one length, some with noise, of mean 0 and variance 1.
    numpy.ndarray, shape (pieces, fewer frames, layers, width)
        The states of these parts.
    """
    shortest = round(recipe.frames * recipe.shortest / recipe.seconds)
    frames = int(rng.integers(shortest, recipe.frames + 1))
    first = rng.integers(recipe.frames - frames + 1, size=len(signals))
    samples = (frames - 1) * HOP_LENGTH + WINDOW
    starts = list(zip(range(len(signals)), first, strict=True))
    parts = np.stack([signals[n, at * HOP_LENGTH :][:samples] for n, at in starts])
    noisy = rng.random(len(parts)) < recipe.noise
    level_db = np.where(noisy, rng.uniform(-40, -10, len(parts)), -120)
    gain = (parts.std(1) * 10 ** (level_db / 20))[:, None].astype(np.float32)
    parts = parts + rng.standard_normal(parts.shape, dtype=np.float32) * gain
    parts -= parts.mean(1, keepdims=True)
    parts /= np.sqrt(parts.var(1, keepdims=True) + 1e-7)
    return parts, np.stack([states[n, at:][:frames] for n, at in starts])
