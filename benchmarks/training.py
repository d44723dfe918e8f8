"""What training costs: an update, several models stacked, a job by its parts, many fits, memory.

    python benchmarks/training.py [section ...]

Sections that are named (see `main`) are measured again and replace those of an earlier run. On
features that are random numbers, as many as EMODB's, with the settings of `params/open.yaml`. On
a processor times are CPU time of one thread, which other work on the machine disturbs less; on a
GPU they are wall time; the least of some rounds is kept. Many fits are measured in wall time, in
processes that have worked before, on the processor and, where there is one, on the GPU. Writes
`results/training-<device>.json`. That of the processor also has whole jobs on recorded speech,
compared once with the code of before (commit 99a3739); that of the GPU has what was measured
before updates were recorded, an update that `torch.profiler` looked at among it. This script leaves
these as they are.
"""

import hashlib
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

from hump.util.parallel import SAME_EVERYWHERE

os.environ |= SAME_EVERYWHERE | {"OMP_NUM_THREADS": "1"}
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from hump import model, params  # noqa: E402
from hump.corpora import splits  # noqa: E402
from hump.experiments import runner  # noqa: E402
from hump.features import Features, Ragged  # noqa: E402
from hump.params import names  # noqa: E402
from hump.training import baselines, fit  # noqa: E402
from hump.training.dataset import HUBERT_RATE, Data  # noqa: E402
from hump.training.loop import Trainer  # noqa: E402
from hump.util import device, parallel  # noqa: E402

HERE = Path(__file__).parent
PLACE = device.resolve("auto")
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


def clock() -> float:
    """Seconds of CPU time; of wall time when the GPU has finished, where there is one."""
    if PLACE == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def least(function, rounds=15) -> float:
    """Milliseconds of a call, the least of some rounds."""
    function(), function()
    spent = []
    for _ in range(rounds):
        began = clock()
        function()
        spent.append(clock() - began)
    return 1e3 * min(spent)


def update(study, width, seconds, rows) -> dict:
    """Milliseconds of an update, and billions of operations of its products a second."""
    data, settings = made_up(width, (seconds, seconds + 0.01)), study.pretrain
    net, chosen = fit.build(data, study, seed=0).to(PLACE), np.arange(rows)
    fit.fit_scaling(net, data, chosen)
    trainer = Trainer(net.train(), data, chosen, settings, 1e-3, ("benchmark",))
    batch = data.batch(chosen, crop_s=settings.crop_s, rng=trainer.rng)
    exact = fit.build(data, study, seed=0).double()  # as float64 the LSTM is counted, too
    wide = model.Batch(*(x.double() if x.is_floating_point() else x for x in batch.tensors))
    with FlopCounterMode(display=False) as counter:
        exact.loss(wide, data.target(chosen)).backward()
    with trainer.stream():
        spent = least(lambda: trainer._update(chosen))
    flops = counter.get_total_flops() / 1e9
    making = least(lambda: trainer.draw(data, chosen, trainer.rng))
    return {"encoder_width": width, "seconds": seconds, "rows": rows, "ms": round(spent, 1),
            "batch_ms": round(making, 1), "gflop": round(flops, 2),
            "gflop_per_s": round(flops / spent * 1e3, 1)}  # fmt: skip


def stacked(study, rows, count) -> dict:
    """Forward and backward pass of several models: one by one, and all but the LSTM as one."""
    data, chosen = made_up(512, (2.8, 2.81)), np.arange(rows)
    # Without dropout, but in training: cuDNN has no gradients otherwise.
    study = study.model_copy(update={"model": study.model.model_copy(update={"dropout": 0.0})})
    nets = [fit.build(data, study, seed=seed).to(PLACE) for seed in range(count)]
    batch = data.batch(chosen).to(PLACE)
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


def _fit(data, params, number):
    """Fine-tune from scratch on a fold's training rows; a hash of the probabilities."""
    fold = splits.speaker_folds(data.rows, SPEAKERS)[number % SPEAKERS]
    key = ("benchmark", number)
    net = fit.finetune(None, data, fold.train, params, start="scratch", rng_key=key)
    return hashlib.sha256(fit.predict(net, data, fold.test).tobytes()).hexdigest()


