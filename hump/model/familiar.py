"""How far an utterance lies from those that a model was trained on, stream by stream."""

import dataclasses

import torch

from hump.model.network import Batch, HumpCat


def distances(model: HumpCat, batch: Batch) -> torch.Tensor:
    """Root mean square of each stream's features, averaged over time and scaled.

    Scaling by the model's own means and standard deviations makes this a distance from the training
    mean: near 0 for an average utterance. What is far is told by the training utterances
    themselves: `hump.predict` compares with a percentile that is stored with the model.

    Parameters
    ----------
    model : HumpCat
    batch : Batch

    Returns
    -------
    torch.Tensor, shape (B, streams of the model), float32
        In standard deviations.
    """
    columns = []
    for stream in model.config.streams:
        values = getattr(batch, stream)
        if stream != "prosody":
            length = getattr(batch, f"{stream}_length")
            owner = torch.repeat_interleave(length)
            sums = values.new_zeros(len(length), values[0].numel())
            values = sums.index_add(0, owner, values.flatten(1)) / length[:, None]
        scaled = getattr(model, f"scale_{stream}")(values)
        columns.append(scaled.square().mean(dim=1).sqrt())
    return torch.stack(columns, dim=1)


def without(model: HumpCat, batch: Batch, stream: str) -> Batch:
    """A batch in which every frame of a stream is the training mean, so that it says nothing.

    Parameters
    ----------
    model : HumpCat
    batch : Batch
    stream : str
        ``hubert``, ``mfcc`` or ``prosody``.

    Returns
    -------
    Batch
    """
    values, mean = getattr(batch, stream), getattr(model, f"scale_{stream}").mean
    return dataclasses.replace(batch, **{stream: mean.view(values.shape[1:]).expand_as(values)})
