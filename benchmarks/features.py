"""What extraction costs and how exact it is, against the plain way (`plain.py`), in one run.

    python benchmarks/features.py [folder of audio [section ...]]

Without a folder, the demo speech is used. Sections that are named (see `main`) are measured again
and replace those of an earlier run, each with the machine that it was measured on; without names,
all are measured. HuBERT-base and -large have their full size and random weights, which take as long
as trained ones and are as hard to get right. Both sides use the same files, the same number of
processes and one thread in each; rounds alternate between them, and a ratio is the median over
rounds. Whole corpora are extracted by processes that have extracted others before. Writes
`results/features-<device>.json` and a figure.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # worker processes import `plain` too
os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])

import plain  # noqa: E402

from hump import audio, features  # noqa: E402
from hump.features import encoders, extraction, hubert, mfcc, prosody  # noqa: E402
from hump.util import parallel  # noqa: E402

LAYERS = (1, 9)
ROUNDS = 5
SEED = 1


def main(arguments):
    if arguments[:1] == ["--grow"]:
        return print(json.dumps(_grow(*arguments[1:])))
    if arguments[:1] == ["--whole"]:
        return print(_whole(*arguments[1:]))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        files = _files(Path(arguments[0]).resolve() if arguments else None)
        models = _models(folder)
        device = _device()
        target = HERE / "results" / f"features-{device}.json"
        machine = _machine(device)
        result = {"audio": _about(files), "measured_on": {}}
        if arguments[1:] and target.is_file():
            result = json.loads(target.read_text()) | {"audio": result["audio"]}
        for name, section in (
            ("exactness", lambda: _exactness(files, models)),
            ("bfloat16", lambda: _bfloat16(files, models, device)),
            ("streams", lambda: _streams(files, models, device)),
            ("whole", lambda: _wholes(files, models, device, folder)),
            ("growth", lambda: _growth(files, models, device, folder)),
            ("long", lambda: _long(models, device, folder)),
        ):
            if name in arguments[1:] or not arguments[1:]:
                result[name], result["measured_on"][name] = section(), machine
                print(json.dumps({name: result[name]}, indent=1), flush=True)
                target.write_text(json.dumps(result, indent=1) + "\n")
    if {"streams", "whole", "growth"} <= set(result):
        _figure(result, target.with_suffix(".png"))


# --- what is measured ---


def _files(folder):
    if folder is None:
        from hump import corpora, load_params

        params = load_params(HERE.parent / "params" / "demo.yaml")
        files = [
            params.folder(name) / path
            for name, made in corpora.manifests(params).items()
            for path in corpora.used(made)["path"]
        ]
    else:
        files = sorted(folder.rglob("*.wav"))
    # In random order, so that the first of them are of all lengths and speakers.
    np.random.default_rng(SEED).shuffle(files)
    return [str(path) for path in files]


def _models(folder):
    """Folders of encoders: HuBERT-base and the layer-norm family of -large, with random weights."""
    import torch
    from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

    large = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
    kinds = {"base": {}, "large": large, "mini": encoders.UNTRAINED_CONFIG}
    for name, options in kinds.items():
        torch.manual_seed(SEED)
        model = HubertModel(HubertConfig(**{**options, "model_type": "hubert"}))
        with torch.no_grad():
            for key, weight in model.named_parameters():
                if "norm" in key or key.endswith("bias"):  # neutral ones would hide errors
                    weight.add_(0.2 * torch.rand_like(weight))
        model.save_pretrained(folder / name)
        Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder / name)
    return {name: str(folder / name) for name in kinds}


def _device():
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _machine(device):
    import torch

    with parallel.one_thread():
        a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
        seconds = min(_seconds(lambda: a @ b) for _ in range(20))
    return {
        "processor": platform.machine(), "cores": parallel.workers(), "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "matmul_gflops_one_thread": round(2 * 2048**3 / seconds / 1e9, 1),
    }  # fmt: skip


def _about(files):
    seconds = [len(audio.load(path)) / audio.SAMPLING_RATE for path in files]
    return {
        "files": len(files), "seconds_mean": round(float(np.mean(seconds)), 2),
        "seconds_min": round(min(seconds), 2), "seconds_max": round(max(seconds), 2),
    }  # fmt: skip


# --- exactness ---


def _exactness(files, models):
    """Worst relative error of any utterance and layer, over batches of 1 to 32 and orders."""
    import joblib

    results = {}
    for name, count in (("base", 200), ("large", 64), ("mini", 200)):
        blocks = [files[start : start + 32] for start in range(0, count, 32)]
        blocks[-1] = blocks[-1][: count - 32 * (len(blocks) - 1)]
        errors = joblib.Parallel(n_jobs=parallel.workers())(
            joblib.delayed(_errors)(block, models[name]) for block in blocks
        )
        results[name] = {"utterances": count} | {
            key: float(f"{max(error[key] for error in errors):.3g}") for key in errors[0]
        }
    return results


def _errors(block, model):
    with parallel.one_thread():
        encoder = hubert.load_encoder(model, layers=(max(LAYERS),))
        signals = [audio.load(path) for path in block]
        expected = [plain.compute("hubert", path, encoder=model) for path in block]
        results = {}
        for size in (1, 2, 4, 8, 16, 32):
            worst = 0.0
            for start in range(0, len(block), size):
                got = hubert.extract(
                    signals[start : start + size], encoder=encoder, layers=LAYERS, batch_s=1e9
                )
                pairs = zip(got, expected[start : start + size], strict=True)
                worst = max([worst, *(_error(a, b) for a, b in pairs)])
            results[f"batch_{size}"] = worst
        results["padded_the_usual_way"] = _padded(block[:8], model, expected)
    return results


def _error(values, expected):
    wrong, size = (np.linalg.norm(v, axis=(0, 2)) for v in (values - expected, expected))
    return float((wrong / size).max())


def _padded(block, model, expected):
    """The error that is avoided: transformers on one padded batch, attention mask and all."""
    import torch

    network, extractor = plain._LOADED[model, "cpu"]
    signals = [audio.load(path) for path in block]
    inputs = extractor(
        signals, sampling_rate=16_000, return_tensors="pt", padding=True, return_attention_mask=True
    )
    with torch.no_grad():
        states = network(**inputs, output_hidden_states=True).hidden_states
    states = torch.stack([states[layer] for layer in LAYERS], dim=2).numpy()
    return max(_error(a[: len(b)], b) for a, b in zip(states, expected, strict=False))


def _bfloat16(files, models, device):
    """Relative error of reduced precision; on a CPU without the instructions it is emulated."""
    results = {}
    for name in ("base", "mini"):
        rough = hubert.load_encoder(
            models[name], layers=LAYERS, device=device, precision="bfloat16"
        )
        block = files[:4]
        got = hubert.extract([audio.load(path) for path in block], encoder=rough, layers=LAYERS)
        expected = [plain.compute("hubert", path, encoder=models[name]) for path in block]
        errors = [_error(a, b) for a, b in zip(got, expected, strict=True)]
        results[name] = {"utterances": len(block), "worst_error": float(f"{max(errors):.3g}")}
    return results


# --- time ---


def _streams(files, models, device):
    """One process, one thread: utterances a second of each stream by itself, both ways.

    On a GPU those that it computes, and against a core of that machine.
    """
    results = {}
    for name, stream, count in (
        ("HuBERT-base, 9 of 12 layers", "base", 24), ("embedded size, 9 of 12 layers", "mini", 96),
        ("MFCC", "mfcc", 96), ("prosody", "prosody", 96),
    ):  # fmt: skip
        if device == "cuda" and stream not in models:
            continue
        block = files[:count]
        with parallel.one_thread():
            ours, theirs = _sides(stream, block, models, device)
            results[name] = _compare(ours, theirs, block)
            if device == "cuda":
                few = block[: count // 3]
                ours, _ = _sides(stream, few, models, device)
                one_core, _ = _sides(stream, few, models, "cpu")
                results[name]["against_one_core"] = _compare(ours, one_core, few)["ratio"]
        if stream == "base":
            results[name]["gflops_reached"] = _gflops(block, results[name], hubert_layers=9)
    return results


def _sides(stream, block, models, device):
    if stream in models:
        encoder = hubert.load_encoder(models[stream], layers=LAYERS, device=device)

        def ours():
            signals = [audio.load(path) for path in block]
            return hubert.extract(signals, encoder=encoder, layers=LAYERS)

        def theirs():
            return [
                plain.compute("hubert", path, encoder=models[stream], device=device)
                for path in block
            ]
    else:
        extract = {"mfcc": mfcc.extract, "prosody": prosody.vector}[stream]

        def ours():
            return [extract(audio.load(path)) for path in block]

        def theirs():
            return [plain.compute(stream, path, encoder=None) for path in block]

    return ours, theirs


def _compare(ours, theirs, block):
    """Seconds of both sides, round by round."""
    ours()
    theirs()
    return _ratio([(_seconds(ours), _seconds(theirs)) for _ in range(ROUNDS)], block)


def _ratio(times, block):
    """What to tell of the seconds of both sides, a pair a round."""
    audio_s = sum(len(audio.load(path)) for path in block) / audio.SAMPLING_RATE
    ratios = [b / a for a, b in times]
    results = {
        "utterances": len(block), "ratio": round(statistics.median(ratios), 2),
        "ratio_min": round(min(ratios), 2), "ratio_max": round(max(ratios), 2),
    }  # fmt: skip
    for side, values in zip(("ours", "plain"), zip(*times, strict=True), strict=True):
        seconds = statistics.median(values)
        results[side] = {
            "utterances_per_s": round(len(block) / seconds, 2),
            "real_time_factor": round(seconds / audio_s, 4),
        }
    return results


def _gflops(block, line, *, hubert_layers):
    """Multiply-adds (twice) that HuBERT-base needs for these files, by the second: its products."""
    operations = 0
    for path in block:
        steps = len(audio.load(path))
        channels = 1
        for kernel, stride in zip((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2), strict=True):
            steps = (steps - kernel) // stride + 1
            operations += 2 * steps * kernel * channels * 512
            channels = 512
        layer = 4 * 768 * 768 + 2 * 768 * 3072 + 2 * steps * 768
        operations += 2 * steps * (512 * 768 + hubert_layers * layer)
    return round(operations / len(block) * line["ours"]["utterances_per_s"] / 1e9, 1)


def _wholes(files, models, device, folder):
    """Whole corpora from files to stored features, all cores, both ways."""
    results = {}
    for name, model, count, with_egemaps in (
        ("three streams, HuBERT-base", "base", 64, False),
        ("three streams, embedded size", "mini", 320, False),
        ("with eGeMAPS, embedded size", "mini", 320, True),
    ):
        listing = folder / "block.json"
        listing.write_text(json.dumps(files[:count]))
        names = (*plain.STREAMS, "egemaps") if with_egemaps else plain.STREAMS
        times = [
            [_of_a_process("--whole", side, listing, models[model], device, folder, *names)
             for side in ("ours", "plain")]
            for _ in range(ROUNDS)
        ]  # fmt: skip
        results[name] = _ratio(times, files[:count])
    return results


def _whole(side, listing, model, device, folder, *names):
    """Seconds of one side for all files, after some, in processes that stay."""
    block = json.loads(Path(listing).read_text())
    with tempfile.TemporaryDirectory(dir=folder) as place:
        place = Path(place)
        for part in (block[:32], block):
            manifest = _manifest(part)
            started = time.perf_counter()
            if side == "ours":
                _extract(manifest, model, device, place / str(len(part)), names)
            else:
                _plainly(part, model, device, place, names)
            seconds = time.perf_counter() - started
    return seconds


def _of_a_process(*arguments):
    """What this script prints when called with some arguments, in a fresh process."""
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def _extract(manifest, model, device, cache, names):
    """What `extract_corpus` does, for the streams named."""
    params = _params(model, device, cache)
    job = features._job(manifest, params, encoders.find(model), "/")
    wanted = {stream: about for stream, about in job.streams.items() if stream.name in names}
    job = dataclasses.replace(job, streams=wanted)
    extraction.run(job, workers=parallel.workers(), progress=False)


def _manifest(block):
    import pandas as pd

    return pd.DataFrame({
        "utterance_id": [f"{i:06d}" for i in range(len(block))],
        "corpus": "benchmark",
        "path": block,
        "duration_s": [len(audio.load(path)) / audio.SAMPLING_RATE for path in block],
        "audio_sha256": [hashlib.sha256(f"{i} {p}".encode()).hexdigest()
                         for i, p in enumerate(block)],
    })  # fmt: skip


def _params(model, device, cache):
    chosen = SimpleNamespace(
        encoder=model,
        layers=LAYERS,
        pooled=False,
        dtype="float16",
        precision="float32",
        mfcc={"frame_ms": 25, "hop_ms": 10, "window": "hann"},
    )
    return SimpleNamespace(features=chosen, device=device, cache=cache)


def _plainly(block, model, device, folder, names):
    """The plain way with as many processes, each on its share of the files."""
    import joblib

    count = parallel.workers() if device == "cpu" else 1
    shares = [block[i::count] for i in range(count)]
    joblib.Parallel(n_jobs=count)(
        joblib.delayed(_share)(share, model, device, folder / f"plain{i}", names)
        for i, share in enumerate(shares)
    )


def _share(share, model, device, folder, names):
    import threadpoolctl

    folder.mkdir(exist_ok=True)
    with parallel.one_thread(), threadpoolctl.threadpool_limits(1):
        for stream in names:
            for i, path in enumerate(share):
                values = plain.compute(stream, path, encoder=model, device=device)
                np.save(folder / f"{stream}-{i}.npy", values.astype(np.float16))


def _seconds(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


# --- memory and growth ---


def _growth(files, models, device, folder):
    """Seconds and peak memory at 1, 2, 4 and 8 times the utterances, each in a fresh process."""
    results = {}
    for name, count in (("base", 32), ("mini", 200)):
        results[name] = []
        for times in (1, 2, 4, 8):
            line = _fresh(files[:count] * times, models[name], device, folder)
            results[name].append(line | {"times": times})
        first, last = results[name][0], results[name][-1]
        # Start-up, the same for all, is the line's value at none.
        per_utterance = [
            (b["seconds"] - a["seconds"]) / (b["utterances"] - a["utterances"])
            for a, b in itertools.pairwise(results[name])
        ]
        results[f"{name}_time_8x_over_1x"] = round(last["seconds"] / first["seconds"], 2)
        results[f"{name}_memory_8x_over_1x"] = round(last["peak_mib"] / first["peak_mib"], 3)
        results[f"{name}_ms_per_utterance"] = [round(1000 * value, 1) for value in per_utterance]
    return results


def _long(models, device, folder):
    """A recording of ten minutes through all streams."""
    import soundfile

    path = folder / "long.wav"
    rng = np.random.default_rng(SEED)
    pulses = np.cumsum(np.repeat(rng.uniform(90, 250, 6000), 1600)) / 16_000 % 1
    signal = 0.2 * pulses * np.repeat(rng.uniform(0, 1, 600), 16_000)
    soundfile.write(path, signal + 0.001 * rng.standard_normal(len(signal)), 16_000)
    return _fresh([str(path)], models["base"], device, folder) | {"minutes": 10}


def _fresh(block, model, device, folder):
    """Extract in a process of its own, with a watch on the memory of it and its children."""
    listing = folder / "block.json"
    listing.write_text(json.dumps(block))
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        return _of_a_process("--grow", listing, model, device, cache)


def _grow(listing, model, device, cache):
    block = json.loads(Path(listing).read_text())
    manifest = _manifest(block)
    with _Memory() as memory:
        started = time.perf_counter()
        _extract(manifest, model, device, Path(cache), (*plain.STREAMS, "egemaps"))
        seconds = time.perf_counter() - started
    return {"utterances": len(block), "seconds": round(seconds, 1),
            "peak_mib": round(memory.peak / 2**20)}  # fmt: skip


class _Memory:
    """Peak memory of this process and its children; what they share counts once (PSS)."""

    def __enter__(self):
        self.peak, self._stop = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        import psutil

        me = psutil.Process()
        while not self._stop.wait(0.2):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    total += process.memory_full_info().pss
            self.peak = max(self.peak, total)


# --- the figure ---


def _figure(result, path):
    import matplotlib as mpl

    mpl.use("agg")
    from hump.plots.style import applied

    applied(_draw)(result, path)


def _draw(result, path):
    import matplotlib.pyplot as plt

    lines = {**result["streams"], **result["whole"]}
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.8), width_ratios=(1.5, 1, 1))
    for row, line in enumerate(lines.values()):
        values = line["plain"]["utterances_per_s"], line["ours"]["utterances_per_s"]
        left.plot(values, (row, row), color="#bbbbbb", zorder=1)
        for value, colour, label in zip(values, ("#999999", "#0072B2"),
                                        ("plain way", "hump"), strict=True):  # fmt: skip
            left.plot(value, row, "o", color=colour, label=label if not row else None)
        left.annotate(f"{line['ratio']:.2f}×", (max(values), row), (6, -3),
                      textcoords="offset points", fontsize=8)  # fmt: skip
    left.set(
        xscale="log",
        yticks=range(len(lines)),
        yticklabels=list(lines),
        xlabel="utterances per second (log scale)",
        title="Against the plain way",
    )
    left.set_xlim(right=left.get_xlim()[1] * 1.6)
    left.invert_yaxis()
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    names = {"base": "HuBERT-base", "mini": "embedded size"}
    for (key, label), colour in zip(names.items(), ("#D55E00", "#009E73"), strict=True):
        points = result["growth"][key]
        times = [point["times"] for point in points]
        seconds = [point["seconds"] for point in points]
        memory = [point["peak_mib"] / 1024 for point in points]
        middle.plot(
            times,
            seconds,
            "o-",
            color=colour,
            label=f"{label},\n1× is {points[0]['utterances']} utterances",
        )
        right.plot(times, memory, "o-", color=colour, label=label)
    right.axhline(3, color="#333333", linestyle="--", linewidth=1)
    right.annotate("bound", (1, 3), (0, 4), textcoords="offset points", fontsize=8)
    middle.set(xlabel="times the utterances", ylabel="seconds", title="Time", ylim=(0, None))
    right.set(
        xlabel="times the utterances",
        ylabel="GiB, all processes",
        title="Peak memory",
        ylim=(0, 3.4),
    )
    for axis in (middle, right):
        axis.set_xticks([1, 2, 4, 8])
    middle.legend(fontsize=7, loc="lower right")
    about, machines = result["audio"], result["measured_on"]
    machine = machines["whole"]
    others = "" if machines["growth"] == machine else "; time and memory: on another machine"
    figure.supxlabel(
        f"{about['files']} files of {about['seconds_mean']} s on average; "
        f"{machine['cores']} cores, {machine['device']}{others}; random weights; "
        "python benchmarks/features.py", fontsize=7, color="#555555",
    )  # fmt: skip
    figure.savefig(path)


if __name__ == "__main__":
    main(sys.argv[1:])
