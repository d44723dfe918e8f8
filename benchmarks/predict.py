"""What `hump.predict` costs, and which recordings it calls unlike those of the training.

    python benchmarks/predict.py [folder of corpora]

The folder (default: HUMP_DATA) holds RAVDESS, and perhaps other corpora. The model is that of
``params/open.yaml`` with the small HuBERT; its weights are random, which changes neither time nor
memory, and features are scaled by half of RAVDESS's speakers, which is all that distances from the
training depend on. Measured, each in a process of its own:

* ten minutes and an hour of speech in one file, 44.1 kHz and stereo: seconds and peak memory;
* a folder of 200 recordings, ten of which cannot be read;
* the share of recordings called unlike the training data, of RAVDESS's other speakers, of other
  corpora, of noise and of tones.

Writes `results/predict.json`.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import soxr

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]
os.environ["PYTHONPATH"] = sys.path[0]

import hump  # noqa: E402
from hump import audio, corpora, model, prediction  # noqa: E402
from hump.experiments import protocol  # noqa: E402
from hump.features import encoders, extract_corpus  # noqa: E402
from hump.model import familiar  # noqa: E402
from hump.params import folders, load_params, names  # noqa: E402
from hump.training import fit  # noqa: E402
from hump.training.dataset import Data  # noqa: E402
from hump.util import device, parallel  # noqa: E402

SAMPLE, RATE, BAD = 60, 44_100, 10
TRIED = ("ravdess", "emodb", "emovo", "casia", "tess", "urdu")


def main(arguments):
    root = Path(arguments[0] if arguments else os.environ["HUMP_DATA"]).resolve()
    os.environ["HUMP_DATA"] = str(root)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        trained, unlike = _trained(root, folder / "model")
        files = sorted((root / "ravdess").rglob("*.wav"))
        result = {
            "machine": {"processor": device.processor(), "cores": parallel.workers(),
                        "python": platform.python_version(), "shared": "with other jobs"},
            "model": "params/open.yaml with hubert-mini, random weights",
            "folder": _folder(files, trained, folder / "files"),
            "long": [_long(files, minutes, threads, trained, folder)
                     for minutes, threads in ((10, 1), (10, parallel.workers()), (60, 1))],
            "unlike": unlike | _noise(trained),
        }  # fmt: skip
    (HERE / "results" / "predict.json").write_text(json.dumps(result, indent=1) + "\n")


def _trained(root, place):
    """A model scaled by half of RAVDESS's speakers, and whom it calls unlike them."""
    study = load_params(HERE.parent / "params" / "open.yaml")
    encoder = study.features.model_copy(update={"encoder": encoders.EMBEDDED, "layers": (1, 9)})
    study, shares, net = study.model_copy(update={"features": encoder}), {}, None
    for name in (name for name in TRIED if folders.corpus_folder(name, root).is_dir()):
        rows = corpora.used(corpora.read(name, root))
        rows = rows.iloc[np.linspace(0, len(rows) - 1, min(len(rows), 8 * SAMPLE)).astype(int)]
        rows = rows if name == "ravdess" else rows.iloc[::8]
        data = Data(rows, extract_corpus(rows, study), names.EMOTIONS)
        if net is None:  # the first half of the speakers, of both sexes, trains
            speakers = sorted(rows["speaker"].unique())
            own = rows["speaker"].isin(speakers[: len(speakers) // 2]).to_numpy()
            net = fit.build(data, study, seed=1)
            fit.fit_scaling(net, data, np.flatnonzero(own))
            limit = np.quantile(_far(net, data)[own], protocol.USUAL, axis=0)
            far = _far(net, data)[~own]
            shares["ravdess, other speakers"] = _share(far, limit)
        else:
            shares[name] = _share(_far(net, data), limit)
        print(json.dumps(shares), flush=True)
    origin = {"encoder": encoders.EMBEDDED, "layers": [1, 9], "temperature": 1.0,
              "mfcc": study.features.mfcc.model_dump(),
              "usual": dict(zip(net.config.streams, limit.tolist()))}  # fmt: skip
    return str(model.save(net, place, origin=origin)), shares


def _far(net, data):
    rows = np.arange(len(data.rows))
    return fit.outputs(net, lambda batch: familiar.distances(net, batch), data, rows)


def _share(far, limit):
    return {"recordings": len(far), "share": round(float((far > limit).any(axis=1).mean()), 3)}


def _noise(trained):
    rng, time_s = np.random.default_rng(0), np.arange(3 * RATE) / RATE
    made = {
        "white noise": [rng.normal(0, 0.1, len(time_s)) for _ in range(20)],
        "tones": [0.1 * np.sin(2 * np.pi * hertz * time_s) for hertz in np.geomspace(80, 4000, 20)],
    }
    shares = {}
    for name, signals in made.items():
        table = hump.predict([(signal, RATE) for signal in signals], model=trained)
        share = table["remark"].str.startswith("unlike").mean()
        shares[name] = {"recordings": len(table), "share": round(float(share), 3)}
    return shares


def _long(files, minutes, threads, trained, folder):
    path, written = folder / f"{minutes}.wav", 0
    with soundfile.SoundFile(path, "w", RATE, 2) as file:
        while written < minutes * 60 * RATE:
            signal = audio.load(files[written % len(files)])
            signal = soxr.resample(signal, audio.SAMPLING_RATE, RATE)[
                : minutes * 60 * RATE - written
            ]
            file.write(signal[:, None].repeat(2, axis=1))
            written += len(signal)
    line = {"minutes": minutes, "threads": threads, **_measured(path, trained, threads)}
    path.unlink()
    return line


def _folder(files, trained, folder):
    folder.mkdir()
    step = len(files) // (200 - BAD)
    for number, file in enumerate(files[: step * (200 - BAD) : step]):
        (folder / f"{number:03d}.wav").symlink_to(file)
    for number in range(BAD):
        content = (b"", b"not audio", files[0].read_bytes()[:9000])[number % 3]
        (folder / f"bad{number}.{('wav', 'm4a')[number % 2]}").write_bytes(content)
    return _measured(folder, trained, 1)


def _measured(path, trained, threads):
    """A call in a process of its own."""
    limits = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")}
    call = [sys.executable, __file__, "--call", str(path), trained]
    done = subprocess.run(call, env={**os.environ, **limits}, check=True, stdout=subprocess.PIPE)
    print(done.stdout.decode(), flush=True)
    return json.loads(done.stdout)


def _call(path, trained):
    loaded = prediction.load(trained)
    started, before = time.time(), time.process_time()
    table = hump.predict(path, model=loaded, timeline=Path(path).is_file(), progress=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({
        "seconds": round(time.time() - started, 1),
        "processor_seconds": round(time.process_time() - before, 1), "peak_mib": round(peak),
        "recordings": int(table["path"].nunique()), "windows": len(table),
        "unreadable": int(table["start_s"].isna().sum()),
    }))  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--call"]:
        _call(*sys.argv[2:])
    else:
        main(sys.argv[1:])
