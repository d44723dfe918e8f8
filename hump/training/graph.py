"""Gradients on a GPU: the work of a batch is recorded once, as a CUDA graph, and then repeated.

An update is a thousand small operations. To start them one by one takes eight times as long as a
GPU takes to do them.
"""

import functools

import torch

from hump.model import Batch

# Nothing can be recorded on the usual stream; libraries have memory for each stream of their own.
stream = functools.cache(torch.cuda.Stream)
_tried = set()  # in this process


class Recorder:
    """Records the work of a kind of batch, and repeats it for others of that kind.

    Batches are of one kind if they have equally many utterances and the same weights move. A
    recording is of fixed places in memory and of fixed shapes, so every utterance gets room for a
    whole crop. Random numbers and results are those of work that is not recorded.

    Parameters
    ----------
    about : hashable
        What else the work depends on. What was once done of a kind is recorded at once.
    room : pair of int
        The most frames of HuBERT and of MFCC that an utterance has.
    """

    def __init__(self, about, room: tuple[int, int]):
        self.about, self.room, self.kinds = about, room, {}

    def gradients(self, loss_of, pairs, moving) -> torch.Tensor:
        """Add the gradients of a loss to those that the weights have.

        Parameters
        ----------
        loss_of : callable
            Takes pairs as below, on the GPU; returns the loss. The same at each call.
        pairs : sequence of (Batch, torch.Tensor)
            On the CPU.
        moving : tuple of bool
            Which groups of weights get gradients.

        Returns
        -------
        torch.Tensor, scalar
            The loss.
        """
        parts = [(*batch.tensors, target) for batch, target in pairs]
        kind = moving, *(len(target) for *_, target in parts)
        if kind not in self.kinds:
            self.kinds[kind] = [self._places(tensors) for tensors in parts], None, None
        places, graph, loss = self.kinds[kind]
        for there, here in zip(places, parts):
            for place, tensor in zip(there, here):
                place[: len(tensor)].copy_(tensor, non_blocking=True)
        if (what := (self.about, self.room, kind)) not in _tried:
            _tried.add(what)  # libraries get ready, which cannot be recorded
            return self._descend(loss_of, places)
        if graph is None:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=stream()):
                loss = self._descend(loss_of, places)
            self.kinds[kind] = places, graph, loss
        graph.replay()
        return loss.clone()

    def _places(self, tensors):
        hubert, hubert_length, mfcc, mfcc_length, *others = tensors
        hubert, mfcc = (
            torch.zeros(rows * len(hubert_length), *sequence.shape[1:], dtype=sequence.dtype)
            for sequence, rows in zip((hubert, mfcc), self.room)
        )
        return [x.to("cuda") for x in (hubert, hubert_length, mfcc, mfcc_length, *others)]

    def _descend(self, loss_of, places):
        pairs = [(Batch(*tensors).evened(*self.room), target) for *tensors, target in places]
        loss = loss_of(*pairs)
        loss.backward()
        return loss.detach()
