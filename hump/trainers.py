"""The loop of training: batches, learning rate, and what a fine-tuning strategy adds."""

import numpy as np
import torch

from hump import seeds, strategies
from hump.errors import ParameterError

__all__ = ["FineTuner", "Trainer"]


class Trainer:
    """AdamW over shuffled batches.

    Parameters
    ----------
    model : HumpCat
        Is trained in place.
    data : Data
    positions : sequence of int
        Training rows.
    settings : PretrainParams or FinetuneParams
    rate : float
        Learning rate.
    purpose : tuple
        Of the random numbers.

    Attributes
    ----------
    updates_left : int or None
        None if the number of updates is not bounded.
    weight : Tensor or None
        Of each class, if classes are balanced.
    """

    def __init__(self, model, data, positions, settings, rate, purpose):
        self.model, self.data, self.positions = model, data, np.asarray(positions)
        self.size, self.crop_s = settings.batch_size, settings.crop_s
        self.rate = rate
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=rate, weight_decay=settings.weight_decay, fused=True
        )
        self.rng = seeds.generator(*purpose, "order")
        self.dropout_seed = seeds.seed_of(*purpose, "dropout")
        balanced = settings.balanced
        self.weight = strategies.class_weights(data, self.positions) if balanced else None
        self.updates_left = None

    def epoch(self) -> float:
        """One pass over the rows, or what is left of the updates; the mean loss."""
        device = self.model.head.weight.device
        order, losses = self.rng.permutation(self.positions), []
        self.model.train()
        with torch.random.fork_rng(devices=[] if device.type == "cpu" else [device]):
            self.dropout_seed += 1
            torch.manual_seed(self.dropout_seed % 2**63)
            for first in range(0, len(order), self.size):
                if self.updates_left == 0:
                    break
                self._begin()
                self.optimizer.zero_grad()
                loss = self._loss(order[first : first + self.size], device)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
                losses.append(loss.item())
                self._end()
        return float(np.mean(losses))

    def _begin(self):
        """What precedes an update."""

    def _end(self):
        """What follows an update."""

    def _loss(self, chosen, device):
        weight = None if self.weight is None else self.weight.to(device)
        batch = self.data.batch(chosen, crop_s=self.crop_s, rng=self.rng).to(device)
        return self.model.loss(batch, self.data.target(chosen).to(device), weight)


class FineTuner(Trainer):
    """A fixed number of updates by a strategy; the rate falls linearly to 0.

    Parameters
    ----------
    model, data, positions, settings, rate, purpose
        As `Trainer`; the model still has the source's scaling.
    strategy : str
        See `hump.strategies`.
    new_head : bool
        Whether the classifier has no source.
    source : Data or None
        The source corpus, for ``joint``.

    Attributes
    ----------
    watch : callable or None
        Called with the model and the number of updates made, after each.

    Raises
    ------
    ParameterError
        The strategy is ``joint`` and there is no source, or its labels are others.
    """

    def __init__(
        self, model, data, positions, settings, rate, purpose, strategy, *, new_head, source
    ):
        super().__init__(model, data, positions, settings, rate, purpose)
        self.settings, self.updates_left, self.strategy = settings, settings.updates, strategy
        self.pull = self.source = self.watch = None
        if strategy == "l2sp":
            self.pull = strategies.Pull(model, settings.l2sp, new_head=new_head)
            # The pull is towards the source's weights instead of 0.
            self.optimizer.param_groups[0]["weight_decay"] = 0.0
        elif strategy == "joint":
            if source is None or source.labels != data.labels:
                raise ParameterError(
                    "finetune.strategy='joint': needs the source corpus, with the target's labels; "
                    "pass source=, set labels: shared, or choose another strategy"
                )
            self.source = strategies.SourceRows(model, source, settings, purpose)
            self.size = max(1, round(settings.batch_size * (1 - settings.joint.share)))

    def _begin(self):
        settings, left = self.settings, self.updates_left
        self.optimizer.param_groups[0]["lr"] = self.rate * left / settings.updates
        total = len(strategies.groups(self.model))
        done = (settings.updates - left) / settings.updates
        strategies.move(self.model, strategies.moving(self.strategy, settings, done, total))
        self.updates_left -= 1

    def _end(self):
        if self.watch is not None:
            self.watch(self.model, self.settings.updates - self.updates_left)
            self.model.train()

    def _loss(self, chosen, device):
        loss = super()._loss(chosen, device)
        if self.pull is not None:
            loss = loss + self.pull.penalty(self.model)
        if self.source is not None:
            share = self.settings.joint.share
            loss = (1 - share) * loss + share * self.source.loss(self.model, len(chosen))
        return loss
