"""Three exact ways to put utterances of different lengths together for HuBERT, timed side by side.

    python benchmarks/batching.py [folder of audio]

Packed: what hump does, end to end without padding. Padded: to the longest of a batch of like
lengths, the first norm's moments taken within each utterance, padding masked in attention and set
to zero before the position convolution. Equal lengths: only utterances of the very same number of
samples share a batch. All run the nine layers that layers 1 and 9 need, on one thread; each is held
against transformers on that one file alone. Writes `results/batching.json`.
"""

import json
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import features as costs
import numpy as np
import plain
import torch
from torch import nn
from transformers import HubertModel

from hump import audio
from hump.features import hubert
from hump.util import parallel

ROUNDS, BATCH = 3, 8
COUNTS = {"base": 24, "large": 4, "mini": 96}
NAMES = {
    "base": "HuBERT-base", "large": "layer-norm family, as HuBERT-large", "mini": "embedded size",
}  # fmt: skip


def main(arguments):
    files = costs._files(Path(arguments[0]).resolve() if arguments else None)
    result = {"machine": costs._machine("cpu"), "batch": BATCH, "rounds": ROUNDS, "encoders": {}}
    with tempfile.TemporaryDirectory() as folder, parallel.one_thread():
        for name, model in costs._models(Path(folder)).items():
            block = files[: COUNTS[name]]
            result["encoders"][NAMES[name]] = found = _measured(model, block)
            print(json.dumps({NAMES[name]: found}, indent=1), flush=True)
    target = Path(__file__).parent / "results" / "batching.json"
    target.write_text(json.dumps(result, indent=1) + "\n")


def _measured(model, block):
    signals = [audio.load(path) for path in block]
    encoder = hubert.load_encoder(model, layers=costs.LAYERS)
    network = _cut(model)
    ways = {
        "packed": lambda: hubert.extract(signals, encoder=encoder, layers=costs.LAYERS),
        "padded, masked norm": lambda: _padded(network, signals),
        "equal lengths": lambda: _equal(network, signals),
    }
    expected = [plain.compute("hubert", path, encoder=model) for path in block]
    found = {"utterances": len(block)}
    seconds = {name: [] for name in ways}
    for way, run in ways.items():
        pairs = zip(run(), expected, strict=True)  # the first call warms up
        worst = max(costs._error(a, b) for a, b in pairs)
        found[way] = {"worst_error": float(f"{worst:.2g}")}
    for _ in range(ROUNDS):
        for way, run in ways.items():
            seconds[way].append(costs._seconds(run))
    for way, values in seconds.items():
        ratios = [b / a for a, b in zip(values, seconds["equal lengths"], strict=True)]
        found[way] |= {
            "utterances_per_s": round(len(block) / statistics.median(values), 2),
            "times_equal_lengths": round(statistics.median(ratios), 2),
        }
    return found


def _cut(model):
    """The first nine layers, by transformers, with a first norm that can be told lengths."""
    network = HubertModel.from_pretrained(model, num_hidden_layers=max(costs.LAYERS)).eval()
    first = network.feature_extractor.conv_layers[0]
    if isinstance(first.layer_norm, nn.GroupNorm):
        first.layer_norm = _MaskedNorm(first.layer_norm)
    return network


class _MaskedNorm(nn.Module):
    """A norm over time of each channel that looks at each utterance's own frames."""

    def __init__(self, norm):
        super().__init__()
        self.norm, self.samples = norm, None

    def forward(self, values):
        frames = (self.samples - 10) // 5 + 1
        inside = (torch.arange(values.shape[2]) < frames[:, None])[:, None]
        count = frames[:, None, None]
        mean = (values * inside).sum(2, keepdim=True) / count
        variance = ((values - mean).square() * inside).sum(2, keepdim=True) / count
        scaled = (values - mean) * (variance + self.norm.eps).rsqrt()
        return scaled * self.norm.weight[:, None] + self.norm.bias[:, None]


def _padded(network, signals):
    """Batches of like lengths, padded to the longest of each."""
    order = np.argsort([len(signal) for signal in signals])
    return _by_batch(network, signals, [order[i : i + BATCH] for i in range(0, len(order), BATCH)])


def _equal(network, signals):
    """Batches of the very same length."""
    groups = defaultdict(list)
    for number, signal in enumerate(signals):
        groups[len(signal)].append(number)
    batches = [group[i : i + BATCH] for group in groups.values()
               for i in range(0, len(group), BATCH)]  # fmt: skip
    return _by_batch(network, signals, batches)


@torch.no_grad()
def _by_batch(network, signals, batches):
    found = [None] * len(signals)
    norm = network.feature_extractor.conv_layers[0].layer_norm
    for batch in batches:
        lengths = torch.tensor([len(signals[number]) for number in batch])
        norm.samples = lengths
        inputs = torch.zeros(len(batch), int(lengths.max()))
        for row, number in zip(inputs, batch):
            signal = torch.from_numpy(signals[number]).double()
            scaled = (signal - signal.mean()) / (signal.var(correction=0) + 1e-7).sqrt()
            row[: len(signal)] = scaled.float()
        mask = torch.arange(inputs.shape[1]) < lengths[:, None]
        padded = None if mask.all() else mask.long()
        states = network(inputs, attention_mask=padded, output_hidden_states=True).hidden_states
        states = torch.stack([states[layer] for layer in costs.LAYERS], dim=2).numpy()
        counts = network._get_feat_extract_output_lengths(lengths)
        for row, number, count in zip(states, batch, counts):
            found[number] = row[:count]
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
