"""Build a demo corpus: all its files, or none."""

import hashlib
import io
import itertools
import json
import shutil
from pathlib import Path

import pandas as pd
import soundfile
from tqdm.auto import tqdm

from hump.demo.acting import CAST, speaker_name
from hump.demo.catalogue import CATALOGUE, SENTENCES
from hump.demo.recording import SAMPLING_RATE
from hump.demo.synthesis import synthesise
from hump.errors import CorpusError, ParameterError
from hump.params.names import EMOTIONS, SYNTHETIC
from hump.util import code, files

_STAMP = "corpus.json"
_SUBTYPE = "PCM_16"


def build(name, root, *, seed: int, actors: int, sentences: int, takes: int, progress=True) -> Path:
    """Synthesise a demo corpus, unless it is already there.

    Files are ``<root>/<name>/<speaker>/<speaker>_<emotion>_s<NN>_t<N>.wav``, such as
    ``demo_german/de03f/de03f_angry_s07_t1.wav``: 16 kHz, mono, 16 bit. Every actor speaks every
    sentence in every emotion. An utterance depends on the seed and its own name alone, so a larger
    corpus holds the files of a smaller one. The folder appears complete or not at all.

    Parameters
    ----------
    name : str
        One of `hump.params.folders.DEMO`.
    root : str or Path
        Folder of corpora; made if missing.
    seed : int
        At least 0; another seed gives other actors.
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
    folder = Path(root) / name
    with files.lock(folder.with_name(f".{name}.lock")):
        if _is_current(folder, stamp):
            return folder
        draft = folder.with_name(f".{name}.building")
        shutil.rmtree(draft, ignore_errors=True)  # left by an interrupted run: nobody else builds
        draft.mkdir()
        try:
            _synthesise_all(stamp, draft / "new", progress=progress)
            if folder.exists():
                folder.rename(draft / "old")
            (draft / "new").rename(folder)
        finally:
            shutil.rmtree(draft)
    return folder


def check(name, *, seed: int, **sizes) -> None:
    """Raise ParameterError if `build` would refuse these arguments."""
    if name not in CATALOGUE:
        raise ParameterError(
            f"name={name!r}: no such demo corpus; allowed are {', '.join(CATALOGUE)}"
        )
    most = {"actors": CAST, "sentences": len(SENTENCES[CATALOGUE[name].script]), "takes": 99}
    for key, value in sizes.items():
        if not 1 <= value <= most[key]:
            raise ParameterError(f"{key}={value}: {name} allows 1 to {most[key]}")
    if seed < 0:
        raise ParameterError(f"seed={seed}: must be 0 or more")


def describe() -> pd.DataFrame:
    """In what the demo corpora differ.

    Returns
    -------
    pandas.DataFrame
        Indexed by corpus; columns language, actors, sentences, bandwidth, noise, room, acting.
    """
    rows = []
    for name, corpus in CATALOGUE.items():
        made = corpus.recording
        rows.append({
            "corpus": name,
            "language": corpus.language,
            "actors": CAST,
            "sentences": len(SENTENCES[corpus.script]),
            "bandwidth": "{} to {} Hz".format(*made.band_hz),
            "noise": f"{made.noise_db} dBFS, {made.noise_slope_db} dB per octave",
            "room": f"{made.reverberation_s} s, {made.direct_db} dB direct to reverberant",
            "acting": corpus.acting,
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("corpus")


def _stamp(name, *, seed, **sizes):
    check(name, seed=seed, **sizes)
    return {
        "name": name,
        "note": SYNTHETIC,
        "seed": seed,
        **sizes,
        "utterances": len(EMOTIONS) * sizes["actors"] * sizes["sentences"] * sizes["takes"],
        "format": f"WAV, {_SUBTYPE}, {SAMPLING_RATE} Hz",
        "recipe": code.version("hump.demo.synthesis")[:16],
    }


def _is_current(folder, stamp):
    if not folder.exists():
        return False
    if not (folder / _STAMP).is_file():
        raise CorpusError(
            f"{folder}: was not made by hump.demo (it has no {_STAMP}); "
            "move it away or choose another root"
        )
    return files.read_json(folder / _STAMP) == stamp | {"contents": _contents(folder)}


def _contents(folder):
    """Hash of all names and sounds, so that a damaged corpus is made again."""
    paths = sorted(folder.glob("*/*.wav"))
    lines = [f"{path.relative_to(folder).as_posix()} {files.sha256(path)}" for path in paths]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _synthesise_all(stamp, folder, *, progress):
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
        data = io.BytesIO()  # libsndfile does not say why it cannot write a file
        soundfile.write(data, signal, SAMPLING_RATE, subtype=_SUBTYPE, format="WAV")
        with files.writing(path):
            path.write_bytes(data.getvalue())
    stamp = stamp | {"contents": _contents(folder)}
    files.write_text(folder / _STAMP, json.dumps(stamp, indent=2) + "\n")
