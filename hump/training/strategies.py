"""Fine-tuning strategies: which weights of a pre-trained model move, and what restrains them.

A strategy is an object with four hooks that `hump.training.loop.Trainer` calls: `start` once,
`before_update` before each update, `more` for rows beside those of a batch, `loss` on its loss.
"""

import numpy as np
import torch

from hump.errors import ParameterError
from hump.training.dataset import Data
from hump.util import seeds

# Parts of the model from the classifier down; all other parts are the last group.
GROUPS = (("head", "embed"), ("stage2",), ("stage1",))


class Everything:
    """All weights move from the first update on.

    Parameters
    ----------
    settings : FinetuneParams, optional
    new_head : bool
        Whether the classifier is new, so that the source has no weights for it.
    source : Data, optional
        The source corpus.
    """

    title = "everything at once"

    def __init__(self, settings=None, *, new_head: bool = False, source: Data | None = None):
        self.settings, self.new_head, self.source = settings, new_head, source

    def start(self, trainer) -> None:
        """Called once; the model still has the feature scaling that it starts with."""

    def before_update(self, trainer, done: float) -> None:
        """Called before an update, when a share `done` of all updates, in [0, 1), has been made."""

    def more(self, trainer, rows: int) -> tuple:
        """What is to go with a batch of so many target rows: pairs as `Trainer.draw` gives."""
        return ()

    def loss(self, trainer, loss: torch.Tensor, *more) -> torch.Tensor:
        """The loss to minimise, from the loss of a batch and what is to go with it.

        On a GPU it is called once for many batches alike, and recorded.
        """
        return loss


class HeadFirst(Everything):
    """Embedding and classifier alone for a share of the updates, then everything.

    Kumar et al. (2022), arXiv:2202.10054.
    """

    title = "head first"

    def before_update(self, trainer, done):
        """Freeze all but the first group, or nothing."""
        everything = done >= self.settings.head_first.share
        unfreeze(trainer.model, len(groups(trainer.model)) if everything else 1)


class Gradual(Everything):
    """One group of weights more at a time, from the classifier down.

    Howard & Ruder (2018), arXiv:1801.06146.
    """

    title = "gradual unfreezing"

    def before_update(self, trainer, done):
        """Unfreeze as many groups as are due; after a share of the updates, all."""
        total, share = len(groups(trainer.model)), self.settings.gradual.share
        due = 1 + int(done / share * (total - 1)) if done < share else total
        unfreeze(trainer.model, due)


class L2SP(Everything):
    """A pull towards the source's weights: half alpha times the squared distance to them.

    Li, Grandvalet & Davoine (2018), arXiv:1802.01483. A new classifier has no source; half beta
    times its own square is added instead. The pull takes the place of weight decay.
    """

    title = "pull to the source (L2-SP)"

    def start(self, trainer):
        """Keep the source's weights."""
        new = {"head.weight"} if self.new_head else set()
        weights = trainer.model.named_parameters()
        self.weights = {n: w.detach().clone() for n, w in weights if n not in new}
        trainer.optimizer.param_groups[0]["weight_decay"] = 0.0

    def loss(self, trainer, loss):
        """Add the penalty."""
        return loss + self.penalty(trainer.model)

    def penalty(self, model) -> torch.Tensor:
        """What is added to the loss, a scalar."""
        weights = dict(model.named_parameters())
        apart = sum((weights.pop(n) - kept).square().sum() for n, kept in self.weights.items())
        own = sum(weight.square().sum() for weight in weights.values())
        return self.settings.l2sp.source / 2 * apart + self.settings.l2sp.new / 2 * own


class Joint(Everything):
    """Part of each batch is source rows, scaled as in pre-training; all are used in turn."""

    title = "joint with source rows"

    def start(self, trainer):
        """Keep the source's scaling, and make room in the batches.

        Raises
        ------
        ParameterError
            There is no source corpus, or its labels are not the target's.
        """
        if self.source is None or self.source.labels != trainer.data.labels:
            raise ParameterError(
                "finetune.strategy='joint': needs the source corpus, with the target's labels; "
                "pass source=, set labels: shared, or choose another strategy"
            )
        self.share, self.order = self.settings.joint.share, np.empty(0, int)
        self.scaling = {name: value.clone() for name, value in trainer.model.named_buffers()}
        self.rng = seeds.generator(*trainer.rng_key, "source")
        self.class_weights = trainer.weights_of(self.source, np.arange(len(self.source.rows)))
        trainer.batch_size = max(1, round(trainer.batch_size * (1 - self.share)))

    def draw(self, target_rows: int) -> np.ndarray:
        """Source rows to go with so many target rows, at least one."""
        count = max(1, round(target_rows * self.share / (1 - self.share)))
        while len(self.order) < count:
            self.order = np.r_[self.order, self.rng.permutation(len(self.source.rows))]
        drawn, self.order = self.order[:count], self.order[count:]
        return drawn

    def more(self, trainer, rows):
        """Source rows."""
        return (trainer.draw(self.source, self.draw(rows), self.rng),)

    def loss(self, trainer, loss, source):
        """Mix the target's loss with that of source rows."""
        batch, target = source
        embedding = torch.func.functional_call(trainer.model, self.scaling, (batch,))
        own = trainer.model.head.loss(embedding, target, self.class_weights)
        return (1 - self.share) * loss + self.share * own


# What a parameter file calls a strategy -> its class.
STRATEGIES = {
    "all": Everything, "head_first": HeadFirst, "gradual": Gradual, "l2sp": L2SP, "joint": Joint,
}  # fmt: skip


def groups(model) -> list[list[torch.nn.Parameter]]:
    """Weights of a model by depth, from embedding and classifier down to the streams.

    Parameters
    ----------
    model : HumpCat

    Returns
    -------
    list of list of Parameter
        Each weight once. Fusion without weights of its own (``concat``) makes no group.
    """
    by_depth = [[] for _ in range(len(GROUPS) + 1)]
    for name, weight in model.named_parameters():
        part = name.split(".")[0]
        depth = next((k for k, parts in enumerate(GROUPS) if part in parts), len(GROUPS))
        by_depth[depth].append(weight)
    return [group for group in by_depth if group]


def unfreeze(model, count: int) -> None:
    """Let the first `count` groups of weights move, and no others."""
    for depth, group in enumerate(groups(model)):
        for weight in group:
            weight.requires_grad_(depth < count)
