"""What a corpus recipe says, and how a folder becomes a manifest by it."""

import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import pandas as pd
from tqdm.auto import tqdm

from hump import audio
from hump.errors import AudioError, CorpusError

__all__ = ["COLUMNS", "Recipe", "audio_files", "files", "in_use", "locate", "read", "same",
           "text_files"]  # fmt: skip

# The manifest: the study's columns; then what is said, facts of the audio, why a row is not used
# (missing: it is), and a hash of the audio, by which copies are found and splits are checked.
COLUMNS = (
    "utterance_id", "corpus", "language", "speaker", "sex", "emotion_raw", "emotion", "path",
    "sampling_rate", "duration_s",
    "sentence", "channels", "level_db", "silence", "clipped", "excluded", "audio_sha256",
)  # fmt: skip
NUMBERS = {
    "sampling_rate": "Int64", "channels": "Int64", "duration_s": "float64", "level_db": "float64",
    "silence": "float64", "clipped": "float64",
}  # fmt: skip
# Decimals that are kept.
DIGITS = {"duration_s": 4, "level_db": 3, "silence": 4, "clipped": 6}
# Of several recordings of one utterance the one with the foremost ending is used.
PREFERRED = (".wav", ".flac")

Decode = Callable[[re.Match], dict | str]


@dataclass(frozen=True)
class Recipe:
    """How one corpus is laid out and what its file names mean.

    Attributes
    ----------
    name, title, language : str
        Name in a study, name in print, ISO 639-1 code.
    source, licence, layout : str
        Where to get it, on which terms, and the layout expected, for error messages.
    pattern : re.Pattern
        Matches a whole path relative to the corpus folder, in POSIX form, without its ending.
        Groups are handed to `decode`.
    decode : callable
        Match -> dict with speaker, sex (f, m or None), emotion_raw and sentence (None where names
        do not tell), utterance_id where it is not the file's name, and excluded where the corpus
        is known to be faulty; or a str, the reason why no study uses such a file. Raises
        `KeyError` for an unknown code, and `ValueError` with what contradicts what in the path.
    emotions : mapping
        emotion_raw -> one of the study's labels, or None where the label is outside them.
    prepare : callable, optional
        Corpus folder -> `decode`, where labels lie in files of their own.
    folders : tuple of str
        Names that the corpus folder may have, besides that of the corpus.
    sampling_rate : int, optional
        Hz, as published.
    warning : str
        What must stand beside every result, if anything.
    """

    name: str
    title: str
    language: str
    source: str
    licence: str
    layout: str
    pattern: re.Pattern
    emotions: Mapping[str, str | None]
    decode: Decode | None = None
    prepare: Callable[[Path], Decode] | None = None
    folders: tuple[str, ...] = ()
    sampling_rate: int | None = None
    warning: str = ""


def locate(recipe: Recipe, root) -> Path:
    """Folder of a corpus: the first of its names that is there, else where it should be."""
    candidates = [Path(root).expanduser() / name for name in (recipe.name, *recipe.folders)]
    return next((folder for folder in candidates if folder.is_dir()), candidates[0])


def audio_files(folder):
    """Find the files of a folder that may be audio, by their ending.

    Links are followed; a folder that is reached twice, as by a link to one above, is read once.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    iterator of Path
        In no order that may be relied on.

    Raises
    ------
    CorpusError
        A folder cannot be read.
    """
    return (file for file in files(folder) if _ending(file.name) in audio.ENDINGS)


def text_files(folder, pattern) -> list[Path]:
    """Files of a folder whose path ends as the pattern, sorted; hidden ones are left out."""
    return sorted(p for p in files(folder) if p.match(pattern) and not p.name.startswith("."))


def files(folder):
    """Every file of a folder, as `audio_files`."""

    def refuse(error):
        raise CorpusError(
            f"{error.filename}: cannot be read ({error.strerror}); make the folder readable"
        )

    seen = set()
    for place, below, names in os.walk(folder, followlinks=True, onerror=refuse):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            below.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        yield from (Path(place, name) for name in names)


def same(**said):
    """Refuse a path that says two things.

    Parameters
    ----------
    **said : str or None
        Where -> what it says; None where it says nothing.

    Raises
    ------
    ValueError
        Two say different things.
    """
    values = {where.replace("_", " "): what for where, what in said.items() if what is not None}
    if len(set(values.values())) > 1:
        told = ", ".join(f"the {where} says {what!r}" for where, what in values.items())
        raise ValueError(f"contradicts itself: {told}")


def _ending(name):
    return os.path.splitext(name)[1].lower()


