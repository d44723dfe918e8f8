"""Is a copy of a corpus the original? Its files are compared with lists of the originals' hashes.

``recipes/<corpus>.originals.csv.xz`` has one row for each file of the original corpus: the name of
its utterance, the first 8 hexadecimal digits of the file's SHA-256, and its size in bytes.
`benchmarks/originals.py` makes it. Folders do not matter, since copies name them as they like.

The odds that a file passes for an original that it is not: it must have the size of one, and then
agree in 32 bits, once in 4.3e9 times. In a copy of 8,750 files that were all altered without a
change of their sizes, one passes with a probability of 2e-6. This finds accidents, not forgeries.
"""

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from hump.corpora import counts

# Of a hash, in the lists.
DIGITS = 8
_ORIGINAL, _RENAMED, _MISSING = "original", "renamed", "missing"


def place(name: str) -> Path:
    """The file that lists the originals of a corpus, whether or not there is one."""
    return Path(__file__).parent / f"recipes/{name}.originals.csv.xz"


@functools.cache
def listed(name: str) -> pd.DataFrame:
    """The originals of a corpus that are known.

    Parameters
    ----------
    name : str

    Returns
    -------
    pandas.DataFrame
        Columns file_sha256 (its first digits) and file_size (bytes), by utterance_id; no rows if
        no list of hashes is known.
    """
    if not place(name).is_file():
        return pd.DataFrame(columns=["file_sha256", "file_size"])
    types = {"utterance_id": str, "file_sha256": str}
    return pd.read_csv(place(name), dtype=types, index_col="utterance_id")


def compare(rows, sampling_rate: int | None) -> pd.DataFrame:
    """Count the files of a copy that are the originals, that were altered, and that are missing.

    Parameters
    ----------
    rows : pandas.DataFrame
        A manifest.
    sampling_rate : int or None
        Hz, as published.

    Returns
    -------
    pandas.DataFrame
        Columns corpus, state, files, and example, a path or the name of an utterance. A file has
        the first state that is true of it: *original*: hash and size are those of its utterance;
        *renamed*: those of another utterance; *not listed*: neither they nor its name are in the
        list; *converted*: to another format than WAV; *resampled*; *smaller*: cut, or with fewer
        channels; *changed* in another way. *Missing* is an utterance whose original is listed and
        which no file has by its name or contents. No rows if no list is known.
    """
    corpus = rows["corpus"].iloc[0]
    known = listed(corpus)
    if known.empty:
        return pd.DataFrame(columns=["corpus", "state", "files", "example"])
    name = rows["utterance_id"].str.replace(r"#\d+$", "", regex=True)  # plain copies are numbered
    own = known.reindex(name).set_index(rows.index)
    key, own_key, known_key = map(_key, (rows, own, known))
    has_key = key.map(dict(zip(known_key, known.index)))  # the utterance whose original it is
    states = {
        _ORIGINAL: key.eq(own_key),
        _RENAMED: has_key.notna(),
        "not listed": own_key.isna(),
        "converted": ~rows["path"].str.lower().str.endswith((".wav", ".wave")),
        "resampled": rows["sampling_rate"].ne(sampling_rate),
        "smaller": rows["file_size"].lt(own["file_size"]),
    }
    conditions = [is_true.fillna(False).astype(bool) for is_true in states.values()]
    state = pd.Series(np.select(conditions, list(states), "changed"), rows.index)
    example = rows["path"].mask(state.eq(_RENAMED), rows["path"] + " is " + has_key)
    absent = known.index.difference(name).difference(has_key.dropna())
    files = pd.DataFrame({
        "state": [*state, *[_MISSING] * len(absent)], "example": [*example, *absent],
    })  # fmt: skip
    table = files.groupby("state", sort=False)["example"].agg(files="size", example="first")
    return table.reset_index().assign(corpus=corpus)[["corpus", "state", "files", "example"]]


def _key(files):
    digits = files["file_sha256"].astype("string").str[:DIGITS]
    return digits + " " + files["file_size"].astype("Int64").astype("string")


def verdict(table, name: str) -> str:
    """Say in a sentence whether a copy is the original.

    Parameters
    ----------
    table : pandas.DataFrame
        As `compare` returns it.
    name : str
        Of the corpus.
    """
    known = len(listed(name))
    if not known:
        return "Whether it is the original: no list of hashes is known of this corpus"
    files = table.set_index("state")["files"]
    originals = files.pop(_ORIGINAL) if _ORIGINAL in files else 0
    if originals == known and files.empty:
        return f"It is the original: all {known} files have its hashes"
    present = originals + files.drop(_MISSING, errors="ignore").sum()
    others = ", ".join(f"{number} {state}" for state, number in files.items())
    total = int(counts.published(name).query("speaker == ''")["utterances"].sum())
    part = f" (of {total} files, {known} are listed)" if known < total else ""
    return f"Of {present} files, {originals} are originals{part}; {others}".rstrip("; ")
