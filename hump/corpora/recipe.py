"""What a corpus recipe says, and how a folder becomes a manifest by it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from hump import audio
from hump.errors import AudioError, CorpusError

__all__ = ["COLUMNS", "Recipe", "read"]

# The manifest: the study's columns, then why a row is not used (missing: it is) and a hash of
# the audio, by which copies are found and splits are checked.
COLUMNS = (
    "utterance_id", "corpus", "language", "speaker", "sex", "emotion_raw", "emotion", "path",
    "sampling_rate", "duration_s", "excluded", "audio_sha256",
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """How one corpus is laid out and what its file names mean.

    Attributes
    ----------
    name, title, language : str
        Name of the folder, name in print, ISO 639-1 code.
    source, licence, layout : str
        Where to get it, on which terms, and the layout expected, for error messages.
    pattern : re.Pattern
        Matches a whole path relative to the corpus folder, in POSIX form. Groups are handed to
        `decode`.
    decode : callable
        Match -> dict with speaker, sex, emotion_raw; or a str, the reason why the study does not
        use such a file. Raises `KeyError` for an unknown code.
    emotions : mapping
        emotion_raw -> one of the study's labels, or None where the label is outside them.
    published : mapping
        emotion_raw -> number of utterances as published.
    """

    name: str
    title: str
    language: str
    source: str
    licence: str
    layout: str
    pattern: re.Pattern
    decode: Callable[[re.Match], dict | str]
    emotions: Mapping[str, str | None]
    published: Mapping[str, int] = field(default_factory=dict)


def read(recipe: Recipe, root) -> pd.DataFrame:
    """List a corpus.

    Parameters
    ----------
    recipe : Recipe
    root : str or Path
        Folder of corpora; the recipe's lies in `root/<name>`.

    Returns
    -------
    pandas.DataFrame
        The manifest: one row a file, sorted by utterance_id, with `COLUMNS`. Rows that cannot be
        used say why in `excluded`; `emotion` is missing when the raw label is outside the study's.

    Raises
    ------
    CorpusError
        The folder is missing or holds no audio, or a file name has an unknown code.
    """
    folder = Path(root) / recipe.name
    if not folder.is_dir():
        raise CorpusError(
            f"{folder}: no such folder; expected {recipe.title} there, laid out as "
            f"{recipe.layout}. Get it from {recipe.source} ({recipe.licence})"
        )
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() == ".wav" and p.is_file())
    if not files:
        raise CorpusError(f"{folder}: holds no .wav file; expected the layout {recipe.layout}")
    rows = [_row(recipe, folder, file) for file in files]
    manifest = pd.DataFrame(rows).reindex(columns=COLUMNS)
    text = [c for c in COLUMNS if c not in ("sampling_rate", "duration_s")]
    manifest[text] = manifest[text].astype("string")
    manifest["sampling_rate"] = manifest["sampling_rate"].astype("Int64")
    return _mark_copies(manifest).sort_values("utterance_id", ignore_index=True)


def _row(recipe, folder, file):
    relative = file.relative_to(folder).as_posix()
    row = {
        "utterance_id": file.stem, "corpus": recipe.name, "language": recipe.language,
        "path": relative,
    }  # fmt: skip
    if file.name.startswith("."):
        return row | {"excluded": "hidden file"}
    match = recipe.pattern.fullmatch(relative)
    if match is None:
        return row | {"excluded": f"file name does not follow {recipe.layout}"}
    try:
        decoded = recipe.decode(match)
    except KeyError as error:
        raise CorpusError(
            f"{file}: unknown code {error.args[0]!r} in the file name; expected {recipe.layout}. "
            "Rename or remove the file"
        ) from error
    if isinstance(decoded, str):
        return row | {"excluded": decoded}
    row |= decoded | {"emotion": recipe.emotions[decoded["emotion_raw"]]}
    try:
        facts = audio.examine(file)
    except AudioError as error:
        return row | {"excluded": f"audio {str(error).removeprefix(f'{file}: ')}"}
    return row | {
        "sampling_rate": facts.sampling_rate,
        "duration_s": round(facts.duration_s, 4),
        "audio_sha256": facts.sha256,
    }


def _mark_copies(manifest):
    """Use the same audio once, and not at all where its copies carry different labels."""
    manifest = manifest.sort_values(["utterance_id", "path"], ignore_index=True)
    usable = manifest[manifest["excluded"].isna()]
    for _, copies in usable.groupby("audio_sha256"):
        if len(copies) == 1:
            continue
        first = copies.index[0]
        if copies["emotion_raw"].nunique() > 1 or copies["speaker"].nunique() > 1:
            manifest.loc[copies.index, "excluded"] = "same audio under another label or speaker"
        else:
            original = manifest.at[first, "path"]
            manifest.loc[copies.index[1:], "excluded"] = f"copy of {original}"
    repeated = manifest.groupby("utterance_id").cumcount()
    manifest.loc[repeated > 0, "utterance_id"] += "#" + (repeated + 1).astype(str)
    return manifest
