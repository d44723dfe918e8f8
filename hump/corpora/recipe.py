"""What a recipe states about a corpus, and how a folder is read into a manifest by it."""

import contextlib
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

import pandas as pd
from tqdm.auto import tqdm

from hump import audio
from hump.corpora.manifest import COLUMNS
from hump.errors import AudioError, CorpusError
from hump.util.files import sha256

_NUMBERS = {
    "sampling_rate": "Int64", "channels": "Int64", "duration_s": "float64", "level_db": "float64",
    "silence": "float64", "clipped": "float64", "age": "float64",
    "file_size": "Int64",
}  # fmt: skip
# Decimals that are kept.
_DIGITS = {"duration_s": 4, "level_db": 3, "silence": 4, "clipped": 6}
# If an utterance was recorded in several formats, the first of these is used.
_PREFERRED = (".wav", ".flac")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one corpus is laid out and what its file names mean.

    Attributes
    ----------
    name, title, language : str
        Name in parameter files and tables, full name, ISO 639-1 code.
    about : str
        Who recorded it, what its file names mean, and what must be known to read them.
    source, licence, layout : str
        Where to get the corpus, under which licence, and the expected layout, for messages.
    emotions : mapping
        Label of the corpus -> one of the study's, or None if it is outside the study.
    no_emotions : sequence of str
        Labels of no emotion, such as that raters did not agree; no study uses them.
    pattern : str
        Regular expression, written as with `re.VERBOSE`, of the whole path of a file relative to
        the corpus folder, in POSIX form, without its ending. Groups that mean something: speaker,
        emotion, sentence, sex, folder.
    codes : mapping
        Group -> the texts that may stand there -> what each means, None for itself.
    folder_says : str
        The group that must mean the same as the group folder, which stands for it if it is missing.
    speakers : mapping
        Sex (f, m, or None if it is not known) -> speakers. Without, any speaker is one, and the
        group sex says the rest.
    ages : mapping
        Speaker -> years.
    columns : mapping
        Column -> format of its value from groups, such as ``{speaker}_{emotion}{number}``; by
        default the sentence is the group, and utterance_id the file's name.
    left_out : mapping
        Regular expression of such paths -> why no study uses the files.
    faulty : mapping
        utterance_id -> what is wrong with the recording.
    listed : sequence of dict
        One row for each file, for corpora that a table lists; then there is no pattern.
    sampling_rate : int, optional
        Hz, as published.
    warning : str
        What must stand beside every result, if anything.
    archive : str
        Where anybody may download the corpus without asking: the address of a ZIP archive; or,
        ending in a slash, that of the folder of the files in `hump.corpora.originals`.
    checksum : str, optional
        That of the archive as its source publishes it, such as ``md5:...``.
    """

    name: str
    title: str
    language: str
    source: str
    licence: str
    layout: str
    emotions: Mapping[str, str | None]
    no_emotions: Sequence[str] = ()
    about: str = ""
    pattern: str = ""
    codes: Mapping[str, Mapping] = field(default_factory=dict)
    folder_says: str = ""
    speakers: Mapping[str | None, Sequence[str]] = field(default_factory=dict)
    ages: Mapping[str, int] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    faulty: Mapping[str, str] = field(default_factory=dict)
    listed: Sequence[dict] = ()
    sampling_rate: int | None = None
    warning: str = ""
    archive: str = ""
    checksum: str | None = None

    def said(self, path: str) -> dict | None:
        """What a path without its ending says, by group; None if it does not follow `pattern`."""
        match = re.fullmatch(self.pattern, path, re.VERBOSE)
        return match and match.groupdict()

    def decoder(self, folder: Path):
        """The function that decodes the files of a folder: here `decode`, whatever lies there."""
        return self.decode

    def decode(self, said: dict) -> dict | str:
        """What the groups of `pattern` say about a file.

        Parameters
        ----------
        said : dict of str to str or None
            As `said` returns it.

        Returns
        -------
        dict or str
            Columns of the manifest; or the reason why no study uses such a file.

        Raises
        ------
        KeyError
            A code is unknown.
        ValueError
            Parts of the path contradict each other.
        """
        meant = dict(said)
        for group, codes in self.codes.items():
            if said.get(group) is not None:
                meant[group] = codes[said[group]] or said[group]
        if part := self.folder_says:
            same(folder=meant.get("folder"), file_name=meant[part])
            meant[part] = meant[part] or meant.get("folder")
        speaker, emotion = meant["speaker"], meant["emotion"]
        if speaker is None:
            return "neither folder nor file name gives the speaker"
        sexes = {name: sex for sex, names in self.speakers.items() for name in names}
        named = said | {"speaker": speaker}
        return {
            "speaker": speaker,
            "sex": sexes[speaker] if sexes else meant["sex"].lower(),
            "age": self.ages.get(speaker),
            "emotion_raw": emotion,
            "emotion": self.emotions[emotion],
            "sentence": meant.get("sentence"),
        } | {column: form.format(**named) for column, form in self.columns.items()}


def files(folder):
    """Every file of a folder and the folders below it.

    Links are followed; a folder that is reached twice, for example by a link to one above it, is
    read once.

    Parameters
    ----------
    folder : Path

    Yields
    ------
    Path
        In an arbitrary order.

    Raises
    ------
    CorpusError
        A folder cannot be read.
    """

    def refuse(error):
        raise CorpusError(
            f"{error.filename}: cannot be read ({error.strerror}); make the folder readable"
        )

    seen = set()
    for place, below, names in os.walk(folder, followlinks=True, onerror=refuse):
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in seen:
            below.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        yield from (Path(place, name) for name in names)


def audio_files(folder):
    """The files of a folder, as `files`, whose ending is that of an audio format."""
    return (file for file in files(folder) if file.suffix.lower() in audio.ENDINGS)


def text_files(folder, pattern) -> list[Path]:
    """The files of a folder, sorted, whose path ends as the pattern; hidden ones are left out."""
    return sorted(p for p in files(folder) if p.match(pattern) and not p.name.startswith("."))


def fault_of(folder) -> str:
    """Why a folder cannot be a corpus, in a few words; empty if it can."""
    if not folder.is_dir():
        return "no such folder"
    return "" if any(audio_files(folder)) else "holds no audio file"


def same(**said):
    """Check that the parts of a path say the same, for example folder and file name.

    Parameters
    ----------
    **said : str or None
        Part of the path -> what it says; None if it says nothing.

    Raises
    ------
    ValueError
        Two parts contradict each other.
    """
    values = {where.replace("_", " "): what for where, what in said.items() if what is not None}
    if len(set(values.values())) > 1:
        told = ", ".join(f"the {where} says {what!r}" for where, what in values.items())
        raise ValueError(f"contradicts itself: {told}")


def read(recipe: Recipe, folder: Path, *, progress: bool = True) -> pd.DataFrame:
    """List the files of a corpus, open each and check it.

    Parameters
    ----------
    recipe : Recipe
    folder : Path
        Of the corpus.
    progress : bool
        Show a progress bar if it takes more than two seconds.

    Returns
    -------
    pandas.DataFrame
        The manifest: one row for each file, sorted by utterance_id, with the columns
        `hump.corpora.manifest.COLUMNS`. If a file cannot be used, `excluded` holds the reason;
        `emotion` is missing if the raw label is outside the study.

    Raises
    ------
    CorpusError
        The folder is missing or holds no audio; or a file of labels cannot be right.
    """
    if recipe.listed:
        facts = {"corpus": recipe.name, "language": recipe.language}
        paths = [folder / row["path"] for row in recipe.listed]
        rows = [row | facts for row in recipe.listed]
    else:
        paths, rows = _files_and_rows(recipe, folder)
    _add_facts(rows, paths, recipe.name, progress)
    types = dict.fromkeys(COLUMNS, "string") | _NUMBERS
    manifest = pd.DataFrame(rows).reindex(columns=COLUMNS).astype(types)
    manifest = _mark_copies(manifest, recipe.sampling_rate)
    return manifest.sort_values("utterance_id", ignore_index=True)


def _files_and_rows(recipe, folder):
    """The audio files of a folder, and what their paths say about them."""
    if fault := fault_of(folder):
        raise CorpusError(
            f"{folder}: {fault}; expected {recipe.title}, laid out as {recipe.layout}. "
            f"Get it from {recipe.source} ({recipe.licence})"
        )
    paths = sorted(audio_files(folder))
    decode = recipe.decoder(folder)
    return paths, [_row(recipe, decode, folder, file) for file in paths]


def _row(recipe, decode, folder, file):
    """What the path of a file says about it; the file is not opened."""
    relative = file.relative_to(folder).as_posix()
    row = {
        "utterance_id": _normal(file.stem), "corpus": recipe.name, "language": recipe.language,
        "path": relative,
    }  # fmt: skip
    if relative.encode(errors="replace") != relative.encode(errors="ignore"):
        shown = {k: row[k].encode(errors="replace").decode() for k in ("utterance_id", "path")}
        return row | shown | {"excluded": "file name is not valid UTF-8"}
    if file.name.startswith("."):
        return row | {"excluded": "hidden file"}
    path = _normal(relative).removesuffix(file.suffix)
    said = recipe.said(path)
    if said is None:
        return row | {"excluded": f"file name does not follow {recipe.layout}"}
    try:
        decoded = decode(said)
    except KeyError as error:
        return row | {"excluded": f"unknown code {error.args[0]!r} in the file name"}
    except ValueError as error:
        return row | {"excluded": str(error)}
    reasons = (why for form, why in recipe.left_out.items() if re.fullmatch(form, path))
    if reason := decoded if isinstance(decoded, str) else next(reasons, None):
        return row | {"excluded": reason}
    row |= decoded
    if row["utterance_id"] in recipe.faulty:
        row["excluded"] = recipe.faulty[row["utterance_id"]]
    return row


def _normal(text):
    """Text with accented letters as one character: some systems store letter and accent apart."""
    return unicodedata.normalize("NFC", text)


def _add_facts(rows, paths, name, progress):
    """Hash every file, and open those a study may use; a fault of the audio excludes it."""
    # One after another: a file takes under a millisecond, and twice as long in threads.
    bar = {"desc": f"checking {name}", "unit": "file", "delay": 2, "disable": not progress}
    for row, file in tqdm(list(zip(rows, paths)), **bar):
        with contextlib.suppress(OSError):  # opening it says why
            row |= {"file_size": file.stat().st_size, "file_sha256": sha256(file)}
        if "excluded" not in row:
            row |= _facts(file)


def _facts(file):
    try:
        facts = asdict(audio.examine(file))
    except AudioError as error:
        return {"excluded": f"audio {str(error).removeprefix(f'{file}: ')}"}
    for column, digits in _DIGITS.items():
        facts[column] = round(facts[column], digits)
    return facts | {"audio_sha256": facts.pop("sha256")}


def _mark_copies(manifest, sampling_rate):
    """Use each utterance once, and not at all if its copies have different labels."""
    rank = manifest["path"].map(_rank)
    converted = manifest["sampling_rate"].ne(sampling_rate).fillna(True)
    keys = manifest.assign(converted=converted, rank=rank)
    order = keys.sort_values(["utterance_id", "converted", "rank"]).index
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
    number = manifest.groupby("utterance_id").cumcount() + 1
    manifest.loc[number > 1, "utterance_id"] += "#" + number.astype(str)
    return manifest


def _rank(path):
    """Sort key of files of one utterance: preferred format first, then the least nested."""
    path = PurePosixPath(path)
    ending = path.suffix.lower()
    format_rank = _PREFERRED.index(ending) if ending in _PREFERRED else len(_PREFERRED)
    return format_rank, len(path.parts), str(path)
