"""A user's own corpus, listed in a table that the parameter file names.

The table is a CSV or TSV file, the folder of an audformat database (with ``db.yaml``), or an audio
folder of Hugging Face `datasets`. The last two are read by their own libraries.
"""

import os
import tempfile
from pathlib import Path

import pandas as pd

from hump.corpora.recipe import Recipe
from hump.errors import CorpusError
from hump.params.sections import TableCorpus

_REQUIRED = ("emotion", "path", "speaker")
_OPTIONAL = ("sentence", "sex", "age", "session")
_SEX = {"f": "f", "female": "f", "m": "m", "male": "m", "": None, "other": None}
_SHOWN = 20


def recipe(name: str, entry: TableCorpus, file: Path) -> Recipe:
    """Recipe of a corpus that a table lists.

    Parameters
    ----------
    name : str
        The corpus's key under ``corpora`` in the parameter file.
    entry : TableCorpus
        What stands there.
    file : Path
        The table: a file, or the folder of an audformat database or of `datasets`. Relative paths
        in it start at the folder of the file, or at that folder.

    Returns
    -------
    Recipe
        With the rows of the table in `listed`.

    Raises
    ------
    CorpusError
        The table is missing, cannot be read or holds no usable corpus; one message names
        everything that is wrong with it.
    """
    columns = {key: entry.columns.get(key, key) for key in (*_REQUIRED, *_OPTIONAL)}
    try:
        table = _read(file, columns)
    except FileNotFoundError:
        raise CorpusError(
            f"{file}: no such table, which corpora.{name}.table names; a relative path starts at "
            "HUMP_DATA"
        ) from None
    except Exception as error:  # of pandas, datasets or audformat
        raise CorpusError(f"{file}: corpora.{name}.table cannot be read: {error}") from error
    rows = _renamed(table, columns, f"{file}: corpora.{name}", entry)
    folder = file if file.is_dir() else file.parent
    warning = _warning(rows, entry)
    if problems := [*_cells(rows, entry), *_paths(rows, folder)]:
        problems += [warning] if warning else []
        raise CorpusError(f"{file}: corpora.{name}:\n" + "\n".join(f"  - {p}" for p in problems))
    return Recipe(
        name=name, title=f"{name}, listed in {file.name}", language=entry.language,
        source="your own table", licence="yours", layout=f"{file.name} says",
        emotions=entry.labels, listed=_listed(rows, entry), warning=warning,
    )  # fmt: skip


def _read(file, columns):
    """The table as text, and "" where it says nothing."""
    if (file / "db.yaml").is_file():
        table = _audformat(file, columns)
    elif file.is_dir():
        table = _audio_folder(file, columns)
    else:
        text = {"dtype": str, "keep_default_na": False, "encoding": "utf-8-sig"}
        sep = "\t" if file.suffix.lower() in (".tsv", ".tab") else None  # None: , or ; or |
        table = pd.read_csv(file, sep=sep, engine="python", **text)
    table = table.astype(object).where(table.notna(), "")
    return table.astype(str).apply(lambda column: column.str.strip())


def _audformat(folder, columns):
    """The wanted columns of a database: schemes, or facts that a speaker's label comes with."""
    import audformat

    database = audformat.Database.load(folder, load_data=True)
    emotion, *others = (columns[key] for key in columns if key != "path")
    table = database.get(emotion, others, strict=False)
    if "start" in table.index.names and not (table.index.get_level_values("end").isna().all()):
        raise ValueError("its labels are of segments, expected whole files; cut the files first")
    path = table.index.get_level_values("file")
    return table.dropna(axis="columns", how="all").assign(**{columns["path"]: path})


def _audio_folder(folder, columns):
    """All splits of an audio folder."""
    import datasets
    import pyarrow

    tables = []
    with tempfile.TemporaryDirectory() as cache:
        data = datasets.load_dataset(
            "audiofolder", data_dir=str(folder), cache_dir=cache, streaming=True
        )
        for part in data.values():
            # As Arrow: in any other format the audio itself is decoded.
            table = pyarrow.concat_tables(part.with_format("arrow")).to_pandas()
            for name, feature in part.features.items():
                if isinstance(feature, datasets.ClassLabel):
                    table[name] = table[name].map(feature.int2str)
            tables.append(table)
    table = pd.concat(tables, ignore_index=True)
    paths = [os.path.relpath(audio["path"], folder) for audio in table.pop("audio")]
    return table.assign(**{columns["path"]: paths})


