"""Corpora: what lies where, what a file name means, and what of it the study uses.

`read` lists a corpus by its recipe; `manifests` does so for a study, which settles the labels and
stops when too much of a corpus cannot be used; `account` shows that nothing was dropped silently.
"""

import warnings

import pandas as pd
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from hump import cores, names
from hump import demo as demo_speech
from hump.corpora import emodb, ravdess, recipe
from hump.corpora.demo import RECIPES as DEMO_RECIPES
from hump.errors import CorpusError

__all__ = ["NAMES", "account", "folder", "manifests", "missing", "partial", "read", "used"]

RECIPES = {"emodb": emodb.RECIPE, "ravdess": ravdess.RECIPE, **DEMO_RECIPES}
NAMES = names.CORPORA


def read(name, root) -> pd.DataFrame:
    """List a corpus.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    root : str or Path
        Folder of corpora; the corpus lies in ``root/name``.

    Returns
    -------
    pandas.DataFrame
        The manifest; see `hump.corpora.recipe.read`.

    Raises
    ------
    CorpusError
        Unknown name; or the corpus is missing, empty, or has a file name with an unknown code.
    """
    if name not in RECIPES:
        raise CorpusError(f"corpus={name!r}: no such corpus; choose one of {', '.join(NAMES)}")
    return recipe.read(RECIPES[name], root)


def folder(name, params):
    """Folder of a corpus in this study: the user's data, or the cache for demo corpora.

    Parameters
    ----------
    name : str
    params : Params

    Returns
    -------
    pathlib.Path
    """
    return _root(name, params) / name


def _root(name, params):
    if name not in names.DEMO:
        return params.data
    size = params.demo
    return params.cache / "demo" / (
        f"seed{size.seed}-{size.actors}x{size.sentences}x{size.takes}"
    )


def missing(params) -> list[str]:
    """What to fetch before the study can run.

    Parameters
    ----------
    params : Params

    Returns
    -------
    list of str
        One message a corpus that is not where it must be; empty if all are there.
    """
    messages = []
    for name in params.corpora:
        if name in names.DEMO or folder(name, params).is_dir():
            continue
        wanted = RECIPES[name]
        messages.append(
            f"{name}: not found at {folder(name, params)}. {wanted.title}; get it from "
            f"{wanted.source} ({wanted.licence}); expected layout {wanted.layout}"
        )
    return messages


def manifests(params) -> dict[str, pd.DataFrame]:
    """Manifests of all corpora as this study uses them; demo corpora are synthesised first.

    Parameters
    ----------
    params : Params

    Returns
    -------
    dict of str to pandas.DataFrame
        As `read`; every row that is not used says why in `excluded`.

    Raises
    ------
    CorpusError
        As `read`; or more than ``params.max_excluded`` of a corpus cannot be used for its audio.

    Warns
    -----
    UserWarning
        A corpus is partial: fewer utterances than published.
    """
    synthetic = [name for name in params.corpora if name in names.DEMO]
    pool = Parallel(
        n_jobs=max(1, min(cores.workers(), len(synthetic))), return_as="generator_unordered"
    )
    build = delayed(demo_speech.build)
    built = pool(
        build(name, _root(name, params), **params.demo.model_dump(), progress=False)
        for name in synthetic
    )
    for _ in tqdm(built, total=len(synthetic), desc="demo speech", unit="corpus",
                  disable=not synthetic):  # fmt: skip
        pass
    return {name: _manifest(name, params) for name in params.corpora}


def _manifest(name, params):
    root = _root(name, params)
    rows = read(name, root)
    _stop_if_too_much_is_lost(rows, name, params)
    if params.labels == "native" and name != params.source:
        rows["emotion"] = rows["emotion_raw"]
    outside = rows["excluded"].isna() & rows["emotion"].isna()
    rows.loc[outside, "excluded"] = "label outside the study: " + rows["emotion_raw"]
    if used(rows).empty:
        raise CorpusError(f"{root / name}: none of {len(rows)} files can be used:\n{account(rows)}")
    note = partial(rows)
    if note:
        warnings.warn(note, stacklevel=3)
    return rows


def _stop_if_too_much_is_lost(rows, name, params):
    lost = rows[rows["excluded"].str.startswith("audio", na=False)]
    if len(lost) <= params.max_excluded * len(rows):
        return
    listing = "\n".join(f"  {row.path}: {row.excluded}" for row in lost.head(20).itertuples())
    more = f"\n  and {len(lost) - 20} more" if len(lost) > 20 else ""
    raise CorpusError(
        f"{_root(name, params) / name}: {len(lost)} of {len(rows)} files cannot be used, "
        f"max_excluded={params.max_excluded} allows {params.max_excluded:.1%}; mend or remove "
        f"them, or raise max_excluded:\n{listing}{more}"
    )


def used(rows) -> pd.DataFrame:
    """Rows of a manifest that the study uses, with a fresh index.

    Parameters
    ----------
    rows : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
    """
    return rows[rows["excluded"].isna() & rows["emotion"].notna()].reset_index(drop=True)


def account(rows) -> pd.DataFrame:
    """Count what was found, used and excluded, with the reason.

    Parameters
    ----------
    rows : pandas.DataFrame
        A manifest.

    Returns
    -------
    pandas.DataFrame
        Columns corpus, status (found, used, excluded), reason, utterances; the counts of used and
        excluded rows add up to that of found.
    """
    corpus = rows["corpus"].iloc[0]
    is_used = rows["excluded"].isna() & rows["emotion"].notna()
    reasons = rows.loc[~is_used, "excluded"].fillna("label outside the study")
    # Files that differ in their details share a reason.
    reasons = reasons.str.replace(r"^copy of .*", "copy of another file", regex=True)
    lines = [("found", "", len(rows)), ("used", "", int(is_used.sum()))]
    lines += [("excluded", reason, n) for reason, n in sorted(reasons.value_counts().items())]
    table = pd.DataFrame(lines, columns=["status", "reason", "utterances"])
    table.insert(0, "corpus", corpus)
    return table


def partial(rows) -> str:
    """Say in a sentence that a corpus is partial, or nothing.

    Parameters
    ----------
    rows : pandas.DataFrame
        A manifest.

    Returns
    -------
    str
        Empty if the corpus has as many utterances of each raw label as published.
    """
    wanted = RECIPES[rows["corpus"].iloc[0]].published
    # By name, so that a folder nested in itself counts once and a published twin counts as one.
    names_found = rows["utterance_id"].str.replace(r"#\d+$", "", regex=True)
    found = rows[~names_found.duplicated()]["emotion_raw"].value_counts()
    short = {k: (int(found.get(k, 0)), n) for k, n in wanted.items() if found.get(k, 0) < n}
    if not short:
        return ""
    total, have = sum(wanted.values()), int(sum(found.get(k, 0) for k in wanted))
    detail = ", ".join(f"{emotion} {have_} of {n}" for emotion, (have_, n) in short.items())
    return f"{rows['corpus'].iloc[0]}: partial corpus, {have} of {total} utterances ({detail})"
