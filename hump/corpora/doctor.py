"""The doctor: is a copy of a corpus complete, is it the original, and what predicts its labels?"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from hump import audio
from hump.corpora import counts, folds, manifest, originals, shortcuts, splits
from hump.corpora.catalogue import RECIPES, exclude_unlabelled, read
from hump.corpora.recipe import Recipe
from hump.features import prosody
from hump.params import names
from hump.params.folders import corpus_folder
from hump.params.sections import EvaluationParams
from hump.util import parallel

# For `examine`, which has no parameter file to read them from.
_SETTINGS = EvaluationParams(resamples=1000, confidence=0.95)
# Reasons that are no fault of the copy.
_INTENDED = ("label outside the study", "of the other language")
_SHOWN = 20
_TEXT = Path(__file__).with_name("examination.html").read_text(encoding="utf-8")
_PAGE = jinja2.Template(_TEXT, autoescape=True, trim_blocks=True)


@dataclass(frozen=True, eq=False)
class Examination:
    """The result of an examination: a page in a notebook, text when printed.

    Attributes
    ----------
    name, title : str
    fingerprint : str
        As `fingerprint`.
    remark : str
        What must stand beside every result: a partial or converted copy, a class that does not
        occur, a fault of the corpus.
    manifest : pandas.DataFrame
    account : pandas.DataFrame
        As `hump.corpora.counts.account`.
    published : pandas.DataFrame
        As `hump.corpora.counts.compare`.
    originals : pandas.DataFrame
        As `hump.corpora.originals.compare`.
    audio : pandas.DataFrame
        One row of facts about the files in use.
    problems : pandas.DataFrame
        Columns corpus, path, excluded: files that are not used because something is wrong.
    shortcuts : pandas.DataFrame
        As `hump.corpora.shortcuts.audit`.
    """

    name: str
    title: str
    fingerprint: str
    remark: str
    manifest: pd.DataFrame
    account: pd.DataFrame
    published: pd.DataFrame
    originals: pd.DataFrame
    audio: pd.DataFrame
    problems: pd.DataFrame
    shortcuts: pd.DataFrame

    @property
    def mismatches(self) -> pd.DataFrame:
        """As `hump.corpora.counts.mismatches`."""
        return counts.mismatches(self.published)

    def sections(self):
        """Heading and table of each part; one with a column ``index`` is shown without a head."""
        differ = int(self.published["expected"].ne(self.published["found"]).sum())
        verdict = f"{differ} of {len(self.published)} published counts differ"
        if self.published.empty:
            verdict = "No counts are published"
        elif not differ:
            verdict = f"All {len(self.published)} published counts are met"
        more = f", {_SHOWN} of {len(self.problems)}" if len(self.problems) > _SHOWN else ""
        scores = ["condition", "system", "wa", "uar", "uar_low", "uar_high", "speakers"]
        yield verdict, self.mismatches.drop(columns="corpus")
        original = originals.verdict(self.originals, self.name)
        yield original, self.originals.drop(columns="corpus")
        yield "Found = used + excluded", self.account.drop(columns="corpus")
        yield f"Files with a fault{more}", self.problems.drop(columns="corpus").head(_SHOWN)
        yield "The audio in use", self.audio.drop(columns="corpus").T.reset_index()
        yield "What predicts the label without listening", self.shortcuts[scores].round(3)

    def __str__(self):
        parts = [self.title, *([f"NOTE: {self.remark}"] if self.remark else [])]
        for heading, table in self.sections():
            body = table.to_string(index=False, header="index" not in table)
            parts.append(f"{heading}\n{body if len(table) else '-'}")
        parts.append(f"Fingerprint of utterances, labels and audio: {self.fingerprint}")
        return "\n\n".join(parts)

    def _repr_html_(self):
        with pd.option_context("display.max_colwidth", None):  # else long paths are cut off
            return _PAGE.render(one=self)


def examine(name, root) -> Examination:
    """Examine a copy of a corpus: is it complete, and are its labels predicted without listening?

    Parameters
    ----------
    name : str
        One of `hump.corpora.NAMES`.
    root : str or Path
        Folder of corpora; the corpus lies in ``root/name``.

    Returns
    -------
    Examination
        Counts and hashes beside the published ones, files with faults, facts of the audio, the
        shortcut audit, and the fingerprint.

    Raises
    ------
    CorpusError
        As `hump.corpora.read`; or no file can be used, or those of too few speakers.
    """
    folder = corpus_folder(name, root)
    return diagnose(exclude_unlabelled(read(name, root), folder), RECIPES[name], folder)


def diagnose(rows, recipe: Recipe, folder, *, scheme: str | None = None, max_folds: int = 10,
             settings: EvaluationParams = _SETTINGS, seed: int = 1) -> Examination:  # fmt: skip
    """Examine a corpus whose manifest is at hand.

    Parameters
    ----------
    rows : pandas.DataFrame
        The manifest.
    recipe : Recipe
        By which it was read.
    folder : str or Path
        Of the corpus, for the prosody of its recordings.
    scheme : str, optional
        Of the corpus's own folds; by default the first.
    max_folds : int
        Used if the corpus has no folds of its own.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    Examination
    """
    used = manifest.used(rows)
    is_fault = rows["excluded"].notna() & ~rows["excluded"].str.startswith(_INTENDED, na=False)
    own = splits.speaker_folds(used, max_folds, folds.frozen(recipe.name, scheme))
    return Examination(
        name=recipe.name,
        title=recipe.title,
        fingerprint=fingerprint(used),
        remark=_remark(rows, recipe),
        manifest=rows,
        account=counts.account(rows),
        published=counts.compare(rows),
        originals=originals.compare(rows, recipe.sampling_rate),
        audio=_audio(used, recipe).assign(**_prosody(used, Path(folder))),
        problems=_problems(rows[is_fault]),
        shortcuts=shortcuts.audit(used, own, settings, seed=seed),
    )


def _problems(rows):
    """The files and what is wrong with them; plain copies come last."""
    copies = rows["excluded"].str.startswith("copy of")
    order = copies.sort_values(kind="stable").index
    return rows.loc[order, ["corpus", "path", "excluded"]].reset_index(drop=True)


def fingerprint(rows) -> str:
    """Hash of what a study uses of a corpus: utterances, labels and audio.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use, in any order.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    columns = rows[["utterance_id", "emotion", "audio_sha256"]].astype(str)
    lines = sorted(columns.agg("\t".join, axis=1))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _remark(rows, recipe):
    labels = set(rows.loc[rows["emotion"].notna(), "emotion_raw"])
    labels |= {raw for raw, emotion in recipe.emotions.items() if emotion}
    other = [] if recipe.listed else sorted(set(_formats(manifest.used(rows))) - {"wav"})
    converted = f"converted copy ({', '.join(other)})" if other else ""
    remarks = (counts.shortfall(rows, labels), _absent(rows, recipe), converted, recipe.warning)
    return "; ".join(filter(None, remarks))