def read(recipe: Recipe, root, *, progress: bool = True) -> pd.DataFrame:
    """List a corpus.

    Parameters
    ----------
    recipe : Recipe
    root : str or Path
        Folder of corpora; the recipe's lies in `root/<name>`.
    progress : bool
        Whether to show a bar if it takes long.

    Returns
    -------
    pandas.DataFrame
        The manifest: one row a file, sorted by utterance_id, with `COLUMNS`. Rows that cannot be
        used say why in `excluded`; `emotion` is missing when the raw label is outside the study's.

    Raises
    ------
    CorpusError
        The folder is missing or holds no audio; or a path has an unknown code or contradicts
        itself.
    """
    folder = locate(recipe, root)
    if not folder.is_dir():
        raise CorpusError(
            f"{folder}: no such folder; expected {recipe.title} there, laid out as "
            f"{recipe.layout}. Get it from {recipe.source} ({recipe.licence})"
        )
    found = sorted(audio_files(folder))
    if not found:
        raise CorpusError(
            f"{folder}: holds no audio file; expected the layout {recipe.layout}. "
            f"Get it from {recipe.source} ({recipe.licence})"
        )
    decode = recipe.prepare(folder) if recipe.prepare else recipe.decode
    rows = [_row(recipe, decode, folder, file) for file in found]
    _examine(rows, found, recipe.name, progress)
    manifest = pd.DataFrame(rows).reindex(columns=COLUMNS).astype(NUMBERS)
    text = [column for column in COLUMNS if column not in NUMBERS]
    manifest[text] = manifest[text].astype("string")
    return _mark_copies(manifest).sort_values("utterance_id", ignore_index=True)


def in_use(manifest) -> pd.Series:
    """Whether each row of a manifest is used."""
    return manifest["excluded"].isna() & manifest["emotion"].notna()


def _row(recipe, decode, folder, file):
    """What a path says of a file, without opening it."""
    relative = file.relative_to(folder).as_posix()
    row = {
        "utterance_id": _normal(file.stem), "corpus": recipe.name, "language": recipe.language,
        "path": relative,
    }  # fmt: skip
    if _normal(relative).encode(errors="replace") != _normal(relative).encode(errors="ignore"):
        shown = {k: row[k].encode(errors="replace").decode() for k in ("utterance_id", "path")}
        return row | shown | {"excluded": "file name is not valid UTF-8"}
    if file.name.startswith("."):
        return row | {"excluded": "hidden file"}
    match = recipe.pattern.fullmatch(_normal(relative).removesuffix(file.suffix))
    if match is None:
        return row | {"excluded": f"file name does not follow {recipe.layout}"}
    try:
        decoded = decode(match)
    except KeyError as error:
        raise CorpusError(
            f"{file}: unknown code {error.args[0]!r} in the file name; expected {recipe.layout}. "
            "Rename or remove the file"
        ) from error
    except ValueError as error:
        raise CorpusError(
            f"{file}: {error}; expected {recipe.layout}. Rename or remove the file"
        ) from error
    if isinstance(decoded, str):
        return row | {"excluded": decoded}
    return row | decoded | {"emotion": recipe.emotions[decoded["emotion_raw"]]}


def _normal(text):
    """Some systems keep the letter and its accent apart."""
    return unicodedata.normalize("NFC", text)


def _examine(rows, paths, name, progress):
    """Open every file that a study may use; what is wrong with one excludes it."""
    tasks = [(row, file) for row, file in zip(rows, paths) if "excluded" not in row]
    # One by one: half a millisecond each, and threads take twice as long.
    for row, file in tqdm(tasks, desc=f"checking {name}", unit="file", delay=2,
                          disable=not progress):  # fmt: skip
        row |= _facts(file)


def _facts(file):
    try:
        facts = asdict(audio.examine(file))
    except AudioError as error:
        return {"excluded": f"audio {str(error).removeprefix(f'{file}: ')}"}
    for column, digits in DIGITS.items():
        facts[column] = round(facts[column], digits)
    return facts | {"audio_sha256": facts.pop("sha256")}


def _mark_copies(manifest):
    """Use an utterance once, and not at all where its copies carry different labels."""
    rank = manifest["path"].map(_rank)
    order = manifest.assign(rank=rank).sort_values(["utterance_id", "rank"]).index
    manifest = manifest.loc[order].reset_index(drop=True)
    for column, what in (("audio_sha256", "audio"), ("utterance_id", "utterance")):
        usable = manifest[manifest["excluded"].isna()]
        repeated = usable[usable[column].duplicated(keep=False)]
        for _, copies in repeated.groupby(column):
            if copies["emotion_raw"].nunique() > 1 or copies["speaker"].nunique() > 1:
                reason = f"same {what} under another label or speaker"
                manifest.loc[copies.index, "excluded"] = reason
                continue
            kept = manifest.at[copies.index[0], "path"]
            reason = "copy of" if what == "audio" else "another recording of the utterance in"
            manifest.loc[copies.index[1:], "excluded"] = f"{reason} {kept}"
    repeated = manifest.groupby("utterance_id").cumcount()
    manifest.loc[repeated > 0, "utterance_id"] += "#" + (repeated + 1).astype(str)
    return manifest


def _rank(path):
    """Of several files with one utterance: the best format first, then the least nested."""
    path = PurePosixPath(path)
    ending = path.suffix.lower()
    place = PREFERRED.index(ending) if ending in PREFERRED else len(PREFERRED)
    return place, len(path.parts), str(path)
