"""Tables of a study: CSV files that say what they are made from."""

import pandas as pd

from hump import names
from hump.errors import HumpError

__all__ = ["note", "read", "write"]


def note(params, *, encoder: bool = True) -> str:
    """What a reader must know of every number and picture.

    Parameters
    ----------
    params : Params
    encoder : bool
        Whether HuBERT features are involved.

    Returns
    -------
    str
        For example ``synthetic demo speech; untrained encoder``; empty if there is nothing to say.
    """
    words = [names.SYNTHETIC] if params.synthetic else []
    words += [names.UNTRAINED] if encoder and params.features.encoder == "untrained" else []
    return "; ".join(words)


def write(table: pd.DataFrame, params, name: str, *, encoder: bool = True) -> None:
    """Write a table of the study, with a column ``note`` where there is one to make.

    Parameters
    ----------
    table : pandas.DataFrame
    params : Params
    name : str
        Without ending.
    encoder : bool
        Whether HuBERT features are involved.
    """
    folder = params.results / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    remark = note(params, encoder=encoder)
    table = table.assign(note=remark) if remark else table
    path = folder / f"{name}.csv"
    partial = path.with_suffix(".partial")
    # A fixed number of digits, so that equal results are equal files.
    table.to_csv(partial, index=False, float_format="%.6f", lineterminator="\n")
    partial.replace(path)


def read(params, name: str) -> pd.DataFrame:
    """Read a table that `write` wrote.

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
    path = params.results / "tables" / f"{name}.csv"
    if not path.is_file():
        raise HumpError(
            f"{path}: no such table; run the notebooks before this one, or "
            f"./run_all.sh params/{params.study}.yaml"
        )
    text = ["utterance_id", "speaker", "sex", "emotion_raw", "emotion", "predicted", "fold", "note"]
    return pd.read_csv(path, dtype=dict.fromkeys(text, "string"))
