"""The answer first: a headline and one sentence with intervals, n and verdict, from tables.

The words are in ``answers.md``. A headline has at most 30 words. What is not decided is said once,
with the difference that the tests would have found.
"""

import functools
import html
from pathlib import Path
from typing import NamedTuple

import jinja2
import pandas as pd

from hump import evaluation
from hump.experiments import PRIMARY, fractions, fusion
from hump.params import Params, folders, names
from hump.util import text

DETAILS = f"\n\n{names.DETAILS}\n\n"


class Lead(NamedTuple):
    """An answer: verdict in a word or two, headline, and the sentence that shows it."""

    verdict: str
    headline: str
    sentence: str

    def __str__(self):
        return f"**{self.headline}** {self.sentence}"

    def then(self, name: str, *facts) -> str:
        """The lead, and below it the details, by a macro of ``answers.md``."""
        return f"{self}{DETAILS}{say(name, *facts)}"


@functools.cache
def templates(folder=Path(__file__).parent) -> jinja2.Environment:
    """The texts of a folder, with filters that write a table's values as everywhere."""
    settings = {"undefined": jinja2.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    prose = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), **settings)
    prose.filters |= {
        "uar": text.uar,
        "difference": text.difference,
        "percent": text.percent,
        "p": "{:.3g}".format,
        "signed": functools.partial(text.columns, sign=True),
        "title": folders.title,
        "escape": html.escape,
    }
    return prose


def say(name: str, *facts) -> str:
    """Text of a macro of ``answers.md``."""
    words = templates().get_template("answers.md").module
    return str(getattr(words, name)(*facts)).strip()


def lead(name: str, verdict: str, *facts) -> Lead:
    """A lead from the macros ``<name>_headline`` and ``<name>_sentence``."""
    words = (" ".join(say(f"{name}_{part}", *facts).split()) for part in ("headline", "sentence"))
    return Lead(verdict, *words)


def verdicts(rows: pd.DataFrame, params: Params) -> pd.Series:
    """Verdict of each row of paired tests; see `hump.evaluation.verdict`."""
    found = [evaluation.verdict(row, row.family, params.evaluation) for row in rows.itertuples()]
    return pd.Series(found, index=rows.index, dtype=object)


def counted(rows, params):
    """One verdict for all rows, verdicts by number of rows, and what undecided tests can find.

    The one verdict is the common one of those that are decided, else not decided.
    """
    found = verdicts(rows, params)
    decided = set(found) & {"better", "worse"}
    overall = "mixed" if len(decided) > 1 else next(iter(decided), "not decided")
    limits = rows.loc[~found.isin(decided)].get("detectable", pd.Series(dtype=float)).dropna()
    return overall, found.value_counts().to_dict(), limits


def about_fusion(comparisons: pd.DataFrame, params: Params) -> Lead:
    """Is cross-attention better than concatenation? (`hump.experiments.fusion.compare`)."""
    rows = comparisons[comparisons["question"] == PRIMARY]
    matched = list(rows[rows["b"] == fusion.MATCHED].itertuples())
    verdict, counts, limits = counted(rows, params)
    ahead = int((rows["difference"] > 0).sum())
    return lead("fusion", verdict, matched, len(rows), ahead, counts, limits)


def about_layers(comparisons: pd.DataFrame, params: Params) -> Lead:
    """Are the study's layers better than others? (`hump.experiments.layers.compare`)."""
    rows = comparisons[comparisons["question"] == PRIMARY]
    verdict, counts, limits = counted(rows, params)
    return lead("layers", verdict, params.source, list(rows.itertuples()), counts, limits)


def about_transfer(tests: pd.DataFrame, params: Params) -> Lead:
    """Does pre-training help, on average or for the only target? (`fractions.transfer`)."""
    rows = _last(tests[tests["protocol"] == "speaker_independent"])
    others, own = _at_headline(rows, params)
    said = {"transfer helps": "better", fractions.HURTS: "worse"}
    limit = getattr(own, "detectable", float("nan"))
    return lead("transfer", said.get(own.verdict, "not decided"), own, others, len(tests), limit)


def about_enough(points: pd.DataFrame, params: Params) -> Lead:
    """How much data is enough for the pre-trained model? (`fractions.breakpoints`)."""
    row = _last(points[points["system"] == names.PRETRAINED]).iloc[0]
    decided = row["breakpoint_high"] < row["full"]
    verdict = text.percent(row["breakpoint"]) if decided else "not decided"
    return lead("enough", verdict, row, params.fraction_curves.tolerance, decided)


def about_overlap(table: pd.DataFrame, params: Params) -> Lead:
    """How much do shared speakers flatter the pre-trained model? (`fractions.overlap`)."""
    rows = _last(table[table["system"] == names.PRETRAINED])
    others, own = _at_headline(rows, params)
    verdict = "higher" if own.difference_low > 0 else "lower" if own.difference_high < 0 else ""
    return lead("overlap", verdict or "not decided", own, others, verdict)


def about_tests(rows: pd.DataFrame, params: Params) -> Lead:
    """What may be said of the pre-trained model? (`hump.experiments.summary.comparisons`)."""
    verdict, counts, limits = counted(rows, params)
    clearest = rows.loc[rows["p"].idxmin()]
    return lead("claims", verdict, len(rows), counts, limits, clearest)


def about_main_claims(rows: pd.DataFrame, params: Params) -> Lead:
    """What became of the claims declared beforehand? (`hump.experiments.transfer.claims`)."""
    tests = list(zip(rows.itertuples(), verdicts(rows, params)))
    _, counts, limits = counted(rows, params)
    verdict = f"{counts.get('better', 0)} of {rows['family'].iloc[0]} supported"
    return lead("main_claims", verdict, tests, counts, limits)


def _last(rows):
    """Rows of the average over targets, which comes last, or of the only target."""
    return rows[rows["corpus"] == rows["corpus"].iloc[-1]]


def _at_headline(rows, params):
    """Rows of other fractions, and the row of the headline fraction or else of the largest."""
    at = rows["fraction"] == params.headline
    at = at if at.any() else rows["fraction"] == rows["fraction"].max()
    return rows[~at], next(rows[at].itertuples())


# Questions of the front page: title, table, lead, and the page that shows more.
QUESTIONS = (
    ("What may be claimed, over all targets?", "main_claims", about_main_claims, "claims"),
    ("Does attention help?", "fusion_comparisons", about_fusion, "fusion"),
    ("Are the study's layers the right ones?", "layers_comparisons", about_layers, "layers"),
    ("Does transfer help?", "transfer", about_transfer, "transfer"),
    ("How much data is enough?", "breakpoints", about_enough, "transfer"),
    ("How much does speaker overlap flatter?", "speaker_overlap", about_overlap, "transfer"),
)