def _renamed(table, columns, where, entry):
    """The columns that the study knows, under its names."""
    needed = {key: columns[key] for key in columns if key in (*_REQUIRED, *entry.columns)}
    if absent := [f"{key} ({column!r})" for key, column in needed.items() if column not in table]:
        raise CorpusError(
            f"{where}: the table has no column for {', '.join(absent)}; it has "
            f"{', '.join(table.columns) or 'none'}. Name it in columns, as {{speaker: speaker_id}}"
        )
    if table.empty:
        raise CorpusError(f"{where}: the table has no rows; list one file in each")
    return pd.DataFrame({key: table[name] for key, name in columns.items() if name in table})


def _cells(rows, entry):
    """What is wrong with the values of a table."""
    for key in _REQUIRED:
        if (empty := rows[key].eq("")).any():
            yield f"{key}: is empty in {_in_rows(empty)}; fill it in, or remove the row"
    labels = set(rows["emotion"]) - {""}
    known = ", ".join(entry.labels)
    for label in sorted(labels - set(entry.labels)):
        where = _in_rows(rows["emotion"].eq(label))
        yield f"emotion={label!r}: not among labels ({known}), in {where}; add it, null if unused"
    if unused := sorted(set(entry.labels) - labels):
        yield f"labels: {', '.join(unused)}: in no row of the table; correct or remove it"
    if "sex" in rows and (odd := ~rows["sex"].str.lower().isin(_SEX)).any():
        yield f"sex={rows['sex'][odd].iloc[0]!r}: {_in_rows(odd)}; use f, m, other, or leave it"
    if "age" in rows:
        odd = pd.to_numeric(rows["age"], errors="coerce").isna() & rows["age"].ne("")
        if odd.any():
            yield f"age={rows['age'][odd].iloc[0]!r}: {_in_rows(odd)}; write years as a number"
    used = rows[rows["emotion"].map(entry.labels).notna()]
    if len(speakers := sorted(set(used["speaker"]) - {""})) < 2:
        yield (
            f"speaker: {len(speakers)} with a label in use ({', '.join(speakers) or 'none'}); "
            "folds over unseen speakers need 2, and 3 in a source"
        )


def _paths(rows, folder):
    """What is wrong with the files of a table."""
    twice = rows["path"].duplicated(keep=False) & rows["path"].ne("")
    if twice.any():
        paths = sorted(set(rows["path"][twice]))
        yield f"path: {len(paths)} listed more than once: {_few(paths)}; keep one row for each"
    paths = [path for path in rows["path"] if path and not (folder / path).is_file()]
    if paths:
        yield (
            f"path: {len(paths)} of {len(rows)} files are missing below {folder}: {_few(paths)}; "
            "a relative path starts there"
        )


def _warning(rows, entry):
    """Names speakers by whom the label is known: a model may learn the voice in its place."""
    emotion = rows["emotion"].map(entry.labels)
    classes = emotion.groupby(rows["speaker"].replace("", pd.NA)).nunique()
    single = sorted(classes.index[classes == 1])
    if not single:
        return ""
    return f"{len(single)} of {(classes > 0).sum()} speakers have a single class: {_few(single)}"


def _listed(rows, entry):
    rows = rows.assign(utterance_id=rows["path"].str.replace(r"\.\w+$", "", regex=True))
    if "sex" in rows:
        rows["sex"] = rows["sex"].str.lower().map(_SEX)
    rows = rows.rename(columns={"emotion": "emotion_raw"})
    rows["emotion"] = rows["emotion_raw"].map(entry.labels)
    return rows.astype(object).where(rows.notna() & rows.ne(""), None).to_dict("records")


def _in_rows(mask):
    """Where a mask holds, as a text editor counts: the header is line 1."""
    lines = [str(place + 2) for place, here in enumerate(mask) if here]
    more = f" and {len(lines) - 5} more" if len(lines) > 5 else ""
    return f"line{'s' * (len(lines) > 1)} {', '.join(lines[:5])}{more}"


def _few(names):
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
