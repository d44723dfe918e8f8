"""The corpora of a study: where they lie, with which labels and folds, and when to stop."""

import pandas as pd
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from hump import demo
from hump.corpora import doctor, recipe
from hump.corpora.catalogue import exclude_unlabelled, recipe_of
from hump.corpora.manifest import used
from hump.errors import CorpusError
from hump.params import Params, folders, names
from hump.util import parallel, seeds, text

# How the reasons begin that count against `max_excluded`.
_FAULTS = ("audio", "unknown code", "contradicts itself")
# Files that an error lists.
_SHOWN = 200


def files(name: str, params: Params) -> list:
    """All files of a corpus in this study: audio, labels and whatever else lies there.

    Parameters
    ----------
    name : str
    params : Params

    Returns
    -------
    list of pathlib.Path
        Sorted. Of a corpus in a CSV file, that file and the audio that it lists.
    """
    folder = params.folder(name)
    if name in params.corpora and (table := params.table(name)).is_file():
        listed = recipe_of(name, params).listed
        return sorted({table, *(folder / row["path"] for row in listed)})
    return sorted(recipe.files(folder))


def missing(params: Params) -> list[str]:
    """Recorded corpora to fetch before the study can run.

    Parameters
    ----------
    params : Params

    Returns
    -------
    list of str
        For each missing corpus a message that says where to get it; empty if all are there.
    """
    messages = []
    for name in params.corpus_names:
        try:
            wanted, folder = recipe_of(name, params), params.folder(name)
        except CorpusError as error:
            messages.append(f"{name}: {error}")
            continue
        if not wanted.listed and name not in folders.DEMO and (fault := recipe.fault_of(folder)):
            download = f", or ./run_all.sh fetch {name}" if wanted.archive else ""
            messages.append(
                f"{name}: {folder}: {fault}. {wanted.title}\n"
                f"      from     {wanted.source}{download}\n"
                f"      licence  {wanted.licence}\n"
                f"      layout   {wanted.layout}"
            )
    return messages


def manifests(params: Params) -> dict[str, pd.DataFrame]:
    """Manifests of all corpora as this study uses them; demo corpora are synthesised first.

    Every file is opened and checked.

    Parameters
    ----------
    params : Params

    Returns
    -------
    dict of str to pandas.DataFrame
        As `hump.corpora.read`; every row that is not used has the reason in `excluded`.

    Raises
    ------
    CorpusError
        As `hump.corpora.read`; or more than ``params.max_excluded`` of a corpus cannot be used
        because of its audio or names. One message names every corpus at fault.
    """
    _synthesise(params)
    listed, faults = {}, []
    for name in params.corpus_names:
        try:
            listed[name] = _manifest(name, params)
        except CorpusError as error:
            faults.append(str(error))
    if faults:
        raise CorpusError("\n".join(faults))
    _stop_at_shared_recordings(listed)
    return listed


def _stop_at_shared_recordings(listed):
    """What one corpus trains on must not be what another tests."""
    rows = pd.concat([used(rows) for rows in listed.values()], ignore_index=True)
    both = rows[rows.groupby("audio_sha256")["corpus"].transform("nunique") > 1]
    if both.empty:
        return
    one, other = both[both["audio_sha256"] == both["audio_sha256"].iloc[0]].iloc[:2].itertuples()
    raise CorpusError(
        f"{one.corpus}: {one.path} is the same recording as {other.path} of {other.corpus} "
        f"(recordings in two corpora: {both['audio_sha256'].nunique()}); a model would be "
        "tested on what it was trained on: take one of the corpora, or these rows, out of the study"
    )


def _synthesise(params):
    corpora = [name for name in params.corpus_names if name in folders.DEMO]
    if not corpora:
        return
    jobs = min(parallel.workers(), len(corpora))
    pool = Parallel(n_jobs=jobs, return_as="generator_unordered")
    build, size = delayed(demo.build), params.demo.model_dump()
    built = pool(build(name, params.root(name), **size, progress=False) for name in corpora)
    list(tqdm(built, total=len(corpora), desc="demo speech", unit="corpus"))


def _manifest(name, params):
    folder, known = params.folder(name), recipe_of(name, params)
    rows = recipe.read(known, folder)
    _stop_at_too_many_faults(rows, folder, params.max_excluded)
    if params.labels == "native" and name != params.source:
        # In a user's own table null means that a label is not used.
        is_one = rows["emotion"].notna() if name in params.corpora else True
        is_one &= ~rows["emotion_raw"].isin(known.no_emotions)
        rows["emotion"] = rows["emotion_raw"].where(is_one)
    return exclude_unlabelled(rows, folder)


def _stop_at_too_many_faults(rows, folder, allowed):
    bad = rows[rows["excluded"].str.startswith(_FAULTS, na=False)]
    opened = len(bad) + int(rows["audio_sha256"].notna().sum())
    if len(bad) <= allowed * opened:
        return
    listing = "\n".join(f"  {row.path}: {row.excluded}" for row in bad.head(_SHOWN).itertuples())
    if len(bad) > _SHOWN:
        listing += f"\n  and {len(bad) - _SHOWN} more, see hump.corpora.examine"
    raise CorpusError(
        f"{folder}: {len(bad)} of {opened} files cannot be used, max_excluded={allowed} allows "
        f"{text.percent(allowed)}; mend or remove them, or raise max_excluded:\n{listing}"
    )


def examinations(params: Params) -> dict[str, doctor.Examination]:
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
    seed = seeds.seed_of(params.seed, "examination")
    bar = tqdm(manifests(params).items(), desc="examining", unit="corpus")
    return {
        name: doctor.diagnose(
            rows, recipe_of(name, params), params.folder(name), scheme=params.folds.get(name),
            max_folds=params.finetune.max_folds, settings=params.evaluation, seed=seed,
        )
        for name, rows in bar
    }  # fmt: skip


def overview(examined, params: Params) -> pd.DataFrame:
    """One line for each corpus of a study, which every result cites.

    Parameters
    ----------
    examined : dict of str to Examination
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns corpus, role, language, licence, utterances, speakers, folds ("dealt" if speakers
        are assigned round-robin), remark, fingerprint.
    """
    lines, source = [], used(examined[params.source].manifest)
    for name, examination in examined.items():
        rows, schemes = used(examination.manifest), folders.fold_schemes(name)
        unheard = _unheard(rows, source) if 0 in params.finetune.fractions else ""
        lines.append({
            "corpus": name,
            "role": "source" if name == params.source else "target",
            "language": examination.manifest["language"].iloc[0],
            "licence": recipe_of(name, params).licence,
            "utterances": len(rows),
            "speakers": rows["speaker"].nunique(),
            "folds": params.folds.get(name, schemes[0] if schemes else "dealt"),
            "remark": "; ".join(filter(None, (examination.remark, unheard))),
            "fingerprint": examination.fingerprint,
        })  # fmt: skip
    return pd.DataFrame(lines)


def _unheard(rows, source):
    """What the source cannot teach of a target, for whatever is trained on the source alone."""
    shared = set(rows["emotion"]).intersection(names.EMOTIONS)
    if unheard := sorted(shared - set(source["emotion"])):
        return f"at 0 % nothing can be recognised as {' or '.join(unheard)}, which the source lacks"
    return ""
