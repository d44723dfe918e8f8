"""Ways to fine-tune a pre-trained model: what moves when, and what holds it near the source.

``all``: everything moves from the first update on. ``head_first``: embedding and classifier alone,
then everything (Kumar et al. 2022, arXiv:2202.10054). ``gradual``: one group of weights more at a
time, from the classifier down (Howard & Ruder 2018, arXiv:1801.06146). ``l2sp``: a pull towards the
source's weights (Li, Grandvalet & Davoine 2018, arXiv:1802.01483). ``joint``: part of each batch is
source rows.
"""

import numpy as np
import torch

from hump import seeds

__all__ = ["GROUPS", "Pull", "SourceRows", "class_weights", "groups", "move", "moving"]

# Parts of the model from the classifier down; what is not named here is the last group.
GROUPS = (("head", "embed"), ("stage2",), ("stage1",))


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
    found = [[] for _ in range(len(GROUPS) + 1)]
    for name, weight in model.named_parameters():
        part = name.split(".")[0]
        depth = next((k for k, parts in enumerate(GROUPS) if part in parts), len(GROUPS))
        found[depth].append(weight)
    return [group for group in found if group]


def moving(strategy: str, settings, done: float, total: int) -> int:
    """How many groups move at a point of fine-tuning.

    Parameters
    ----------
    strategy : str
    settings : FinetuneParams
    done : float
        Share of the updates made so far, in [0, 1).
    total : int
        Groups of the model.

    Returns
    -------
    int
        At least 1, the classifier's.
    """
    if strategy == "head_first":
        return total if done >= settings.head_first.share else 1
    if strategy == "gradual" and done < settings.gradual.share:
        return 1 + int(done / settings.gradual.share * (total - 1))
    return total


def move(model, count: int) -> None:
    """Let the first `count` groups of a model move, and no others.

    Parameters
    ----------
    model : HumpCat
    count : int
    """
    for depth, group in enumerate(groups(model)):
        for weight in group:
            weight.requires_grad_(depth < count)


class Pull:
    """L2-SP: half alpha times the squared distance to the source's weights.

    A classifier that is new has no source; half beta times its own square is added instead.

    Parameters
    ----------
    model : HumpCat
        As it is before the first update.
    settings : L2SPParams
    new_head : bool
        Whether its classifier is new.
    """

    def __init__(self, model, settings, *, new_head: bool):
        self.alpha, self.beta = settings.source, settings.new
        new = {"head.weight"} if new_head else set()
        self.source = {n: w.detach().clone() for n, w in model.named_parameters() if n not in new}

    def penalty(self, model) -> torch.Tensor:
        """What is added to the loss, a scalar."""
        weights = dict(model.named_parameters())
        apart = sum((weights.pop(n) - source).square().sum() for n, source in self.source.items())
        own = sum(weight.square().sum() for weight in weights.values())
        return self.alpha / 2 * apart + self.beta / 2 * own


class SourceRows:
    """Source rows for ``joint`` batches; they keep the source's scaling, as in pre-training.

    Parameters
    ----------
    model : HumpCat
        With the source's scaling.
    data : Data
        The source corpus, all of which is drawn from in turn.
    settings : FinetuneParams
    purpose : tuple
        Of the random numbers.
    """

    def __init__(self, model, data, settings, purpose):
        self.data, self.share, self.crop_s = data, settings.joint.share, settings.crop_s
        self.scaling = {name: value.clone() for name, value in model.named_buffers()}
        self.rng = seeds.generator(*purpose, "source")
        self.order = np.empty(0, int)
        everything = np.arange(len(data.rows))
        self.weight = class_weights(data, everything) if settings.balanced else None

    def draw(self, target_rows: int) -> np.ndarray:
        """Source rows to go with so many target rows, at least one."""
        count = max(1, round(target_rows * self.share / (1 - self.share)))
        while len(self.order) < count:
            self.order = np.r_[self.order, self.rng.permutation(len(self.data.rows))]
        drawn, self.order = self.order[:count], self.order[count:]
        return drawn

    def loss(self, model, target_rows: int) -> torch.Tensor:
        """Loss of the rows that `draw` gives, a scalar."""
        drawn, device = self.draw(target_rows), model.head.weight.device
        batch = self.data.batch(drawn, crop_s=self.crop_s, rng=self.rng).to(device)
        embedding = torch.func.functional_call(model, self.scaling, (batch,))
        weight = None if self.weight is None else self.weight.to(device)
        return model.head.loss(embedding, self.data.target(drawn).to(device), weight)


def class_weights(data, positions) -> torch.Tensor:
    """Weights inverse to the size of each class, with mean 1 over the rows.

    Parameters
    ----------
    data : Data
    positions : numpy.ndarray of int
        The rows that are counted.

    Returns
    -------
    Tensor, float32, shape (classes,)
        0 for a class without rows.
    """
    classes = data.classes[positions]
    count = np.bincount(classes, minlength=len(data.labels))
    present = count > 0
    weight = np.where(present, len(classes) / (present.sum() * np.maximum(count, 1)), 0.0)
    return torch.tensor(weight, dtype=torch.float32)
