"""Tables of a study: CSV files that say what they are made from.

Every table has a column ``fingerprint``, of the corpora that the study uses, and a column ``note``
where there is something that a reader must know. Both come from ``corpora.csv``, which `01_data`
writes before anything else.
"""

import hashlib

import pandas as pd

from hump import names
from hump.errors import HumpError

__all__ = ["CORPORA", "corpora", "fingerprint", "note", "read", "write"]

# The table that the others cite.
CORPORA = "corpora"
ADDED = ["note", "fingerprint"]
TEXT = (
    "utterance_id", "speaker", "sex", "sentence", "emotion_raw", "emotion", "predicted", "fold",
    "excluded", "remark", *ADDED,
)  # fmt: skip


def corpora(params) -> pd.DataFrame:
    """The corpora of the study, a line each, as `hump.corpora.overview`.

    Parameters
    ----------
    params : Params

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    HumpError
        `01_data` has not been run.
    """
    table = _read(params, CORPORA)
    return table.assign(remark=table["remark"].fillna(""))


def fingerprint(params) -> str:
    """Identity of all utterances, labels and audio that the study uses.

    Parameters
    ----------
    params : Params

    Returns
    -------
    str
        16 hexadecimal digits, of the corpora's own fingerprints.
    """
    table = corpora(params)
    text = "\n".join(table["corpus"] + " " + table["fingerprint"])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def note(params, *, encoder: bool = True, about=None) -> str:
    """What a reader must know of every number and picture.

    Parameters
    ----------
    params : Params
    encoder : bool
        Whether HuBERT features are involved.
    about : collection of str, optional
        Corpora that are; by default all of the study.

    Returns
    -------
    str
        For example ``synthetic demo speech; untrained encoder``; empty if there is nothing to say.
    """
    listed = corpora(params)
    if about is not None:
        listed = listed[listed["corpus"].isin(about)]
    return _sentence(_made_of(params, encoder), listed)


def _made_of(params, encoder):
    words = [names.SYNTHETIC] if params.synthetic else []
    said = names.about_encoder(params.features.encoder) if encoder else None
    return words + ([said] if said else [])


def _sentence(words, table):
    told = table[table["remark"] != ""]
    return "; ".join([*words, *(told["corpus"] + ": " + told["remark"])])


def _notes(table, params, encoder):
    """Of each row: what concerns its corpus, and the source if something was trained on it."""
    words, listed = _made_of(params, encoder), corpora(params)
    if "corpus" not in table:
        return _sentence(words, listed)
    known = {}
    for name in table["corpus"].unique():
        concerned = {name, params.source} if encoder else {name}
        if name not in set(listed["corpus"]):
            concerned = set(listed["corpus"])  # an average
        known[name] = _sentence(words, listed[listed["corpus"].isin(concerned)])
    return table["corpus"].map(known)


def write(table: pd.DataFrame, params, name: str, *, encoder: bool = True) -> None:
    """Write a table of the study, with a column ``note`` where there is one to make.

    Parameters
    ----------
    table : pandas.DataFrame
    params : Params
    name : str
        Without ending.
    encoder : bool
        Whether HuBERT features, and so trained models, are involved.
    """
    folder = params.results / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    if name == CORPORA:
        table = _with_note(table, "; ".join(_made_of(params, encoder=False)))
    else:
        table = _with_note(table, _notes(table, params, encoder))
        table = table.assign(fingerprint=fingerprint(params))
    path = folder / f"{name}.csv"
    partial = path.with_suffix(".partial")
    # A fixed number of digits, so that equal results are equal files.
    table.to_csv(partial, index=False, float_format="%.6f", lineterminator="\n")
    partial.replace(path)


def _with_note(table, notes):
    said = notes.ne("").any() if isinstance(notes, pd.Series) else notes
    return table.assign(note=notes) if said else table


def read(params, name: str) -> pd.DataFrame:
    """Read a table that `write` wrote, as it was given.

    Parameters
    ----------
    params : Params
    name : str

    Returns
    -------
    pandas.DataFrame
        Speakers and identifiers are text, whatever they look like.

    Raises
    ------
    HumpError
        The table is not there; the message names the notebooks' command.
    """
    return _read(params, name).drop(columns=ADDED, errors="ignore")


def _read(params, name):
    path = params.results / "tables" / f"{name}.csv"
    if not path.is_file():
        raise HumpError(
            f"{path}: no such table; run the notebooks before this one, or "
            f"./run_all.sh params/{params.study}.yaml"
        )
    return pd.read_csv(path, dtype=dict.fromkeys(TEXT, "string"))
