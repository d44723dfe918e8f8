"""Results of a study: where each lies, and tables, which say what they are made from.

Every table is a CSV file with a column ``fingerprint``, of the corpora that the study uses, and a
column ``note`` where there is something that a reader must know. Both come from ``corpora.csv``,
which `01_data` writes before anything else.
"""

import hashlib
from pathlib import Path

import pandas as pd

from hump.errors import HumpError
from hump.features import encoders
from hump.params import Params, folders, names
from hump.util import files

# The table that the others cite.
CORPORA = "corpora"
SOURCE = "source"
_ADDED = ["note", "fingerprint"]
_TEXT = (
    "utterance_id", "speaker", "sex", "session", "sentence", "emotion_raw", "emotion", "predicted",
    "fold", "excluded", "remark", *_ADDED,
)  # fmt: skip


def table(params: Params, name: str) -> Path:
    """File of a table."""
    return params.results / "tables" / f"{name}.csv"


def notebook(params: Params, name: str) -> Path:
    """File of an executed notebook."""
    return params.results / "notebooks" / f"{name}.ipynb"


def card(params: Params, corpus: str) -> Path:
    """Card of a corpus."""
    return params.results / "cards" / f"{corpus}.md"


def model(params: Params, name: str = SOURCE) -> Path:
    """Folder of a trained model: of the source, or of the target of that name."""
    return params.results / "models" / name


def published(params: Params) -> Path:
    """Folder of the study's published results; a run writes elsewhere."""
    return params.results.parent / "published" / params.study


def origin(params: Params, features, trained_on) -> dict:
    """Where a model comes from and what its input is, to be saved with it.

    Parameters
    ----------
    params : Params
    features : Features
    trained_on : list of str
        Corpora.

    Returns
    -------
    dict
        For `hump.model.save`.
    """
    return {
        "study": params.study,
        "seed": params.seed,
        "trained_on": trained_on,
        "synthetic": params.synthetic,
        "encoder": params.features.encoder,
        "encoder_label": features.encoder,
        "encoder_fingerprint": encoders.find(params.features.encoder).fingerprint,
        "layers": list(params.features.layers),
        "context": params.features.context,
        "mfcc": params.features.mfcc.model_dump(),
        "features": features.fingerprint,
        "corpora": fingerprint(params),
    }


def corpora(params: Params) -> pd.DataFrame:
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
    listed = _read(params, CORPORA)
    return listed.assign(remark=listed["remark"].fillna(""))


def fingerprint(params: Params) -> str:
    """Identity of all utterances, labels and audio that the study uses.

    Parameters
    ----------
    params : Params

    Returns
    -------
    str
        16 hexadecimal digits, of the corpora's own fingerprints.
    """
    listed = corpora(params)
    text = "\n".join(listed["corpus"] + " " + listed["fingerprint"])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def banners(params: Params, encoder: bool = True) -> list[str]:
    """What a reader must know first: that speech is synthetic, and what the encoder is."""
    words = [names.SYNTHETIC] if params.synthetic else []
    said = encoders.about(params.features.encoder) if encoder else None
    return words + ([said] if said else [])


def brief(params: Params, *, encoder: bool = True, about=None) -> str:
    """As `note`, but of corpora with a remark only where it stands."""
    told = ", ".join(folders.title(corpus) for corpus in _remarks(params, about)["corpus"])
    on_copies = [f"on the copies of {told} see 01_data"] if told else []
    return "; ".join(banners(params, encoder) + on_copies)


def _remarks(params, about=None):
    """Corpora of which something must be known, with the remark; about: of these, if there are."""
    told = corpora(params)
    return told[(told["remark"] != "") & told["corpus"].isin(about or told["corpus"])]


def note(params: Params, *, encoder: bool = True, about=None) -> str:
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
    told = _remarks(params, about)
    return "; ".join([*banners(params, encoder), *(told["corpus"] + ": " + told["remark"])])


def _notes(frame, params, encoder):
    """What concerns the corpus of each row, and the source if something was trained on it."""
    if "corpus" not in frame:
        return note(params, encoder=encoder)
    known, notes = set(corpora(params)["corpus"]), {}
    several = "source" in frame and frame["source"].isin(known).any()  # else it is a citation
    sources = frame["source"] if several else [params.source] * len(frame)
    pairs = list(zip(frame["corpus"], sources))
    for name, source in dict.fromkeys(pairs):
        concerned = {name, source} if encoder else {name}
        about = concerned if concerned <= known else known  # an average, or several sources
        notes[name, source] = note(params, encoder=encoder, about=about)
    return pd.Series([notes[pair] for pair in pairs], frame.index, dtype=object)


def write(frame: pd.DataFrame, params: Params, name: str, *, encoder: bool = True) -> None:
    """Write a table of the study, with a column ``note`` where there is something to say.

    Parameters
    ----------
    frame : pandas.DataFrame
    params : Params
    name : str
        Without ending.
    encoder : bool
        Whether HuBERT features, and so trained models, are involved.
    """
    if name == CORPORA:
        frame = _with_note(frame, "; ".join(banners(params, encoder=False)))
    else:
        frame = _with_note(frame, _notes(frame, params, encoder))
        frame = frame.assign(fingerprint=fingerprint(params))
    # A fixed number of digits, so that equal results are equal files.
    text = frame.to_csv(index=False, float_format="%.6f", lineterminator="\n")
    files.write_text(table(params, name), text)


def _with_note(frame, notes):
    said = notes.ne("").any() if isinstance(notes, pd.Series) else notes
    return frame.assign(note=notes) if said else frame


def read(params: Params, name: str, *, notes: bool = False) -> pd.DataFrame:
    """Read a table that `write` wrote, as it was given.

    Parameters
    ----------
    params : Params
    name : str
    notes : bool
        Keep the columns that `write` added.

    Returns
    -------
    pandas.DataFrame
        Speakers and identifiers are text, whatever they look like.

    Raises
    ------
    HumpError
        The table is not there; the message names the command that makes it.
    """
    return _read(params, name).drop(columns=[] if notes else _ADDED, errors="ignore")


def _read(params, name):
    path = table(params, name)
    if not path.is_file():
        raise HumpError(
            f"{path}: no such table; run the notebooks before this one, or "
            f"./run_all.sh params/{params.study}.yaml"
        )
    # A speaker may be called NA.
    text = dict.fromkeys(_TEXT, "string")
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])
