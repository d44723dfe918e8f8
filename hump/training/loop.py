"""The training loop: shuffled batches, Adam or AdamW, dropout and order from an RNG key."""

import contextlib

import numpy as np
import torch

from hump.errors import TrainingError
from hump.training import graph
from hump.training.dataset import HUBERT_RATE, Data
from hump.training.strategies import Everything, groups
from hump.util import device, seeds

# AdamW takes the decay from the weights, Adam adds it to the gradient.
OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def check_finite(model, what: str, tensors) -> None:
    """Refuse what a diverged training gives: every utterance would get the first class.

    Parameters
    ----------
    model : HumpCat
        `Trainer.epoch` notes in its attribute ``course`` how far it was trained.
    what : str
        Begins the message's last part: "weights are".
    tensors : iterable of torch.Tensor

    Raises
    ------
    TrainingError
        A value is NaN or infinite.
    """
    if not all(tensor.isfinite().all() for tensor in tensors):
        course = getattr(model, "course", "a model that was not trained here")
        raise TrainingError(
            f"training diverges: fold and draw {course}: {what} not finite; lower learning_rate, "
            "weight_decay or model.scale in the parameter file"
        )


def _joined(weights):
    """One parameter whose parts the weights are: an update takes longer for many small ones."""
    joined = torch.nn.Parameter(torch.cat([weight.detach().flatten() for weight in weights]))
    joined.gradient, sizes = torch.zeros_like(joined), [weight.numel() for weight in weights]
    parts = zip(weights, joined.data.split(sizes), joined.gradient.split(sizes))
    for weight, value, gradient in parts:
        weight.data, weight.grad = value.view_as(weight), gradient.view_as(weight)
    return joined


class Trainer:
    """Adam or AdamW over shuffled batches; each update follows a fine-tuning strategy.

    Parameters
    ----------
    model : HumpCat
        Trained in place.
    data : Data
    rows : numpy.ndarray of int
        Training rows.
    settings : PretrainParams or FinetuneParams
    rate : float
        Learning rate at the start.
    rng_key : tuple
        Key of the order of batches, of crops and of dropout; see `hump.util.seeds`.
    strategy : Everything or a subclass, optional
        By default all weights move.
    updates : int, optional
        Number of updates over which the learning rate falls linearly to 0. Without it the rate
        stays, and there is no end.

    Attributes
    ----------
    updates_left : int or None
    """

    def __init__(
        self, model, data: Data, rows, settings, rate, rng_key, *, strategy=None, updates=None
    ):
        self.model, self.data, self.rows = model, data, np.asarray(rows)
        self.settings, self.rate, self.rng_key = settings, rate, rng_key
        self.updates = self.updates_left = updates
        self.epochs = 0
        self.batch_size = settings.batch_size
        self.groups = [(_joined(group), group[0]) for group in groups(model)]
        self.optimizer = OPTIMIZERS[settings.optimizer](
            [joined for joined, _ in self.groups],
            lr=rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.rng = seeds.generator(*rng_key, "order")
        self.dropout_seed = seeds.seed_of(*rng_key, "dropout")
        self.class_weights = self.weights_of(data, self.rows)
        self.strategy = strategy or Everything()
        self.strategy.start(self)
        self.recorder = None
        if self.device.type == "cuda":
            frames = (int(settings.crop_s * r) for r in (HUBERT_RATE, data.features.mfcc_rate))
            about = model.config, type(self.strategy)
            self.recorder = graph.Recorder(about, tuple(frames))

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.head.weight.device

    def epoch(self, watch=None) -> float:
        """Pass over the rows once, or until no update is left.

        Parameters
        ----------
        watch : callable, optional
            Called with the model and the number of updates made, after each update.

        Returns
        -------
        float
            Mean loss of the updates.

        Raises
        ------
        TrainingError
            The loss is not finite.
        """
        self.epochs += 1
        key = "/".join(map(str, self.rng_key))
        self.model.course = f"{key}, epoch {self.epochs}, learning rate {self.rate:g}"
        order, losses = self.rng.permutation(self.rows), []
        self._training()
        self.dropout_seed += 1
        gpus = [self.device.index] if self.recorder else []
        with device.seeded(self.dropout_seed % 2**63, gpus), self.stream():
            for first in range(0, len(order), self.batch_size):
                if self.updates_left == 0:
                    break
                losses.append(self._update(order[first : first + self.batch_size]))
                if watch is not None:
                    watch(self.model, self.updates - self.updates_left)
                    self._training()
            losses = torch.stack(losses)  # of a GPU, which has worked on until here
            check_finite(self.model, "the loss is", [losses])
        return float(np.mean(losses.tolist()))

    def stream(self):
        """Context in which a GPU works on a stream that can be recorded."""
        if not self.recorder:
            return contextlib.nullcontext()
        graph.stream().wait_stream(torch.cuda.current_stream())
        return torch.cuda.stream(graph.stream())

    def _training(self):
        if not self.model.training:  # to tell each of its modules takes time
            self.model.train()

    def _update(self, rows):
        if self.updates is not None:
            left = self.updates_left
            self.optimizer.param_groups[0]["lr"] = self.rate * left / self.updates
            self.strategy.before_update(self, (self.updates - left) / self.updates)
            self.updates_left -= 1
        for joined, one in self.groups:
            joined.gradient.zero_()
            joined.grad = joined.gradient if one.requires_grad else None
        pairs = [self.draw(self.data, rows, self.rng), *self.strategy.more(self, len(rows))]
        if self.recorder:
            moving = tuple(one.requires_grad for _, one in self.groups)
            loss = self.recorder.gradients(self._loss, pairs, moving)
        else:
            loss = self._loss(*pairs)
            loss.backward()
        if self.settings.clip:
            torch.nn.utils.clip_grad_norm_(
                [joined for joined, _ in self.groups], self.settings.clip
            )
        self.optimizer.step()
        return loss.detach()

    def _loss(self, own, *more):
        loss = self.model.loss(*own, self.class_weights)
        return self.strategy.loss(self, loss, *more)

    def draw(self, data, rows, rng):
        """Some rows as model input, cropped, and their classes: (Batch, torch.Tensor)."""
        pinned = self.recorder is not None
        batch = data.batch(rows, crop_s=self.settings.crop_s, rng=rng, pinned=pinned)
        return batch, data.target(rows)

    def weights_of(self, data, rows) -> torch.Tensor | None:
        """Weights of a corpus' classes, on the device, if classes are balanced."""
        if self.settings.balanced:
            return data.class_weights(rows).to(self.device)
        return None
