"""Pre-training, fine-tuning and prediction; feature scaling from training rows.

Nothing here sees a test row: callers pass the training rows, and test afterwards.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch

from hump import evaluation
from hump.corpora.splits import Split
from hump.features import prosody
from hump.model import HumpCat, ModelConfig
from hump.params import Params, names
from hump.training.dataset import Data, mean_and_variance
from hump.training.loop import Trainer, check_finite
from hump.training.strategies import STRATEGIES
from hump.util import device, seeds


@dataclass(frozen=True)
class History:
    """The course of a pre-training.

    Attributes
    ----------
    loss : list of float
        Mean training loss of each epoch.
    validation_uar : list of float
        UAR of the validation rows after each epoch; empty without any.
    best_epoch : int
        Number of epochs that the model kept was trained for.
    """

    loss: list
    validation_uar: list
    best_epoch: int


def build(data: Data, params: Params, *, seed: int) -> HumpCat:
    """A model with random weights, sized for a corpus.

    Parameters
    ----------
    data : Data
    params : Params
    seed : int
        Seed of the weights.

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
        families=tuple(family.stop - family.start for family in prosody.FAMILIES.values()),
        **settings,
        **fusion,
    )
    with device.seeded(seed):
        return HumpCat(config)


def fit_scaling(model: HumpCat, data: Data, rows, *, prior: float = 0.0) -> None:
    """Set the means and standard deviations that the model scales its streams by.

    Parameters
    ----------
    model : HumpCat
        Changed in place.
    data : Data
    rows : sequence of int
        Training rows; no others count. Of an unlabelled target, all: labels are not read.
    prior : float
        How many utterances the scaling that the model already has counts for. With few rows this
        keeps estimates of the 103 prosody features near the source's; 0 forgets the source.
    """
    weight = len(rows) / (len(rows) + prior)
    for stream, moments in data.moments.items():
        scale = getattr(model, f"scale_{stream}")
        mean, variance = mean_and_variance(moments[rows].sum(axis=0))
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


