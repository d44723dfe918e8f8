"""Training: feature scaling from training rows, pre-training, fine-tuning.

Nothing here sees a test row: callers pass the positions of training rows, and test afterwards.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch

from hump import evaluation, seeds, trainers
from hump.data import Data
from hump.features import prosody
from hump.model import HumpCat, ModelConfig, load

__all__ = [
    "History", "build", "finetune", "fit_scaling", "outputs", "predict", "pretrain", "starting",
]  # fmt: skip


@dataclass(frozen=True)
class History:
    """What happened while a model was pre-trained.

    Attributes
    ----------
    loss : list of float
        Mean training loss of each epoch.
    validation_uar : list of float
        UAR of the validation speaker after each epoch; empty without one.
    best_epoch : int
        Number of epochs that the kept model was trained for.
    """

    loss: list
    validation_uar: list
    best_epoch: int


def build(data: Data, params, *, seed: int) -> HumpCat:
    """A model with random weights, sized for some data.

    Parameters
    ----------
    data : Data
    params : Params
    seed : int

    Returns
    -------
    HumpCat
    """
    settings = params.model.model_dump()
    fusion = settings.pop("fusion")
    _, layers, width = data.features.hubert[0].shape
    config = ModelConfig(
        labels=data.labels,
        layers=layers,
        hubert_width=width,
        families=tuple(f.stop - f.start for f in prosody.FAMILIES.values()),
        **settings,
        **fusion,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return HumpCat(config)


def starting(start: str, folder, data: Data, params, *, purpose) -> HumpCat:
    """The model that fine-tuning starts from.

    Parameters
    ----------
    start : str
        ``pretrained`` or ``scratch``.
    folder : Path
        Of the source model.
    data : Data
        The target.
    params : Params
    purpose : tuple
        Of the random numbers, for ``scratch``.

    Returns
    -------
    HumpCat
    """
    if start == "pretrained":
        return load(folder)
    return build(data, params, seed=seeds.seed_of(*purpose, "weights"))


def fit_scaling(model: HumpCat, data: Data, positions, *, prior: float = 0.0) -> None:
    """Measure the means and deviations that the model scales its streams by.

    Parameters
    ----------
    model : HumpCat
        Its scaling is set.
    data : Data
    positions : sequence of int
        Training rows; no others are looked at.
    prior : float
        Utterances that the scaling which the model already has counts for. With few rows this
        keeps estimates of the 103 prosody features near the source's; 0 forgets the source.
    """
    at = data.at[positions]
    weight = len(at) / (len(at) + prior)
    streams = [
        (model.scale_hubert, (data.features.hubert[i].reshape(len(data.features.hubert[i]), -1)
                              for i in at)),
        (model.scale_mfcc, (data.features.mfcc[i] for i in at)),
        (model.scale_prosody, (data.features.prosody[i][None] for i in at)),
    ]  # fmt: skip
    for scale, arrays in streams:
        mean, variance = _moments(arrays)
        old_mean = scale.mean.double().cpu().numpy()
        old_variance = scale.deviation.double().cpu().numpy() ** 2
        mean = np.where(np.isnan(mean), old_mean, weight * mean + (1 - weight) * old_mean)
        variance = np.where(
            np.isnan(variance), old_variance, weight * variance + (1 - weight) * old_variance
        )
        # A constant feature is left at 0 rather than blown up.
        deviation = np.where(variance > 1e-12, np.sqrt(variance), 1.0)
        scale.mean.copy_(torch.from_numpy(mean))
        scale.deviation.copy_(torch.from_numpy(deviation))


def _moments(arrays):
    """Mean and variance of each column over all rows, ignoring NaN, one array at a time."""
    count = total = square = 0.0
    for array in arrays:
        array = array.astype(np.float64)
        known = ~np.isnan(array)
        array = np.where(known, array, 0.0)
        count = count + known.sum(0)
        total = total + array.sum(0)
        square = square + (array**2).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
        return mean, np.maximum(square / count - mean**2, 0.0)


def pretrain(
    data: Data, split, params, *, purpose, epochs=None, watch=None
) -> tuple[HumpCat, History]:
    """Train on source rows; with validation rows, keep the epoch that is best on them.

    Parameters
    ----------
    data : Data
    split : Split
        Its test rows are not looked at.
    params : Params
    purpose : tuple
        Of the random numbers; see `hump.seeds`.
    epochs : int, optional
        Train for exactly so many epochs, without looking at validation rows.
    watch : callable, optional
        Called with the model and the number of epochs trained: 0, before training, and after each.
        It may look, and must not change the model's weights or draw random numbers.

    Returns
    -------
    HumpCat
    History
    """
    settings = params.pretrain
    model = build(data, params, seed=seeds.seed_of(*purpose, "weights")).to(_device(params))
    fit_scaling(model, data, split.train)
    trainer = trainers.Trainer(model, data, split.train, settings, settings.learning_rate, purpose)
    losses, uars, best = [], [], (-1.0, 0, None)
    watch = watch or (lambda model, epoch: None)
    watch(model, 0)
    for epoch in range(1, (epochs or settings.epochs) + 1):
        losses.append(trainer.epoch())
        watch(model, epoch)
        if epochs is not None:
            best = (0.0, epoch, None)
            continue
        predicted = predict(model, data, split.validation).argmax(1)
        uars.append(evaluation.uar(data.classes[split.validation], predicted))
        if uars[-1] > best[0]:
            best = (uars[-1], epoch, copy.deepcopy(model.state_dict()))
        if epoch - best[1] >= settings.patience:
            break
    if best[2] is not None:
        model.load_state_dict(best[2])
    return model.cpu().eval(), History(losses, uars, best[1])


def finetune(
    model: HumpCat, data: Data, positions, params, *, start, purpose, source=None, watch=None
) -> HumpCat:
    """Train a copy of a model on target rows for a fixed number of updates.

    Parameters
    ----------
    model : HumpCat
        Pre-trained, or with random weights; left as it is.
    data : Data
    positions : numpy.ndarray of int
        Fine-tuning rows.
    params : Params
        ``finetune.strategy`` (see `hump.strategies`) is followed from ``pretrained`` weights; from
        ``scratch`` there is nothing to preserve, and everything moves.
    start : str
        ``pretrained`` or ``scratch``.
    purpose : tuple
        Of the random numbers.
    source : Data, optional
        The source corpus, which the strategy ``joint`` trains on too.
    watch : callable, optional
        Called with the model and the number of updates made: 0, before training, and after each.
        It may look, and must not change the model's weights or draw random numbers.

    Returns
    -------
    HumpCat

    Raises
    ------
    ParameterError
        The strategy is ``joint`` and there is no source, or its labels are others.
    """
    settings = params.finetune
    pretrained = start == "pretrained"
    strategy = settings.strategy if pretrained else "all"
    model = copy.deepcopy(model)
    new_head = model.config.labels != data.labels
    if new_head:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.seed_of(*purpose, "head"))
            model.new_head(data.labels)
    model.to(_device(params))
    rate = getattr(settings.learning_rate, start)
    # Before the scaling is fitted: the trainer keeps what is the source's.
    trainer = trainers.FineTuner(
        model, data, positions, settings, rate, purpose, strategy, new_head=new_head, source=source
    )
    fit_scaling(model, data, positions, prior=settings.scaling_prior if pretrained else 0.0)
    if watch is not None:
        watch(model, 0)
        trainer.watch = watch
    while trainer.updates_left:
        trainer.epoch()
    return model.cpu().eval()


def predict(model: HumpCat, data: Data, positions, *, batch_size: int = 64) -> np.ndarray:
    """Class probabilities of some rows.

    Parameters
    ----------
    model : HumpCat
    data : Data
    positions : sequence of int
    batch_size : int
        Changes nothing but time and memory.

    Returns
    -------
    numpy.ndarray, float32, shape (rows, classes)
    """
    return outputs(model, model.probabilities, data, positions, batch_size=batch_size)


@torch.inference_mode()
def outputs(model: HumpCat, function, data: Data, positions, *, batch_size: int = 64) -> np.ndarray:
    """What a function of the model makes of some rows, batch by batch.

    Parameters
    ----------
    model : HumpCat
        Set to evaluation mode.
    function : callable
        Of a batch: the model itself for embeddings, or a method of it.
    data : Data
    positions : sequence of int
    batch_size : int
        Changes nothing but time and memory.

    Returns
    -------
    numpy.ndarray, float32, shape (rows, ...)
    """
    model.eval()
    device = model.head.weight.device
    parts = [
        function(data.batch(positions[first : first + batch_size]).to(device)).cpu()
        for first in range(0, len(positions), batch_size)
    ]
    return torch.cat(parts).numpy()


def _device(params):
    if params.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return params.device
