"""Do two processors give the same numbers, which settings make them agree, and what do those cost?

Libraries choose their code by the processor. Here a processor with fewer instructions is imitated
by telling each library not to use them: one library at a time, then all. In a process of its own,
on one thread, hidden states and MFCC of noise are computed, a model of the demo's size is trained
on random features, and an SVM is fitted. Then all is pinned to the instructions of x86-64
processors since 2015, and a processor is imitated again in what the settings do not name.

    python benchmarks/processors.py
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from hump.util import device
from hump.util.parallel import SAME_EVERYWHERE

RESULTS = Path(__file__).resolve().parent / "results"
# What an AVX2 processor has, told to each library.
FEWER = {
    "torch": {"ATEN_CPU_CAPABILITY": "avx2"},
    "torch, none": {"ATEN_CPU_CAPABILITY": "default"},
    "MKL": {"MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "oneDNN": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "OpenBLAS": {"OPENBLAS_CORETYPE": "Haswell"},
    "NumPy": {"NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_ICL"},
}
# Not named by the settings: MKL's own choice below its mode, and NumPy's loops.
REST = FEWER["MKL"] | FEWER["NumPy"]
ALL = {key: value for name, one in FEWER.items() if name != "torch, none"
       for key, value in one.items()}  # fmt: skip
CASES = {"as it is": {}, **{f"fewer: {name}": one for name, one in FEWER.items()},
         "fewer: all": ALL, "pinned": SAME_EVERYWHERE,
         "pinned, fewer: rest": SAME_EVERYWHERE | REST}  # fmt: skip
UPDATES, SECONDS = 60, 3


def compute():
    """Values by part, and seconds of CPU that each part took."""
    import torch
    from sklearn.svm import SVC

    from hump.features import encoders, hubert, mfcc
    from hump.model import Batch, HumpCat, ModelConfig
    from hump.params import load_params

    torch.set_num_threads(1)
    params, rng = load_params("params/demo.yaml"), np.random.default_rng(0)
    values, seconds = {}, {}

    def timed(name, function):
        began = time.process_time()
        values[name] = np.asarray(function(), np.float64)
        seconds[name] = time.process_time() - began

    noise = rng.standard_normal((8, 16_000 * SECONDS)).astype(np.float32) / 10
    encoder = hubert.load_encoder(encoders.EMBEDDED, layers=(9,))
    mfcc.extract(noise[0])  # imports
    timed("hidden states", lambda: np.concatenate(
        hubert.extract(list(noise), encoder=encoder, layers=(9,))).ravel())  # fmt: skip
    timed("MFCC", lambda: np.concatenate([mfcc.extract(one) for one in noise]).ravel())
    known = params.model.model_dump()
    fusion = known.pop("fusion")
    config = ModelConfig(labels=tuple("abcd"), layers=2, hubert_width=128,
                         families=(30, 24, 24, 25), **known, **fusion)  # fmt: skip
    torch.manual_seed(0)
    model = HumpCat(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    target = torch.arange(16) % 4

    def random(*shape):
        return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))

    batches = [Batch(random(1600, 2, 128), torch.full((16,), 100), random(3200, 39),
                     torch.full((16,), 200), random(16, 103)) for _ in range(4)]  # fmt: skip

    def train():
        for update in range(UPDATES):
            optimizer.zero_grad()
            model.loss(batches[update % 4], target).backward()
            optimizer.step()
        return torch.cat([weight.detach().ravel() for weight in model.parameters()]).numpy()

    timed(f"weights after {UPDATES} updates", train)
    x, y = rng.standard_normal((400, 512)), rng.integers(0, 4, 400)
    timed("SVM", lambda: SVC(kernel="linear", C=1 / 512).fit(x, y).decision_function(x).ravel())
    return values, seconds


def measure(settings, rounds=1):
    """Values, and the least CPU time of some rounds, in processes with these settings."""
    clean = {k: v for k, v in os.environ.items() if k not in {**ALL, **SAME_EVERYWHERE}}
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "values.npz"
        for _ in range(rounds):
            done = subprocess.run([sys.executable, __file__, str(file)], check=True, text=True,
                                  capture_output=True, env={**clean, **settings})  # fmt: skip
            seconds.append(json.loads(done.stdout.splitlines()[-1]))
        with np.load(file) as kept:
            values = {name: kept[name] for name in kept}
    return values, {name: min(one[name] for one in seconds) for name in values}


def main():
    found = {name: measure(settings) for name, settings in CASES.items()}
    lines = []
    for name, (values, seconds) in found.items():
        base = "pinned" if name.startswith("pinned") else "as it is"
        for part, own in values.items():
            other = found[base][0][part]
            apart = np.abs(own - other).max() / np.abs(other).max()
            lines.append({"settings": name, "part": part, "against": base,
                          "identical": bool(np.array_equal(own, other)),
                          "largest_relative_difference": float(f"{apart:.2g}"),
                          "cpu_seconds": round(seconds[part], 3)})  # fmt: skip
    result = {
        "processor": device.processor(),
        "pinned": SAME_EVERYWHERE,
        "fewer": FEWER,
        "lines": lines,
    }
    (RESULTS / "processors.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        computed, took = compute()
        np.savez(sys.argv[1], **computed)
        print(json.dumps(took))
    else:
        main()
