"""What the paper and others claim, against what a study's result tables hold.

The claims are data (`ledger.yaml`); values come from tables under ``results/<study>/tables`` alone.
Verdicts, by the first rule that applies:

1. *not run*: a corpus of the claim is not in the study; or the table or its rows are not there, or
   are of other data.
2. *undecided*: the study's speech is synthetic, which says nothing about people; or the study
   differs from the claim in what the claim depends on (source, encoder, layers, classifier, label
   set, folds, share of training data), or what it depends on is not stated: value and interval are
   shown, but belong to another system.
3. A number: *undecided* without an interval, or with one wider than 20 points, in which almost any
   claim would lie; *supported* if the claim lies in it; else *contradicted*, and the side is said.
4. A mechanism: *supported* if the difference is above 0, its p after Holm's correction below
   1 - confidence and 0 not in its interval, *contradicted* if it is below 0 and the same holds,
   else *undecided*.
"""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict

from hump import evaluation, results
from hump.params import Params, names
from hump.params.folders import fold_schemes
from hump.util import text

_FILE = Path(__file__).with_name("ledger.yaml")
# Width of an interval above which a number is not decided.
WIDEST = 0.20
SYNTHETIC = "the study's speech is synthetic"
# System -> what classifies.
CLASSIFIERS = {names.PRETRAINED: "HuMP-CAT", names.PROBE: "linear SVM", names.SVM: "linear SVM"}
_CELL, _ENDS = ("corpus", "system", "fraction"), ("", "_low", "_high")
_WORDS = {"fraction": "{:.0%} of the data", "b": "against {}"}


class Claim(BaseModel):
    """A claim; the keys are explained in `ledger.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    claim: str
    kind: Literal["number", "mechanism", "published"]
    value: float | None = None
    metric: Literal["wa", "uar", "f1"]
    setting: str
    unseen: Literal["yes", "no", "unknown"]
    source: str
    corpora: tuple[str, ...]
    needs: dict[str, str]
    notebook: str
    table: str
    rows: dict
    rather: dict = {}


def claims(file=_FILE) -> list[Claim]:
    """Read the claims.

    Parameters
    ----------
    file : str or Path

    Returns
    -------
    list of Claim
    """
    return [Claim(**entry) for entry in yaml.safe_load(Path(file).read_text(encoding="utf-8"))]


def collect(params: Params, entries=None) -> pd.DataFrame:
    """Every claim with what the study measured and a verdict.

    Parameters
    ----------
    params : Params
    entries : list of Claim, optional
        By default those of `ledger.yaml`.

    Returns
    -------
    pandas.DataFrame
        One row a claim and row of its table (one where there is none): kind, claim, claimed (NaN of
        a mechanism), metric, setting, claim_unseen (whether its test speakers were), detail (which
        row), protocol (of ours), value, low, high; unseen, unseen_low, unseen_high (the same cell
        with test speakers unseen); p_holm, verdict, because, notebook, table, source.
    """
    entries = claims() if entries is None else entries
    return pd.DataFrame([line for claim in entries for line in _lines(claim, params)])


def _lines(claim, params):
    facts = {
        "kind": claim.kind, "claim": claim.claim,
        "claimed": np.nan if claim.value is None else claim.value, "metric": claim.metric,
        "setting": claim.setting, "claim_unseen": claim.unseen,
    }  # fmt: skip
    origin = {"notebook": claim.notebook, "table": f"{claim.table}.csv", "source": claim.source}
    nothing = dict.fromkeys(("value", "low", "high", "unseen", "unseen_low", "unseen_high",
                             "p_holm"), np.nan) | {"detail": "", "protocol": ""}  # fmt: skip
    rows, why = _rows(claim, params)
    absent = [name for name in claim.corpora if name not in params.corpus_names]
    if absent:
        rows, why = None, "corpus absent: " + ", ".join(absent)
    elif params.synthetic and claim.kind != "mechanism":
        rows, why = None, SYNTHETIC
    if rows is None:
        return [facts | nothing | {"verdict": "not run", "because": why} | origin]
    lines = []
    for _, row in rows.iterrows():
        measured = nothing | _measured(claim, row, params)
        verdict, because = _verdict(claim, measured, row, params)
        lines.append(facts | measured | {"verdict": verdict, "because": because} | origin)
    return lines


def _rows(claim, params, **instead):
    """Rows of the claim's table, or None, and why there are none."""
    path = results.table(params, claim.table)
    if claim.notebook in params.leave_out:
        return None, f"{claim.notebook} is left out of this study"
    if not path.is_file():
        corpus = claim.table.removeprefix("finetune_")
        if corpus != claim.table and corpus not in params.targets:
            return None, f"{corpus} is not a target of this study"
        return None, f"{path.name} is not there"
    table = pd.read_csv(path)
    if set(table["fingerprint"]) - {results.fingerprint(params)}:
        return None, f"{path.name} is of other data"
    wanted = claim.rows | instead
    if missing := [name for name in (*wanted, *claim.rather) if name not in table]:
        return None, f"{path.name} has no column {', '.join(missing)}"
    found = _matching(table, wanted, params)
    if found.empty:
        return None, f"{path.name} has no such row"
    better = _matching(found, claim.rather, params)
    return (found if better.empty else better), ""