def fits(study, data, place, processes, count) -> tuple[dict, list]:
    """Seconds of so many fits in so many processes, as the study runs them; hashes of results."""
    study = study.model_copy(update={"device": place})
    calls = [{"data": data, "params": study, "number": number} for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        settings = {"HUMP_CACHE": folder, "HUMP_WORKERS": str(processes)}
        with mock.patch.dict(os.environ, settings):
            warm = [call | {"number": -1 - k} for k, call in enumerate(calls[:processes])]
            runner.run(_fit, warm, study, label="warm")
            began = time.perf_counter()
            found = runner.run(_fit, calls, study, label=f"{place}, {processes}")
            seconds = time.perf_counter() - began
    line = {"device": place, "processes": processes, "fits": count, "seconds": round(seconds, 2),
            "fits_per_minute": round(60 * count / seconds, 1)}  # fmt: skip
    if place == "cuda":
        free, total = torch.cuda.mem_get_info()
        line["gpu_gib_in_use"] = round((total - free) / 2**30, 2)
    return line, found


def many(study) -> dict:
    """Fits by their number and the number of processes, beside a process on each of two cores."""
    data, cores = made_up(512), parallel.workers()
    cases = [("cpu", 2, count) for count in (2, 4, 8, 16)]
    if PLACE == "cuda":
        cases = [("cpu", 2, 8), ("cpu", cores, 3 * cores)]
        cases += [(PLACE, processes, 6 * processes) for processes in (1, 4, 8, 16)]
    lines, same = [], {}
    for case in cases:
        line, hashes = fits(study, data, *case)
        lines.append(line)
        print(json.dumps(line), flush=True)
        for number, one in enumerate(hashes):
            same.setdefault((line["device"], number), set()).add(one)
    two = max(x["fits_per_minute"] for x in lines if (x["device"], x["processes"]) == ("cpu", 2))
    for line in lines:
        line["against_two_cores"] = round(line["fits_per_minute"] / two, 2)
    return {"lines": lines, "identical_in_any_company": max(map(len, same.values())) == 1}


def job(study, data, fraction) -> dict:
    """Seconds of a job of `04_finetune` by part: both starts, and the baselines."""
    spent = {}

    def timed(owner, name, part):
        original = getattr(owner, name)

        def call(*arguments, **more):
            began = clock()
            result = original(*arguments, **more)
            spent[part] = spent.get(part, 0.0) + clock() - began
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
            began = clock()
            fit.finetune_and_test(model.load(folder), data, fold, study, keys, data)
            for name in baselines.BASELINES:
                baselines.fit_predict(name, data, fold.train, data, fold.test)
            whole = clock() - began
    spent["steps"] -= spent["batches"]  # but for the few of the prediction
    spent |= {"rest": whole - sum(spent.values()), "whole": whole}
    return {"fraction": fraction, "rows": len(drawn)} | {k: round(v, 3) for k, v in spent.items()}


def jobs(study) -> dict:
    """Jobs by fraction; sums of each utterance, computed once for all of them; memory."""
    data, began = made_up(512), time.process_time()
    data.pooled  # noqa: B018
    once = time.process_time() - began
    found = [job(study, data, fraction) for fraction in (FRACTIONS[0], *FRACTIONS)][1:]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"moments_once_s": round(once, 2), "seconds": found, "peak_gib": round(peak, 2)}


def product() -> float:
    """Billions of operations a second of a large product."""
    square = torch.randn(2048, 2048, device=PLACE)
    return round(2 * 2048**3 / 1e6 / least(lambda: square @ square), 1)


def main(names):
    torch.set_num_threads(1)
    study = params.load_params(HERE.parent / "params" / "open.yaml")
    study = study.model_copy(update={"device": PLACE})
    file = HERE / "results" / f"training-{PLACE}.json"
    result = json.loads(file.read_text()) if file.is_file() else {}
    result |= {"machine": device.processor(), "device": device.describe(PLACE),
               "torch": torch.__version__}  # fmt: skip
    batches = [(width, *one) for width in (128, 512) for one in ((1.5, 32), (3.0, 32), (3.0, 3))]
    counts = (1, 2, 4, 8) if PLACE == "cpu" else (1, 4, 16)
    for name, section in (
        ("jobs", lambda: jobs(study)),
        ("large_product_gflop_per_s", product),
        ("updates", lambda: [update(study, *batch) for batch in batches]),
        ("many_fits", lambda: many(study)),
        ("stacked", lambda: [stacked(study, rows, k) for rows in (3, 32) for k in counts]),
    ):
        if name in names or not names:
            with device.exact():
                result[name] = section()
            print(json.dumps({name: result[name]}, indent=1), flush=True)
            file.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
