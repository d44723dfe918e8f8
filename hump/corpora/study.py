"""The corpora of a study: where they lie, with which labels and folds, and when to stop."""

import pandas as pd
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from hump import cores, names, seeds
from hump import demo as demo_speech
from hump.corpora import catalogue, doctor, folds, recipe
from hump.corpora.doctor import Examination
from hump.errors import CorpusError

__all__ = [
    "examinations",
    "files",
    "folder",
    "frozen_folds",
    "manifests",
    "missing",
    "overview",
]

# Files that an error lists.
SHOWN = 200


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
    return recipe.locate(catalogue.find(name), _root(name, params))


def files(name, params):
    """All files of a corpus in this study, sorted: audio, labels and what else lies there.

    Parameters
    ----------
    name : str
    params : Params

    Returns
    -------
    list of pathlib.Path
    """
    return sorted(recipe.files(folder(name, params)))


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
        wanted, place = catalogue.RECIPES[name], folder(name, params)
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
        As `hump.corpora.read`; every row that is not used says why in `excluded`.

    Raises
    ------
    CorpusError
        As `hump.corpora.read`; or more than ``params.max_excluded`` of a corpus cannot be used for
        its audio. One message tells of all corpora.
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
    listed, refused = {}, []
    for name in params.corpora:
        try:
            listed[name] = _manifest(name, params)
        except CorpusError as error:
            refused.append(str(error))
    if refused:
        raise CorpusError("\n".join(refused))
    return listed


def _manifest(name, params):
    rows = catalogue.read(name, _root(name, params))
    _stop_if_too_much_is_lost(rows, name, params)
    if params.labels == "native" and name != params.source:
        rows["emotion"] = rows["emotion_raw"]
    return catalogue.settled(rows, folder(name, params))


def _stop_if_too_much_is_lost(rows, name, params):
    lost = rows[rows["excluded"].str.startswith("audio", na=False)]
    # Of those that were opened.
    checked = len(lost) + int(rows["audio_sha256"].notna().sum())
    if len(lost) <= params.max_excluded * checked:
        return
    listing = "\n".join(f"  {row.path}: {row.excluded}" for row in lost.head(SHOWN).itertuples())
    if len(lost) > SHOWN:
        listing += f"\n  and {len(lost) - SHOWN} more, see hump.corpora.examine"
    raise CorpusError(
        f"{folder(name, params)}: {len(lost)} of {checked} files cannot be used, "
        f"max_excluded={params.max_excluded} allows {params.max_excluded:.1%}; mend or remove "
        f"them, or raise max_excluded:\n{listing}"
    )


def examinations(params) -> dict[str, Examination]:
    """Examine all corpora of a study, as `hump.corpora.examine`, with its labels and folds.

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
            rows, catalogue.RECIPES[name], catalogue.remark(rows), scheme=params.folds.get(name),
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
        rows, known = catalogue.used(one.manifest), folds.schemes(name)
        lines.append({
            "corpus": name,
            "role": "source" if name == params.source else "target",
            "language": catalogue.RECIPES[name].language,
            "utterances": len(rows),
            "speakers": rows["speaker"].nunique(),
            "folds": params.folds.get(name, known[0] if known else "dealt"),
            "remark": one.remark,
            "fingerprint": one.fingerprint,
        })  # fmt: skip
    return pd.DataFrame(lines)
