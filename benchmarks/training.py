"""What training costs: an update, several models stacked, a job by its parts, and memory.

    python benchmarks/training.py

On features that are random numbers, as many as EMODB's, on one thread, with the settings of
`params/open.yaml`. Times are CPU time, which other work on the machine disturbs less; the least of
some rounds is kept. `results/training.json` also has whole jobs on recorded speech, compared once
with the code of before (commit 99a3739); this script leaves these figures as they are.
"""

import json
import os
import resource
import tempfile
import time
from pathlib import Path
from unittest import mock

from hump.util.parallel import SAME_EVERYWHERE

os.environ |= SAME_EVERYWHERE | {"OMP_NUM_THREADS": "1"}

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from hump import model, params  # noqa: E402
from hump.corpora import splits  # noqa: E402
from hump.features import Features, Ragged  # noqa: E402
from hump.params import names  # noqa: E402
from hump.training import baselines, fit  # noqa: E402
from hump.training.dataset import HUBERT_RATE, Data  # noqa: E402
from hump.training.loop import Trainer  # noqa: E402
from hump.util import device  # noqa: E402

HERE = Path(__file__).parent
SPEAKERS, EACH = 10, 34
FRACTIONS = (0.01, 0.1, 1.0)


def made_up(width, seconds=(1.5, 4.0)) -> Data:
    """A corpus of noise: utterances of these lengths, two layers of this width."""
    rng, count = np.random.default_rng(0), SPEAKERS * EACH
    rows = pd.DataFrame({
        "utterance_id": [f"u{k}" for k in range(count)], "corpus": "noise", "session": None,
        "speaker": [f"s{k % SPEAKERS}" for k in range(count)], "sentence": "0", "sex": "f",
        "emotion": [names.EMOTIONS[k // SPEAKERS % 4] for k in range(count)],
        "duration_s": 1.0, "audio_sha256": [str(k) for k in range(count)],
    })  # fmt: skip
    frames = (rng.uniform(*seconds, count) * HUBERT_RATE).astype(int)

    def noise(*shape, dtype=np.float32):
        return rng.standard_normal(shape, dtype=np.float32).astype(dtype)

    streams = {
        "hubert": Ragged(noise(frames.sum(), 2, width, dtype=np.float16), frames),
        "mfcc": Ragged(noise(2 * frames.sum(), 39, dtype=np.float16), 2 * frames),
        "prosody": noise(count, 103), "egemaps": noise(count, 88),
    }  # fmt: skip
    features = Features(tuple(rows["utterance_id"]), "noise", streams, "noise", False, (1, 3), "0")
    return Data(rows, features, names.EMOTIONS)


def least(function, rounds=15) -> float:
    """Milliseconds of CPU time of a call, the least of some rounds."""
    function(), function()
    spent = []
    for _ in range(rounds):
        began = time.process_time()
        function()
        spent.append(time.process_time() - began)
    return 1e3 * min(spent)


def update(study, width, seconds, rows) -> dict:
    """Milliseconds of an update, and billions of operations of its products a second."""
    data, settings = made_up(width, (seconds, seconds + 0.01)), study.pretrain
    net, chosen = fit.build(data, study, seed=0), np.arange(rows)
    fit.fit_scaling(net, data, chosen)
    trainer = Trainer(net.train(), data, chosen, settings, 1e-3, ("benchmark",))
    batch = data.batch(chosen, crop_s=settings.crop_s, rng=trainer.rng)
    exact = fit.build(data, study, seed=0).double()  # as float64 the LSTM is counted, too
    wide = model.Batch(*(x.double() if x.is_floating_point() else x for x in vars(batch).values()))
    with FlopCounterMode(display=False) as counter:
        exact.loss(wide, data.target(chosen)).backward()
    spent = least(lambda: trainer._update(chosen))
    flops = counter.get_total_flops() / 1e9
    making = least(lambda: data.batch(chosen, crop_s=settings.crop_s, rng=trainer.rng))
    return {"encoder_width": width, "seconds": seconds, "rows": rows, "ms": round(spent, 1),
            "batch_ms": round(making, 1), "gflop": round(flops, 2),
            "gflop_per_s": round(flops / spent * 1e3, 1)}  # fmt: skip


def stacked(study, rows, count) -> dict:
    """Forward and backward pass of several models: one by one, and all but the LSTM as one."""
    data, chosen = made_up(512, (2.8, 2.81)), np.arange(rows)
    nets = [fit.build(data, study, seed=seed).eval() for seed in range(count)]
    batch = data.batch(chosen)
    weights, buffers = torch.func.stack_module_state(nets)
    hubert, prosody = (x.expand(count, *x.shape).clone() for x in (batch.hubert, batch.prosody))

    def embed(weights, buffers, hubert, prosody, spoken):
        own = model.Batch(hubert, batch.hubert_length, None, None, prosody)
        with mock.patch.object(nets[0], "_mfcc", lambda *_: spoken):
            return torch.func.functional_call(nets[0], (weights, buffers), (own,))

    def as_one():
        count, valid = nets[0]._steps(batch)
        spoken = torch.stack([net._mfcc(batch, count, valid.shape[1]) for net in nets])
        return torch.vmap(embed)(weights, buffers, hubert, prosody, spoken)

    def one_by_one():
        return torch.stack([net(batch) for net in nets])

    torch.testing.assert_close(as_one(), one_by_one(), rtol=1e-4, atol=1e-5)
    alone = least(lambda: one_by_one().sum().backward(), 8)
    together = least(lambda: as_one().sum().backward(), 8)
    return {"models": count, "rows": rows, "one_by_one_ms": round(alone, 1),
            "stacked_ms": round(together, 1), "ratio": round(alone / together, 2)}  # fmt: skip


def job(study, data, fraction) -> dict:
    """CPU seconds of a job of `04_finetune` by part: both starts, and the baselines."""
    spent = {}

    def timed(owner, name, part):
        original = getattr(owner, name)

        def call(*arguments, **more):
            began = time.process_time()
            result = original(*arguments, **more)
            spent[part] = spent.get(part, 0.0) + time.process_time() - began
            return result

        return mock.patch.object(owner, name, call)

    fold = splits.speaker_folds(data.rows, SPEAKERS)[0]
    drawn = splits.stratified_draw(data.rows, fold.train, fraction, np.random.default_rng(0))
    fold, keys = fold.with_train(drawn, data.rows), {"pretrained": ("b",), "scratch": ("b",)}
    with tempfile.TemporaryDirectory() as folder:
        model.save(fit.build(data, study, seed=0), folder, origin={})
        with (timed(model, "load", "load"), timed(fit, "fit_scaling", "scaling"),
              timed(Data, "batch", "batches"), timed(Trainer, "epoch", "steps"),
              timed(fit, "classify", "prediction"),
              timed(baselines, "fit_predict", "baselines")):  # fmt: skip
            began = time.process_time()
            fit.finetune_and_test(model.load(folder), data, fold, study, keys, data)
            for name in baselines.BASELINES:
                baselines.fit_predict(name, data, fold.train, data, fold.test)
            whole = time.process_time() - began
    spent["steps"] -= spent["batches"]  # but for the few of the prediction
    spent |= {"rest": whole - sum(spent.values()), "whole": whole}
    return {"fraction": fraction, "rows": len(drawn)} | {k: round(v, 3) for k, v in spent.items()}


def main():
    torch.set_num_threads(1)
    study, file = params.load_params(HERE.parent / "params" / "open.yaml"), HERE / "results"
    file = file / "training.json"
    known = json.loads(file.read_text()) if file.is_file() else {}
    data, square = made_up(512), torch.randn(2048, 2048)
    began = time.process_time()
    data.pooled  # noqa: B018
    once = time.process_time() - began
    jobs = [job(study, data, fraction) for fraction in (FRACTIONS[0], *FRACTIONS)][1:]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    result = {
        "machine": device.processor(), "torch": torch.__version__,
        "large_product_gflop_per_s": round(2 * 2048**3 / 1e6 / least(lambda: square @ square), 1),
        "updates": [update(study, width, seconds, rows)
                    for width in (128, 512) for seconds, rows in ((1.5, 32), (3.0, 32), (3.0, 3))],
        "stacked": [stacked(study, rows, count) for rows in (3, 32) for count in (1, 2, 4, 8)],
        "moments_once_s": round(once, 2), "jobs_cpu_s": jobs, "peak_gib": round(peak, 2),
        "against_former_code": known.get("against_former_code"),
    }  # fmt: skip
    file.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