def pretrain(
    data: Data, split: Split, params: Params, *, rng_key, epochs=None, watch=None
) -> tuple[HumpCat, History]:
    """Train on source rows; with validation rows, keep the epoch that is best on them.

    Parameters
    ----------
    data : Data
    split : Split
        Its test rows are not read.
    params : Params
    rng_key : tuple
        See `hump.util.seeds`.
    epochs : int, optional
        Train for exactly so many epochs, by ``pretrain.schedule``, without reading validation
        rows.
    watch : callable, optional
        Called with the model and the number of epochs trained: 0, before training, and after each.
        It must neither change the weights nor draw random numbers.

    Returns
    -------
    HumpCat
    History

    Raises
    ------
    TrainingError
        A loss, a weight or a probability is not finite; the message names fold, epoch and rate.
    """
    settings = params.pretrain
    model = build(data, params, seed=seeds.seed_of(*rng_key, "weights"))
    model.to(device.resolve(params.device))
    fit_scaling(model, data, split.train)
    falls = epochs is not None and settings.schedule == "linear"
    updates = epochs * -(-len(split.train) // settings.batch_size) if falls else None
    trainer = Trainer(
        model, data, split.train, settings, settings.learning_rate, rng_key, updates=updates
    )
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
    return _finished(model), History(losses, uars, best[1])


def _finished(model):
    check_finite(model, "weights are", model.parameters())
    return model.cpu().eval()


def pretrain_all(data: Data, params: Params, *, epochs: int, rng_key) -> HumpCat:
    """Train on all rows of the source for so many epochs."""
    nobody = np.empty(0, int)
    everything = Split("all", np.arange(len(data.rows)), nobody, nobody)
    return pretrain(data, everything, params, rng_key=rng_key, epochs=epochs)[0]


def finetune(
    model: HumpCat | None,
    data: Data,
    rows,
    params: Params,
    *,
    start: str,
    rng_key,
    source=None,
    scaled_by=None,
    watch=None,
) -> HumpCat:
    """Train a model on target rows, for a number of updates or epochs.

    Parameters
    ----------
    model : HumpCat or None
        The pre-trained model, left as it is; not used from ``scratch``.
    data : Data
        The target corpus.
    rows : numpy.ndarray of int
        Fine-tuning rows; no others are read, but for the features of `scaled_by`.
    params : Params
        ``finetune.strategy`` (see `hump.training.strategies`) is for ``pretrained`` weights; from
        ``scratch`` there is nothing to preserve, and everything moves.
    start : str
        ``pretrained`` or ``scratch``.
    rng_key : tuple
        See `hump.util.seeds`.
    source : Data, optional
        The source corpus, which the strategy ``joint`` trains on too.
    scaled_by : numpy.ndarray of int, optional
        Rows whose features alone, and no labels, the scaling is fitted on, the source's forgotten.
        By default the fine-tuning rows, with ``finetune.scaling_prior``.
    watch : callable, optional
        Called with the model and the number of updates made: 0, before training, and after each.
        It must neither change the weights nor draw random numbers.

    Returns
    -------
    HumpCat

    Raises
    ------
    ParameterError
        The strategy is ``joint`` and there is no source, or its labels differ.
    TrainingError
        As for `pretrain`.
    """
    settings, pretrained = params.finetune, start == "pretrained"
    if pretrained:
        model = copy.deepcopy(model)
    else:
        model = build(data, params, seed=seeds.seed_of(*rng_key, "weights"))
    new_head = model.config.labels != data.labels
    if new_head:
        with device.seeded(seeds.seed_of(*rng_key, "head")):
            model.new_head(data.labels)
    model.to(device.resolve(params.device))
    strategy = STRATEGIES[settings.strategy if pretrained else "all"](
        settings, new_head=new_head, source=source
    )
    # Before the scaling is fitted: a strategy may keep the source's.
    trainer = Trainer(
        model,
        data,
        rows,
        settings,
        getattr(settings.learning_rate, start),
        rng_key,
        strategy=strategy,
        updates=updates_of(settings, len(rows)),
    )
    if scaled_by is None:
        fit_scaling(model, data, rows, prior=settings.scaling_prior if pretrained else 0.0)
    else:
        fit_scaling(model, data, scaled_by)
    if watch is not None:
        watch(model, 0)
    while trainer.updates_left:
        trainer.epoch(watch)
    return _finished(model)


def updates_of(settings, rows: int) -> int:
    """Number of updates of a training on so many rows.

    Parameters
    ----------
    settings : hump.params.FinetuneParams
    rows : int

    Returns
    -------
    int
    """
    return settings.updates or settings.epochs * -(-rows // settings.batch_size)


def finetune_and_test(model, data: Data, split: Split, params: Params, rng_keys, source) -> dict:
    """Predictions for a split's test rows after fine-tuning on its training rows.

    Parameters
    ----------
    model : HumpCat
        The pre-trained model.
    data : Data
    split : Split
    params : Params
    rng_keys : dict of str to tuple
        Start (``pretrained``, ``scratch``) -> RNG key.
    source : Data
        As for `finetune`.

    Returns
    -------
    dict of str to list of int
        Name of the system -> predicted class numbers.
    """
    predicted = {}
    for start, key in rng_keys.items():
        net = finetune(model, data, split.train, params, start=start, rng_key=key, source=source)
        predicted[names.SYSTEMS[start]] = classify(net, data, split.test)
    return predicted


def outcome(data: Data, split: Split, predicted: dict) -> dict:
    """What a job returns of a split: fold, n_train, train_speakers, rows (tested), predicted."""
    speakers = data.rows["speaker"].iloc[split.train].nunique()
    sizes = {"fold": split.name, "n_train": len(split.train), "train_speakers": speakers}
    return sizes | {"rows": split.test.tolist(), "predicted": predicted}


def predict(model: HumpCat, data: Data, rows, *, batch_size: int = 64) -> np.ndarray:
    """Class probabilities of some rows.

    Parameters
    ----------
    model : HumpCat
    data : Data
    rows : sequence of int
    batch_size : int
        Changes time and memory only.

    Returns
    -------
    numpy.ndarray, shape (rows, classes), float32

    Raises
    ------
    TrainingError
        A probability is not finite.
    """
    probabilities = outputs(model, model.probabilities, data, rows, batch_size=batch_size)
    check_finite(model, "probabilities are", [torch.from_numpy(probabilities)])
    return probabilities


def classify(model: HumpCat, data: Data, rows) -> list[int]:
    """Class numbers that a model predicts for some rows."""
    return predict(model, data, rows).argmax(1).tolist()


@torch.inference_mode()
def outputs(model: HumpCat, function, data: Data, rows, *, batch_size: int = 64) -> np.ndarray:
    """Apply a function of the model to some rows, batch by batch.

    Parameters
    ----------
    model : HumpCat
        Set to evaluation mode.
    function : callable
        Takes a batch: the model itself for embeddings, or one of its methods.
    data : Data
    rows : sequence of int
    batch_size : int
        Changes time and memory only.

    Returns
    -------
    numpy.ndarray, shape (rows, ...), float32
    """
    model.eval()
    place = model.head.weight.device
    parts = [
        function(data.batch(rows[first : first + batch_size]).to(place)).cpu()
        for first in range(0, len(rows), batch_size)
    ]
    return torch.cat(parts).numpy()