def _absent(rows, recipe):
    """The study's classes that have no utterance in use, in words."""
    found = manifest.used(rows)["emotion_raw"].map(recipe.emotions)
    absent = [emotion for emotion in names.EMOTIONS if emotion not in set(found)]
    return f"no utterance is {' or '.join(absent)}" if absent else ""


def _formats(rows):
    """Format of each file, by its ending; all corpora are published as WAV."""
    return rows["path"].str.extract(r"\.(\w+)$", expand=False).str.lower().replace("wave", "wav")


def _audio(rows, recipe):
    rate = _values(rows["sampling_rate"], " Hz")
    if recipe.sampling_rate and (rows["sampling_rate"] != recipe.sampling_rate).any():
        rate += f"; published: {recipe.sampling_rate} Hz"
    form, speakers = _values(_formats(rows)), rows.drop_duplicates("speaker")
    return pd.DataFrame([{
        "corpus": recipe.name,
        "utterances": len(rows),
        "speakers": rows["speaker"].nunique(),
        "sex of speakers": _values(speakers["sex"].dropna()) or "not known",
        "age of speakers (least, median, most)": _range(speakers["age"].dropna(), 0),
        "hours": round(rows["duration_s"].sum() / 3600, 2),
        "seconds (least, median, most)": _range(rows["duration_s"], 2),
        "format": form if form == "wav" or recipe.listed else f"{form}; published: wav",
        "sampling rate": rate,
        "channels": _values(rows["channels"]),
        "level in dB (least, median, most)": _range(rows["level_db"], 1),
        "silent share of an utterance (least, median, most)": _range(rows["silence"], 2),
        "clipped utterances": int((rows["clipped"] > 0).sum()),
    }])  # fmt: skip


def _prosody(rows, folder):
    """How many recordings lack what DisVoice needs: F0, or any family of its features."""
    pool = Parallel(n_jobs=parallel.workers())
    found = pool(delayed(_undefined)(folder / path) for path in rows["path"])
    lacking = np.reshape(found, (-1, len(prosody.FAMILIES)))
    every = dict(zip(prosody.FAMILIES, lacking.sum(axis=0)))
    return {
        "without prosody (no F0)": int(lacking.all(axis=1).sum()),
        "without a family of prosody": ", ".join(f"{name} ({n})" for name, n in every.items()),
    }


def _undefined(file):
    return prosody.undefined_families(prosody.vector(audio.load(file)))


def _values(column, unit=""):
    """A column's values, each with its number of rows if there are several."""
    sizes = column.value_counts().sort_index()
    several = len(sizes) > 1
    return ", ".join(f"{value}{unit}{f' ({n})' * several}" for value, n in sizes.items())


def _range(column, digits):
    if column.empty:
        return "not known"
    return ", ".join(f"{v:.{digits}f}" for v in (column.min(), column.median(), column.max()))
