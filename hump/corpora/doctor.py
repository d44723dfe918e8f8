"""Is a copy of a corpus whole, and can its labels be guessed without listening?"""

import hashlib
from dataclasses import dataclass

import pandas as pd

from hump import shortcuts, splits
from hump.corpora import counts, folds
from hump.corpora.recipe import in_use
from hump.schema import EvaluationParams

__all__ = ["Examination", "diagnose", "fingerprint"]

# What `examine` uses where there is no parameter file.
SETTINGS = EvaluationParams(resamples=1000, confidence=0.95)
MAX_FOLDS = 10
SEED = 1
# Not faults of the copy.
INTENDED = ("label outside the study", "of the other language")
SHOWN = 20


@dataclass(frozen=True, eq=False)
class Examination:
    """What the doctor found; a notebook shows it as a page, `print` as text.

    Attributes
    ----------
    name, title : str
    fingerprint : str
        See `fingerprint`.
    remark : str
        What must stand beside every result: a partial copy, a fault of the corpus.
    manifest : pandas.DataFrame
    account : pandas.DataFrame
        As `hump.corpora.counts.account`.
    published : pandas.DataFrame
        As `hump.corpora.counts.compare`.
    audio : pandas.DataFrame
        One row: what the files in use are like.
    problems : pandas.DataFrame
        Columns corpus, path, excluded: files that are not used though they might be.
    shortcuts : pandas.DataFrame
        As `hump.shortcuts.audit`.
    """

    name: str
    title: str
    fingerprint: str
    remark: str
    manifest: pd.DataFrame
    account: pd.DataFrame
    published: pd.DataFrame
    audio: pd.DataFrame
    problems: pd.DataFrame
    shortcuts: pd.DataFrame

    @property
    def mismatches(self) -> pd.DataFrame:
        """Published counts that were not found, absent speakers in one line."""
        return counts.mismatches(self.published)

    def _sections(self):
        differ = int(self.published["expected"].ne(self.published["found"]).sum())
        verdict = f"{differ} of {len(self.published)} published counts differ"
        if self.published.empty:
            verdict = "No counts are published"
        elif not differ:
            verdict = f"All {len(self.published)} published counts are met"
        more = f", {SHOWN} of {len(self.problems)}" if len(self.problems) > SHOWN else ""
        scores = ["condition", "system", "wa", "uar", "uar_low", "uar_high", "speakers"]
        yield verdict, self.mismatches.drop(columns="corpus")
        yield "Found = used + excluded", self.account.drop(columns="corpus")
        yield f"Files with a fault{more}", self.problems.drop(columns="corpus").head(SHOWN)
        yield "The audio in use", self.audio.drop(columns="corpus").T.reset_index()
        yield "What predicts the label without listening", self.shortcuts[scores].round(3)

    def __str__(self):
        parts = [self.title]
        parts += [f"NOTE: {self.remark}"] if self.remark else []
        for heading, table in self._sections():
            body = table.to_string(index=False, header="index" not in table)
            parts.append(f"{heading}\n{body if len(table) else '-'}")
        parts.append(f"Fingerprint of utterances, labels and audio: {self.fingerprint}")
        return "\n\n".join(parts)

    def _repr_html_(self):
        parts = [f"<h3>{self.title}</h3>"]
        parts += [f"<p><b>{self.remark}</b></p>"] if self.remark else []
        for heading, table in self._sections():
            parts.append(f"<h4>{heading}</h4>")
            if len(table):
                parts.append(table.to_html(index=False, header="index" not in table, border=0))
        end = f"Fingerprint of utterances, labels and audio: <code>{self.fingerprint}</code>"
        parts.append(f"<p>{end}</p>")
        return "\n".join(parts)


def diagnose(rows, recipe, remark, *, scheme=None, max_folds=MAX_FOLDS, settings=SETTINGS,
             seed=SEED) -> Examination:  # fmt: skip
    """Examine a corpus that was read.

    Parameters
    ----------
    rows : pandas.DataFrame
        Its manifest.
    recipe : Recipe
    remark : str
    scheme : str, optional
        Of its folds.
    max_folds : int
        Where it has no folds of its own.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    Examination
    """
    name = recipe.name
    used = rows[in_use(rows)].reset_index(drop=True)
    is_fault = rows["excluded"].notna() & ~rows["excluded"].str.startswith(INTENDED, na=False)
    own = splits.speaker_folds(used, max_folds, folds.frozen(name, scheme))
    return Examination(
        name=name,
        title=recipe.title,
        fingerprint=fingerprint(used),
        remark=remark,
        manifest=rows,
        account=counts.account(rows),
        published=counts.compare(rows),
        audio=_audio(used, recipe),
        problems=rows.loc[is_fault, ["corpus", "path", "excluded"]].reset_index(drop=True),
        shortcuts=shortcuts.audit(used, own, settings, seed=seed),
    )


def fingerprint(rows) -> str:
    """Identity of what a study uses of a corpus: equal for equal utterances, labels and audio.

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


def _audio(rows, recipe):
    rate = _values(rows["sampling_rate"], "Hz")
    if recipe.sampling_rate and (rows["sampling_rate"] != recipe.sampling_rate).any():
        rate += f"; published: {recipe.sampling_rate} Hz"
    duration, level = rows["duration_s"], rows["level_db"]
    return pd.DataFrame([{
        "corpus": recipe.name,
        "utterances": len(rows),
        "speakers": rows["speaker"].nunique(),
        "hours": round(duration.sum() / 3600, 2),
        "seconds (least, median, most)": _three(duration, 2),
        "sampling rate": rate,
        "channels": _values(rows["channels"], ""),
        "level in dB (least, median, most)": _three(level, 1),
        "silent share of an utterance (least, median, most)": _three(rows["silence"], 2),
        "clipped utterances": int((rows["clipped"] > 0).sum()),
    }])  # fmt: skip


def _values(column, unit):
    found = column.value_counts().sort_index()
    if len(found) == 1:
        return f"{found.index[0]} {unit}".strip()
    return ", ".join(f"{value} {unit}".strip() + f" ({n})" for value, n in found.items())


def _three(column, digits):
    return ", ".join(f"{v:.{digits}f}" for v in (column.min(), column.median(), column.max()))
