"""What a model costs: weights, multiply-adds, and seconds on this machine."""

import copy
import timeit
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from hump.experiments.variants import Variant
from hump.model import Batch, HumpCat
from hump.params import Params
from hump.training import fit
from hump.training.dataset import HUBERT_RATE, Data
from hump.util import parallel

# Length of the utterance whose multiply-adds are counted.
SECONDS = 3.0


def parameters(net: torch.nn.Module) -> int:
    """Number of trained weights."""
    return sum(weight.numel() for weight in net.parameters())


def multiply_adds(net: HumpCat, *, mfcc_rate: float, seconds: float = SECONDS) -> int:
    """Multiply-adds of embedding one utterance: products and convolutions, as torch counts them.

    The encoder before the model is not counted.

    Parameters
    ----------
    net : HumpCat
    mfcc_rate : float
        Frames of MFCC a second.
    seconds : float
        Length of the utterance.

    Returns
    -------
    int
    """
    # The counter does not see the fused kernels of LSTM and attention, which CPUs have for float32
    # and for attention whose weights are not asked for.
    net = copy.deepcopy(net).double().eval()
    frames, mfcc = round(seconds * HUBERT_RATE), round(seconds * mfcc_rate)
    batch = Batch(
        torch.zeros(frames, net.config.layers, net.config.hubert_width, dtype=torch.float64),
        torch.tensor([frames]),
        torch.zeros(mfcc, 39, dtype=torch.float64),
        torch.tensor([mfcc]),
        torch.zeros(1, sum(net.config.families), dtype=torch.float64),
    )
    with FlopCounterMode(display=False) as counter:
        net(batch, attention={})
    return counter.get_total_flops() // 2


def measure(data: Data, systems: list[Variant], params: Params) -> pd.DataFrame:
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
    nets, lines = {v.system: _build(data, v, params) for v in systems}, []
    for name, net in nets.items():
        count = multiply_adds(net, mfcc_rate=data.features.mfcc_rate)
        lines.append({"system": name, "parameters": parameters(net), "multiply_adds": count})
    return pd.DataFrame(lines)


def seconds(data: Data, systems: list[Variant], params: Params, *, rounds: int = 3) -> pd.DataFrame:
    """Time on this machine, one thread; it differs from run to run and belongs in no table file.

    Parameters
    ----------
    data : Data
    systems : list of Variant
    params : Params
    rounds : int
        The median of so many rounds is given.

    Returns
    -------
    pandas.DataFrame
        Columns system, training_step_s (one batch), utterance_s (one alone, mean of up to 8).
    """
    rows = np.arange(min(params.pretrain.batch_size, len(data.rows)))
    lines = []
    with parallel.one_thread():
        for variant in systems:
            own, net = data.of_layers(variant.layers), _build(data, variant, params)
            rng = np.random.default_rng(0)
            batch = own.batch(rows, crop_s=params.pretrain.crop_s, rng=rng)
            target, few = own.target(rows), rows[:8]
            step_s = timed(partial(_step, net, batch, target), rounds)
            alone_s = timed(partial(fit.predict, net, own, few, batch_size=1), rounds)
            times = {"training_step_s": step_s, "utterance_s": alone_s / len(few)}
            lines.append({"system": variant.system, **times})
    return pd.DataFrame(lines)


def _build(data, variant, params):
    chosen = params.model_copy(update={"model": variant.model})
    return fit.build(data.of_layers(variant.layers), chosen, seed=0)


def timed(function, rounds: int) -> float:
    """Seconds that calling a function takes: the median of some rounds, after one more."""
    return np.median(timeit.repeat(function, number=1, repeat=rounds + 1)[1:])


def _step(net, batch, target):
    net.train()
    net.loss(batch, target).backward()
