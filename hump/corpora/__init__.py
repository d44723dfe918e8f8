"""Corpora: what lies where, what a file name means, and what of it the study uses.

`read` lists a corpus by its recipe and `examine` says whether the copy is whole; `manifests` lists
all corpora of a study, which settles the labels and stops when too much of one cannot be used.
"""

import pandas as pd
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from hump import cores, names, seeds
from hump import demo as demo_speech
from hump.corpora import (
    casia,
    counts,
    cremad,
    demo,
    doctor,
    emodb,
    emovo,
    esd,
    folds,
    iemocap,
    mesd,
    ravdess,
    recipe,
    savee,
    tess,
    urdu,
)
from hump.corpora.counts import account
from hump.corpora.doctor import Examination
from hump.errors import CorpusError

__all__ = [
    "NAMES",
    "Examination",
    "account",
    "examine",
    "examinations",
    "files",
    "folder",
    "frozen_folds",
    "manifests",
    "missing",
    "overview",
    "read",
    "used",
]

_ALL = [
    *(module.RECIPE for module in (iemocap, emodb, emovo, mesd, casia)),
    *(esd.ENGLISH, esd.MANDARIN),
    *(module.RECIPE for module in (ravdess, savee, tess, cremad, urdu)),
    *demo.RECIPES.values(),
]
RECIPES = {one.name: one for one in _ALL}
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
        Unknown name; or the corpus is missing, empty, or has a path with an unknown code.
    """
    return recipe.read(_recipe(name), root)


def examine(name, root) -> Examination:
    """Examine a copy of a corpus: is it whole, and can its labels be guessed without listening?

    Parameters
    ----------
    name : str
        One of `NAMES`.
    root : str or Path
        Folder of corpora; the corpus lies in ``root/name``.

    Returns
    -------
    Examination
        Counts against the published ones, files with faults, facts of the audio, the shortcut
        audit, and the fingerprint.

    Raises
    ------
    CorpusError
        As `read`; or no file can be used, or those of too few speakers.
    """
    rows = read(name, root)
    outside = rows["excluded"].isna() & rows["emotion"].isna()
    rows.loc[outside, "excluded"] = "label outside the study: " + rows["emotion_raw"]
    _stop_if_nothing_is_left(rows, recipe.locate(_recipe(name), root))
    return doctor.diagnose(rows, _recipe(name), _remark(rows))


def _recipe(name):
    if name not in RECIPES:
        raise CorpusError(f"corpus={name!r}: no such corpus; choose one of {', '.join(NAMES)}")
    return RECIPES[name]


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
    return recipe.locate(_recipe(name), _root(name, params))


def files(name, params):
    """Audio files of a corpus in this study, sorted, whether or not they can be used.

    Parameters
    ----------
    name : str
    params : Params

    Returns
    -------
    list of pathlib.Path
    """
    return sorted(recipe.audio_files(folder(name, params)))


def _root(name, params):
    if name not in names.DEMO:
        return params.data
    size = params.demo
    return params.cache / "demo" / (
        f"seed{size.seed}-{size.actors}x{size.sentences}x{size.takes}"
    )


def frozen_folds(name, params):
    """Folds that this study takes from the corpus itself, by the scheme that the parameters name.

    Parameters
    ----------
    name : str
    params : Params

    Returns
    -------
    tuple of Fold
        Empty if the corpus has none.
    """
    return folds.frozen(name, params.folds.get(name))


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
        if name in names.DEMO:
            continue
        wanted, place = RECIPES[name], folder(name, params)
        if place.is_dir():
            if next(recipe.audio_files(place), None):
                continue
            what = "holds no audio file"
        else:
            what = "no such folder"
        messages.append(
            f"{name}: {place}: {what}. {wanted.title}\n"
            f"      from     {wanted.source}\n"
            f"      licence  {wanted.licence}\n"
            f"      layout   {wanted.layout}"
        )
    return messages


def manifests(params) -> dict[str, pd.DataFrame]:
    """Manifests of all corpora as this study uses them; demo corpora are synthesised first.

    Every file is opened and checked.

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
    rows = read(name, _root(name, params))
    _stop_if_too_much_is_lost(rows, name, params)
    if params.labels == "native" and name != params.source:
        rows["emotion"] = rows["emotion_raw"]
    outside = rows["excluded"].isna() & rows["emotion"].isna()
    rows.loc[outside, "excluded"] = "label outside the study: " + rows["emotion_raw"]
    _stop_if_nothing_is_left(rows, folder(name, params))
    return rows


def _stop_if_nothing_is_left(rows, place):
    if used(rows).empty:
        reasons = counts.account(rows).to_string(index=False)
        raise CorpusError(f"{place}: none of {len(rows)} files can be used:\n{reasons}")


def _stop_if_too_much_is_lost(rows, name, params):
    lost = rows[rows["excluded"].str.startswith("audio", na=False)]
    # Of those that were opened.
    checked = len(lost) + int(rows["audio_sha256"].notna().sum())
    if len(lost) <= params.max_excluded * checked:
        return
    listing = "\n".join(f"  {row.path}: {row.excluded}" for row in lost.itertuples())
    raise CorpusError(
        f"{folder(name, params)}: {len(lost)} of {checked} files cannot be used, "
        f"max_excluded={params.max_excluded} allows {params.max_excluded:.1%}; mend or remove "
        f"them, or raise max_excluded:\n{listing}"
    )


def _remark(rows):
    """What must stand beside every result of a corpus, or nothing."""
    known = RECIPES[rows["corpus"].iloc[0]]
    in_use = set(rows.loc[rows["emotion"].notna(), "emotion_raw"])
    in_use |= {raw for raw, emotion in known.emotions.items() if emotion}
    return "; ".join(filter(None, [counts.shortfall(rows, in_use), known.warning]))


def examinations(params) -> dict[str, Examination]:
    """Examine all corpora of a study, as `examine` does, with the study's labels and folds.

    Parameters
    ----------
    params : Params

    Returns
    -------
    dict of str to Examination

    Raises
    ------
    CorpusError
        As `manifests`.
    """
    listed = manifests(params)
    bar = tqdm(listed.items(), desc="examining", unit="corpus")
    return {
        name: doctor.diagnose(
            rows, RECIPES[name], _remark(rows), scheme=params.folds.get(name),
            max_folds=params.finetune.max_folds, settings=params.evaluation,
            seed=seeds.seed_of(params.seed, "examination"),
        )
        for name, rows in bar
    }  # fmt: skip


def overview(examined, params) -> pd.DataFrame:
    """The corpora of a study in a line each, which every result cites.

    Parameters
    ----------
    examined : dict of str to Examination
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns corpus, role, language, utterances, speakers, folds, remark, fingerprint.
    """
    lines = []
    for name, one in examined.items():
        rows, known = used(one.manifest), folds.schemes(name)
        lines.append({
            "corpus": name,
            "role": "source" if name == params.source else "target",
            "language": RECIPES[name].language,
            "utterances": len(rows),
            "speakers": rows["speaker"].nunique(),
            "folds": params.folds.get(name, known[0] if known else "dealt"),
            "remark": one.remark,
            "fingerprint": one.fingerprint,
        })  # fmt: skip
    return pd.DataFrame(lines)


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
