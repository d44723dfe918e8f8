"""What a model costs: weights, multiply-adds, and seconds on this machine."""

import copy
import time

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


def parameters(net: HumpCat) -> int:
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
    nets, rate = {v.system: _build(data, v, params) for v in systems}, data.features.mfcc_rate
    return pd.DataFrame([
        {"system": name, "parameters": parameters(net),
         "multiply_adds": multiply_adds(net, mfcc_rate=rate)}
        for name, net in nets.items()
    ])  # fmt: skip


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
            # The first round is not counted.
            steps = [_timed(_step, net, batch, target) for _ in range(rounds + 1)][1:]
            alone = [_timed(_one_by_one, net, own, few) for _ in range(rounds + 1)][1:]
            alone_s = np.median(alone) / len(few)
            times = {"training_step_s": np.median(steps), "utterance_s": alone_s}
            lines.append({"system": variant.system, **times})
    return pd.DataFrame(lines)


def _build(data, variant, params):
    chosen = params.model_copy(update={"model": variant.model})
    return fit.build(data.of_layers(variant.layers), chosen, seed=0)


def _timed(function, *arguments):
    begin = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - begin


def _one_by_one(net, data, rows):
    fit.predict(net, data, rows, batch_size=1)


def _step(net, batch, target):
    net.train()
    net.loss(batch, target).backward()
