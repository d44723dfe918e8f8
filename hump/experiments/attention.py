"""Normalised entropy of the attention heads of the fusion model.

A head's entropy is divided by that of uniform attention, the logarithm of the number of keys: 1
means equal weight on every key, as in a mean, 0 that all weight is on one key. Neither shows that a
head is useless, but a head at 1 adds nothing to averaging.
"""

import numpy as np
import pandas as pd
import torch

from hump.experiments import means
from hump.model import HumpCat
from hump.model.network import steps

# A head has collapsed if its normalised entropy is above the first or below the second. With 40
# keys, 0.99 is one key with three times the weight of each other, 0.05 one key with 98 % of all.
UNIFORM, ONE_KEY = 0.99, 0.05
# Who queries whom, in the order of the model's output.
DIRECTIONS = {
    "stage1": ("prosody to MFCC", "MFCC to prosody"),
    "stage2": ("encoder to fused", "fused to encoder"),
}
HEAD = ["stage", "direction", "block", "head"]


def entropy(weights: torch.Tensor, queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Entropy of attention, relative to uniform attention over the valid keys.

    Parameters
    ----------
    weights : Tensor, shape (B, heads, queries, keys)
        Each row sums to 1.
    queries : Tensor, bool, shape (B, queries)
        Which are not padding; the others are left out of the mean.
    keys : Tensor, bool, shape (B, keys)
        Which are not padding.

    Returns
    -------
    Tensor, float64, shape (B, heads)
        Mean over the valid queries, in [0, 1]. NaN where there is one key: such a head has no
        choice, and its entropy is 0 of at most 0.

    Examples
    --------
    >>> everyone = torch.ones(1, 4, dtype=torch.bool)
    >>> entropy(torch.full((1, 1, 4, 4), 0.25), everyone, everyone).item()
    1.0
    """
    valid = keys[:, None, None, :]
    found = torch.special.entr(weights.double().masked_fill(~valid, 0.0)).sum(dim=-1)
    most = keys.sum(dim=1).double().log()
    relative = torch.where(most > 0, 1 / most, torch.nan)[:, None, None] * found
    inside = queries[:, None, :]
    return relative.masked_fill(~inside, 0.0).sum(dim=-1) / queries.sum(dim=1)[:, None]


def collapse(value: float) -> str:
    """Classify a head by its normalised entropy.

    Parameters
    ----------
    value : float

    Returns
    -------
    str
        ``uniform`` above `UNIFORM`, ``one key`` below `ONE_KEY`, ``no choice`` if undefined, else
        ``no``.
    """
    if np.isnan(value):
        return "no choice"
    if value > UNIFORM:
        return "uniform"
    return "one key" if value < ONE_KEY else "no"


@torch.inference_mode()
def measure(model: HumpCat, data, positions, *, batch_size: int = 64) -> pd.DataFrame:
    """Normalised entropy of every head on every utterance.

    Parameters
    ----------
    model : HumpCat
        Set to evaluation mode.
    data : Data
    positions : sequence of int
        Rows of the data; their labels are not looked at.
    batch_size : int
        Changes nothing but time and memory.

    Returns
    -------
    pandas.DataFrame
        Columns position, stage, direction, block, head, keys (valid ones), entropy. Without rows
        if neither stage attends.
    """
    model.eval()
    device = model.head.weight.device
    parts = [pd.DataFrame(columns=["position", *HEAD, "keys", "entropy"])]
    for first in range(0, len(positions), batch_size):
        chosen = np.asarray(positions[first : first + batch_size])
        batch, seen = data.batch(chosen).to(device), {}
        model(batch, attention=seen)
        count = steps(batch.hubert_length)
        for stage, blocks in seen.items():
            for block, pair in enumerate(blocks, start=1):
                sizes = _valid(stage, pair, count)
                for name, weights, (queries, keys) in zip(
                    DIRECTIONS[stage], pair, (sizes, sizes[::-1])
                ):
                    found = entropy(weights, queries, keys).cpu().numpy()
                    where = (stage, name, block)
                    parts.append(_lines(chosen, where, found, keys.sum(dim=1).cpu().numpy()))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _valid(stage, pair, count):
    """Valid steps of the two sequences of a stage: HuBERT and MFCC have one length, prosody K."""
    _, _, a, b = pair[0].shape
    step = torch.arange(max(a, b), device=count.device)
    if stage == "stage1":
        sizes = torch.full_like(count, a), count
    else:
        # The fused sequence is the prosody tokens and the MFCC steps after them.
        sizes = count, count + (b - a)
    return [step[:width] < size[:, None] for width, size in zip((a, b), sizes)]


def _lines(positions, where, found, keys):
    heads = found.shape[1]
    lines = dict(zip(HEAD, where)) | {
        "position": np.repeat(positions, heads),
        "head": np.tile(np.arange(1, heads + 1), len(positions)),
        "keys": np.repeat(keys, heads),
        "entropy": found.ravel(),
    }
    return pd.DataFrame(lines)[["position", *HEAD, "keys", "entropy"]]


def summarise(measured: pd.DataFrame, by, settings, *, seed: int) -> pd.DataFrame:
    """A row a head and time of training: mean over utterances, with an interval over speakers.

    Parameters
    ----------
    measured : pandas.DataFrame
        Columns speaker, those of `by`, and those of `measure`.
    by : list of str
        Columns that name a corpus and a time, the last of which is ``update`` or ``epoch``.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    pandas.DataFrame
        Columns `by`, stage, direction, block, head, utterances, speakers, keys (median), entropy,
        entropy_low, entropy_high, collapse. Entropy is empty where every utterance has one key.
    """
    by, lines = [*by, *HEAD], []
    for cell, part in measured.groupby(by, sort=True):
        line = means(part, ["entropy"], settings=settings, seed=seed)
        line |= {"utterances": len(part), "speakers": part["speaker"].nunique()}
        line |= {"keys": float(part["keys"].median()), "collapse": collapse(line["entropy"])}
        lines.append(dict(zip(by, cell)) | line)
    facts = ["utterances", "speakers", "keys", "entropy", "entropy_low", "entropy_high", "collapse"]
    return pd.DataFrame(lines, columns=[*by, *facts])
