"""What a model costs: weights, multiply-adds, and seconds on this machine."""

import copy
import time

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from hump import cores, training
from hump.data import HUBERT_RATE, MFCC_RATE, Data
from hump.experiments.variants import Variant
from hump.model import Batch, HumpCat

__all__ = ["SECONDS", "measure", "multiply_adds", "parameters", "seconds"]

# Length of the utterance whose multiply-adds are counted.
SECONDS = 3.0


def parameters(net: HumpCat) -> int:
    """Number of weights that are trained."""
    return sum(weight.numel() for weight in net.parameters())


def multiply_adds(net: HumpCat, seconds: float = SECONDS) -> int:
    """Multiply-adds of embedding one utterance: products and convolutions, as torch counts them.

    The encoder before the model is not part of it.

    Parameters
    ----------
    net : HumpCat
    seconds : float
        Length of the utterance.

    Returns
    -------
    int
    """
    # The counter does not see the fused kernels of LSTM and attention, which CPUs have for float32
    # and for attention whose weights nobody asks for.
    net = copy.deepcopy(net).double().eval()
    frames, mfcc = round(seconds * HUBERT_RATE), round(seconds * MFCC_RATE)
    batch = Batch(
        torch.zeros(1, frames, net.config.layers, net.config.hubert_width, dtype=torch.float64),
        torch.tensor([frames]),
        torch.zeros(1, mfcc, 39, dtype=torch.float64),
        torch.tensor([mfcc]),
        torch.zeros(1, sum(net.config.families), dtype=torch.float64),
    )
    with FlopCounterMode(display=False) as counter:
        net(batch, attention={})
    return counter.get_total_flops() // 2


def measure(data: Data, systems: list[Variant], params) -> pd.DataFrame:
    """Weights and multiply-adds of variants: the same on every machine.

    Parameters
    ----------
    data : Data
    systems : list of Variant
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns system, parameters, multiply_adds.
    """
    lines = []
    for variant in systems:
        net = _built(data, variant, params)
        lines.append({"system": variant.system, "parameters": parameters(net),
                      "multiply_adds": multiply_adds(net)})  # fmt: skip
    return pd.DataFrame(lines)


def seconds(data: Data, systems: list[Variant], params, *, rounds: int = 3) -> pd.DataFrame:
    """Time on this machine, one thread: never the same twice, so it belongs in no table file.

    Parameters
    ----------
    data : Data
    systems : list of Variant
    params : Params
    rounds : int
        The median of so many is told.

    Returns
    -------
    pandas.DataFrame
        Columns system, training_step_s (one batch), utterance_s (one by itself, mean of up to 8).
    """
    size, crop_s = params.pretrain.batch_size, params.pretrain.crop_s
    rows = np.arange(min(size, len(data.rows)))
    lines = []
    with cores.one_thread():
        for variant in systems:
            own = data.of_layers(variant.layers)
            net = _built(data, variant, params)
            batch = own.batch(rows, crop_s=crop_s, rng=np.random.default_rng(0))
            step = [_step(net, batch, own.target(rows)) for _ in range(rounds + 1)][1:]
            alone = [_alone(net, own, rows[:8]) for _ in range(rounds + 1)][1:]
            lines.append({"system": variant.system, "training_step_s": np.median(step),
                          "utterance_s": np.median(alone)})  # fmt: skip
    return pd.DataFrame(lines)


def _built(data, variant, params):
    chosen = params.model_copy(update={"model": variant.model})
    return training.build(data.of_layers(variant.layers), chosen, seed=0)


def _step(net, batch, target):
    net.train()
    begin = time.perf_counter()
    net.loss(batch, target).backward()
    return time.perf_counter() - begin


def _alone(net, data, rows):
    begin = time.perf_counter()
    training.predict(net, data, rows, batch_size=1)
    return (time.perf_counter() - begin) / len(rows)