def _matching(table, wanted, params):
    for name, value in wanted.items():
        value = params.headline if value == "headline" else value
        table = table[table[name].isin(value if isinstance(value, list) else [value])]
    return table


def _measured(claim, row, params):
    mechanism = claim.kind == "mechanism"
    name = "difference" if mechanism else claim.metric
    known = ("comparison", "corpus", "b", "fraction") if mechanism else _CELL
    detail = [_WORDS.get(n, "{}").format(row[n]) for n in known if n in row]
    found = {"protocol": row.get("protocol", "speaker_independent"), "detail": ", ".join(detail)}
    found |= {value: row[f"{name}{end}"] for value, end in zip(("value", "low", "high"), _ENDS)}
    if mechanism:
        return found | {"p_holm": row["p_holm"]}
    other = pd.DataFrame([row])  # the source is always cross-validated over speakers
    if "protocol" in claim.rows:
        other, _ = _rows(claim, params, protocol="speaker_independent")
    if other is None:
        return found
    return found | {f"unseen{end}": other.iloc[0][f"{name}{end}"] for end in _ENDS}


def _verdict(claim, measured, row, params):
    if params.synthetic:
        return "undecided", SYNTHETIC
    ours = _system(claim, row, params)
    wrong = [name for name, wanted in claim.needs.items() if ours[name] != wanted]
    if differs := "; ".join(f"{n} {ours[n]}, claimed with {claim.needs[n]}" for n in wrong):
        return "undecided", f"another system: {differs}"
    if claim.kind == "mechanism":
        return _on_mechanism(measured, row, params)
    low, high = measured["low"], measured["high"]
    if not high - low <= WIDEST:
        spans = f"the interval spans {100 * (high - low):.0f} points; at most {100 * WIDEST:.0f}"
        return "undecided", "no interval" if np.isnan(low) else f"{spans} decide"
    if low <= claim.value <= high:
        return "supported", "the claim lies in the interval"
    side = "lower" if claim.value > high else "higher"
    return "contradicted", f"measured {side} than claimed"


def _on_mechanism(measured, row, params):
    p, said = measured["p_holm"], {"better": "supported", "worse": "contradicted"}
    decided = said.get(evaluation.verdict(row, row["family"], params.evaluation))
    if decided:
        return decided, f"p = {p:.3g} (Holm)"
    because = f"p = {p:.3g} (Holm), {row['speakers']} speakers"
    if np.isfinite(row.get("detectable", np.nan)):
        because += f"; detectable: {row['detectable']:.3f}"
    return "undecided", because


def _system(claim, row, params):
    """What a row of this study was measured with, in the words of `ledger.yaml`."""
    corpus, system = row.get("corpus", params.source), row.get("system")
    return {
        "source": params.source, "labels": params.labels,
        "targets": ", ".join(sorted(params.targets)),
        # A hub name, perhaps with a revision, or a local folder.
        "encoder": Path(params.features.encoder.partition("@")[0]).name,
        "layers": " + ".join(map(str, params.features.layers)),
        "classifier": CLASSIFIERS.get(system, system),
        "folds": _folds(corpus, row, params),
        "share": text.percent(row["fraction"]) if "fraction" in row else "100 %",
    }  # fmt: skip


def _folds(corpus, row, params):
    if row.get("protocol") == "paper":
        return "speakers shared"
    return params.folds.get(corpus) or next(iter(fold_schemes(corpus)), "dealt")
