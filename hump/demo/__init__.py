"""The embedded demo corpora: acted emotional speech in five languages, synthesised on the spot.

They let the whole study run without any data. They are no substitute for people: everything
computed from them is marked as synthetic demo speech.
"""

import contextlib
import fcntl
import hashlib
import itertools
import json
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import soundfile
from tqdm.auto import tqdm

from hump.demo.actors import CAST, speaker_name
from hump.demo.catalogue import CATALOGUE
from hump.demo.scripts import sentences
from hump.demo.synthesis import SAMPLING_RATE, synthesise
from hump.errors import CorpusError, ParameterError
from hump.names import EMOTIONS, SYNTHETIC

__all__ = ["build", "describe", "sentences"]

_STAMP = "corpus.json"


def build(
    name: str,
    root: Path,
    *,
    seed: int,
    actors: int,
    sentences: int,
    takes: int,
    progress: bool = True,
) -> Path:
    """Synthesise a demo corpus, or find it already there.

    Files are ``<root>/<name>/<speaker>/<speaker>_<emotion>_s<NN>_t<N>.wav``, such as
    ``demo_german/de03f/de03f_angry_s07_t1.wav``: 16 kHz, mono, 16 bit. Every actor speaks every
    sentence in every emotion. An utterance depends on the seed and its own name alone, so a larger
    corpus holds the files of a smaller one. The folder appears complete or not at all.

    Parameters
    ----------
    name : str
        One of `hump.names.DEMO`.
    root : Path
        Folder of corpora; made if missing.
    seed : int
        At least 0; another seed is another cast.
    actors, sentences, takes : int
        At least 1; at most 12 actors and 10 sentences.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Path
        The corpus folder.

    Raises
    ------
    ParameterError
        There is no such corpus, or a size is out of range.
    CorpusError
        The folder exists and was not made here.
    """
    stamp = _stamp(name, seed=seed, actors=actors, sentences=sentences, takes=takes)
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    folder = root / name
    with _only_builder(root / f".{name}.lock"):
        if _is_current(folder, stamp):
            return folder
        # Nobody else builds now: what a killed run has left can go.
        for left in root.glob(f".{name}.building-*"):
            shutil.rmtree(left)
        draft = Path(tempfile.mkdtemp(prefix=f".{name}.building-", dir=root))
        try:
            _synthesise_all(stamp, draft / "new", progress=progress)
            if folder.exists():
                folder.rename(draft / "old")
            (draft / "new").rename(folder)
        finally:
            shutil.rmtree(draft)
    return folder


def describe() -> pd.DataFrame:
    """What sets the demo corpora apart.

    Returns
    -------
    pandas.DataFrame
        Indexed by corpus; columns language, actors, sentences, bandwidth, noise, room, acting.
    """
    rows = {name: _describe_one(corpus) for name, corpus in CATALOGUE.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("corpus")


def _describe_one(corpus) -> dict:
    recording = corpus.recording
    low, high = recording.band_hz
    return {
        "language": corpus.language,
        "actors": CAST,
        "sentences": len(sentences(corpus.script)),
        "bandwidth": f"{low} to {high} Hz",
        "noise": f"{recording.noise_db} dBFS, {recording.noise_slope_db} dB per octave",
        "room": f"{recording.reverberation_s} s, {recording.direct_db} dB direct to reverberant",
        "acting": corpus.acting,
    }


def _stamp(name, *, seed, **sizes) -> dict:
    if name not in CATALOGUE:
        raise ParameterError(
            f"name={name!r}: no such demo corpus; allowed are {', '.join(CATALOGUE)}"
        )
    most = {"actors": CAST, "sentences": len(sentences(CATALOGUE[name].script)), "takes": 99}
    for key, value in sizes.items():
        if not 1 <= value <= most[key]:
            raise ParameterError(f"{key}={value}: {name} allows 1 to {most[key]}")
    if seed < 0:
        raise ParameterError(f"seed={seed}: must be 0 or more")
    count = len(EMOTIONS) * sizes["actors"] * sizes["sentences"] * sizes["takes"]
    return {
        "name": name,
        "note": SYNTHETIC,
        "seed": seed,
        **sizes,
        "utterances": count,
        "recipe": _recipe(),
    }


def _recipe() -> str:
    """Hash of all that decides how a corpus sounds: the sources here, and the synthesiser."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    for package in ("espeakng-loader", "numpy", "scipy"):
        digest.update(version(package).encode())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _only_builder(lock: Path):
    """Let one process or thread at a time pass; the system frees the lock of a killed one."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _is_current(folder: Path, stamp: dict) -> bool:
    if not folder.exists():
        return False
    if not (folder / _STAMP).is_file():
        raise CorpusError(
            f"{folder}: was not made by hump.demo (it has no {_STAMP}); "
            "move it away or choose another root"
        )
    try:
        found = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
    except ValueError:
        return False
    return found == stamp and sum(1 for _ in folder.glob("*/*.wav")) == stamp["utterances"]


def _synthesise_all(stamp: dict, folder: Path, *, progress: bool) -> None:
    name = stamp["name"]
    numbers = (range(1, stamp[key] + 1) for key in ("actors", "sentences", "takes"))
    parts = itertools.product(*numbers, EMOTIONS)
    bar = tqdm(parts, name, total=stamp["utterances"], unit="utterance", disable=not progress)
    for number, sentence, take, emotion in bar:
        speaker = speaker_name(CATALOGUE[name].prefix, number)
        path = folder / speaker / f"{speaker}_{emotion}_s{sentence:02d}_t{take}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        signal = synthesise(
            name, seed=stamp["seed"], number=number, emotion=emotion, sentence=sentence, take=take
        )
        soundfile.write(path, signal, SAMPLING_RATE, subtype="PCM_16")
    text = json.dumps(stamp, indent=2) + "\n"
    (folder / _STAMP).write_text(text, encoding="utf-8")
