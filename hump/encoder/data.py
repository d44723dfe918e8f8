"""What the encoder is trained on: the recipe, and synthetic speech in batches."""

import dataclasses
import functools
import os

import numpy as np
import pandas as pd
import threadpoolctl
import torch
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from hump.encoder import speech
from hump.errors import ParameterError
from hump.features import mfcc
from hump.util import parallel

WINDOW, HOP_LENGTH = 400, 320  # samples of HuBERT's frames
BATCHES_AHEAD = 4  # that a worker process prepares
FEW = 32  # utterances that are made sooner than worker processes start


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Sizes and settings of a training.

    Attributes
    ----------
    scale : float
        Share of the full training, see `scaled`.
    steps : tuple of int
        Updates of the two iterations. The second starts from the first's network with new unit
        embeddings. The paper starts again from random weights, which costs the first's updates
        again.
    units : tuple of int
        Clusters of the two iterations (the paper: 100 and 500).
    layer : int
        The layer whose states are clustered for the second iteration.
    clustered : int
        Utterances that are clustered.
    held_out : int
        Utterances that are never trained on, for the curves and for stopping early.
    seconds : float
        Length of an utterance.
    batch : int
        Utterances of an update.
    learning_rate, warm_up, weight_decay : float
        AdamW: peak learning rate, share of updates in which it rises to it (it then falls to 0,
        both linearly), weight decay.
    span_start, span : float, int
        Share of frames that start a masked span, and its length in frames, as in the paper.
    unmasked_weight : tuple of tuple of float
        Weight of the loss on unmasked frames (1 - alpha against alpha in equation (2), the loss on
        masked frames having weight 1) at each iteration's start and end. The paper has 0; a small
        training then does not get beyond predicting the commonest units.
    evaluate_every : int
        Updates between evaluations on the held-out utterances; each saves a checkpoint.
    patience : int
        Evaluations without a lower loss on masked frames before an iteration stops early.
    """

    scale: float = 1.0
    steps: tuple[int, int] = (2800, 2200)
    units: tuple[int, int] = (100, 200)
    layer: int = 6
    clustered: int = 600
    held_out: int = 64
    seconds: float = 2.0
    batch: int = 16
    learning_rate: float = 1.5e-3
    warm_up: float = 0.08
    weight_decay: float = 0.01
    span_start: float = 0.08
    span: int = 10
    unmasked_weight: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 1.0), (1.0, 0.5))
    evaluate_every: int = 100
    patience: int = 10

    @classmethod
    def scaled(cls, scale: float) -> "Recipe":
        """The recipe on a share of the data: 1 is the full training, 0.004 a smoke test.

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

        def part(number, least):
            return max(least, round(number * scale))

        return cls(
            scale=scale,
            steps=tuple(part(steps, 10) for steps in cls.steps),
            clustered=part(cls.clustered, 20),
            held_out=part(cls.held_out, 8),
            evaluate_every=part(cls.evaluate_every, 5),
        )

    @property
    def frames(self) -> int:
        """HuBERT's frames of an utterance."""
        return (int(self.seconds * speech.SAMPLING_RATE) - WINDOW) // HOP_LENGTH + 1

    def hours(self, steps: int) -> float:
        """Hours of speech in so many updates."""
        return steps * self.batch * self.seconds / 3600

    def table(self) -> pd.DataFrame:
        """What differs between the iterations, and from the paper's base network."""
        hours = [f"{self.hours(steps):.1f}" for steps in self.steps]
        weights = ["{} to {}".format(*weights) for weights in self.unmasked_weight]
        rows = {
            "updates": (*self.steps, "250,000 and 400,000"),
            "units": (*self.units, "100 and 500"),
            "hours of speech": (*hours, "960, many times"),
            "weight of the loss on unmasked frames": (*weights, "0"),
            "starts from": ("random weights", "iteration 1", "random weights"),
        }
        columns = ["iteration 1", "iteration 2", "Hsu et al., base"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def examples(recipe: Recipe, *, seed: int, count: int) -> list[speech.Utterance]:
    """The first utterances that are trained on."""
    return [speech.speak(seed, "train 1", n, seconds=recipe.seconds) for n in range(count)]


class Speech(Dataset):
    """Synthetic utterances of mean 0 and variance 1, with their MFCC; each depends on its number.

    Parameters
    ----------
    recipe : Recipe
    seed : int
    role : str
        What they are for, part of the RNG key: ``train 1``, ``train 2``, ``bank``, ``held out``.
    size : int
    with_mfcc : bool
        Without, the MFCC are empty.
    """

    def __init__(self, recipe, seed, role, size, *, with_mfcc):
        self.recipe, self.seed, self.role = recipe, seed, role
        self.size, self.with_mfcc = size, with_mfcc

    def __len__(self):
        return self.size

    def __getitem__(self, number):
        signal = speech.speak(self.seed, self.role, number, seconds=self.recipe.seconds).signal
        signal = (signal - signal.mean()) / np.sqrt(signal.var() + 1e-7)
        if not self.with_mfcc:
            return torch.from_numpy(signal), torch.zeros(0)
        # Every second frame of 10 ms: those centred within HuBERT's.
        frames = mfcc.extract(signal)[1::2][: self.recipe.frames]
        return torch.from_numpy(signal), torch.from_numpy(frames)

    def loader(self, first: int = 0) -> DataLoader:
        """Batches from an utterance on; many are made by worker processes, ahead of their use."""
        numbers = range(first, self.size)
        loader = functools.partial(DataLoader, self, batch_size=self.recipe.batch, sampler=numbers)
        if len(numbers) <= FEW:
            return loader()
        return loader(
            num_workers=parallel.workers(),
            prefetch_factor=BATCHES_AHEAD,
            multiprocessing_context="spawn",
            worker_init_fn=_make_way,
        )

    def batches(self, label: str, device: str):
        """All signals and MFCC in batches on a device, with a progress bar."""
        for signals, frames in tqdm(self.loader(), label, unit="batch"):
            yield signals.to(device), frames.to(device)


def _make_way(_):
    """Let a worker process use what the training leaves of the cores."""
    os.nice(19)
    torch.set_num_threads(1)
    threadpoolctl.threadpool_limits(1)
