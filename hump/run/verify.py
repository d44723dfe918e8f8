"""Is a published result what this machine gets? A study is run anew and compared table by table.

The study runs in folders of its own, with an empty cache, so that nothing finished is reused. A
table is *identical*; or it differs *within the noise of seeds*: no value by more than four standard
deviations of the difference of two runs with other seeds, as ``noise.csv`` beside the published
results has them, and no text in more rows than there; or it *does not reproduce*. Where seeds play
no part, other last digits, as another processor gives them, can still turn a prediction: twice what
they were found to do is allowed, too.
"""

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
import yaml

from hump.errors import HumpError
from hump.params import ROOT
from hump.run import publish, steps
from hump.util import files

IDENTICAL, WITHIN, OTHER = "identical", "within the noise of seeds", "does not reproduce"
PAGE = "verification.md"
# Columns that say what a row is about, in whatever table they are.
_KEYS = (
    "kind", "claim", "detail", "corpus", "role", "model", "protocol", "condition", "question",
    "comparison", "contrast", "a", "b", "within", "fraction", "data", "shots", "heard", "variant",
    "system", "encoder", "layer_a", "layer_b", "factor", "emotion", "component", "scaling",
    "moment", "groups", "fold", "epoch", "update", "stage", "direction", "block", "head", "status",
    "reason", "speaker", "emotion_raw",
)  # fmt: skip
# Of two runs with other seeds, one difference in 16,000 is larger than four standard deviations.
_REACH = 4.0 * np.sqrt(2)
# Other last digits than those of the published runs (see `hump.util.parallel.SAME_EVERYWHERE`), and
# how many times what they were found to do is allowed.
_REACH_OF_DIGITS = 2.0
_DIGITS = {"ATEN_CPU_CAPABILITY": "default"}
_NUMBER = r"^([-+]?\d+\.\d+) \["


def verify(folder, *, seeds=()) -> int:
    """Run a study anew and compare it with its published results.

    Parameters
    ----------
    folder : str or Path
        The published results: a folder named as the study, with ``tables/``.
    seeds : sequence of int
        If given, the study is run with each of these seeds in place of its own, and with other last
        digits; the noise is written beside the published results, and nothing is compared.

    Returns
    -------
    int
        0: everything is identical or within the noise; 1: something is not.

    Raises
    ------
    HumpError
        There are no such results, a file of them is not as it was published, or a run failed.
    """
    folder = Path(folder).resolve()
    params = publish.parameters(folder)
    if seeds:
        digits = _run(params, params.seed, digits=True)
        found = noise([_tables(folder), *(_run(params, seed) for seed in seeds)], digits)
        files.write_text(folder / publish.NOISE, found.to_csv(index=False, lineterminator="\n"))
        print(f"Noise of {len(seeds)} other seeds: {folder / publish.NOISE}")
        return 0
    known = pd.read_csv(folder / publish.NOISE) if (folder / publish.NOISE).is_file() else None
    found = compare(_tables(folder), _run(params, params.seed), known)
    text = page(found, folder, known is not None)
    file = _place(params, params.seed) / PAGE
    files.write_text(file, text)
    print(f"{text}\nThis page: {file}")
    return int((found["verdict"] == OTHER).any())


def _place(params, seed, digits=False):
    return ROOT / "results" / "verify" / f"{params.study}-seed{seed}{'-digits' if digits else ''}"


def _run(params, seed, *, digits=False):
    """Tables of the study, computed anew with a seed, and with other last digits if asked for."""
    place = _place(params, seed, digits)
    cache = ROOT / "cache" / "verify" / place.name
    file = place / f"{params.study}.yaml"
    settings = params.model_copy(update={"seed": seed}).model_dump(mode="json")
    files.write_text(file, yaml.safe_dump(settings, sort_keys=False))
    folders = {"HUMP_CACHE": str(cache), "HUMP_RESULTS": str(place)} | (_DIGITS if digits else {})
    command = [sys.executable, "-m", "hump", "run", str(file)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | folders, check=False)
    if done.returncode:
        raise HumpError(f"study={params.study}: the run with seed {seed} failed; see above")
    # Another call starts from nothing, an interrupted one goes on.
    shutil.rmtree(cache)
    shutil.rmtree(place / params.study / steps.RECORDS)
    return _tables(place / params.study)


def _tables(folder):
    return {file.stem: file for file in sorted((folder / "tables").glob("*.csv"))}


def noise(runs, digits) -> pd.DataFrame:
    """How far tables of runs with other seeds, and with other last digits, differ.

    Parameters
    ----------
    runs : list of dict of str to Path
        Files by the name of the table: those that were published, and of runs with other seeds.
        Tables whose rows are not those that were published are left out.
    digits : dict of str to Path
        Of the run with other last digits.

    Returns
    -------
    pandas.DataFrame
        Columns table, column, deviation, and digits. Deviation: standard deviation between seeds,
        root mean square over rows; of text the largest share of rows in which two runs differ.
        Digits: largest difference that other last digits made.
    """
    lines = []
    for name in sorted(runs[0]):
        own = _read(runs[0][name])
        if own.empty:
            continue
        seeds = [table for run in runs if name in run and _alike(own, table := _read(run[name]))]
        other = _read(digits[name]) if name in digits else own
        other = other if _alike(own, other) else own
        for column in own:
            values = [table[column] for table in seeds]
            if len(seeds) == 1:
                deviation = 0.0
            elif all(map(pd.api.types.is_numeric_dtype, values)):
                with np.errstate(invalid="ignore"):
                    variance = np.var(np.stack(values).astype(float), axis=0, ddof=1)
                deviation = np.sqrt(np.nanmean(variance)) if np.isfinite(variance).any() else 0.0
            else:
                deviation = max(_share(a, b) for a, b in itertools.combinations(values, 2))
            line = {"deviation": deviation, "digits": _apart(own[column], other[column])}
            lines.append({"table": name, "column": column, **line})
    return pd.DataFrame(lines, columns=["table", "column", "deviation", "digits"])


def _apart(a, b):
    """The largest difference of two columns; of text the share of rows that differ."""
    if not (pd.api.types.is_numeric_dtype(a) and pd.api.types.is_numeric_dtype(b)):
        return _share(a, b)
    apart = np.where((a == b) | (a.isna() & b.isna()), 0.0, np.abs(a - b))
    # A value that one side lacks is infinitely far off.
    return float(np.nan_to_num(apart, nan=np.inf).max(initial=0))


def _read(file):
    """A table by its keys, without what is said of the data; of texts with a number, the number."""
    table = pd.read_csv(file)
    for column in table.select_dtypes(exclude="number"):
        number = table[column].astype("string").str.extract(_NUMBER)[0].astype(float)
        if number.notna().any():
            table[column] = number
    table = table.astype({name: float for name in table.select_dtypes("bool")})
    keys = [name for name in _KEYS if name in table]
    if keys and not table.duplicated(keys).any():
        table = table.set_index(keys).sort_index()
    return table


def _alike(one, other):
    return one.index.equals(other.index) and list(one) == list(other)


def _share(one, other):
    return float(np.mean(one.fillna("").to_numpy() != other.fillna("").to_numpy()))


def compare(published, anew, noise=None) -> pd.DataFrame:
    """A verdict for each published table, and for each claim.

    Parameters
    ----------
    published, anew : dict of str to Path
        Files by the name of the table.
    noise : pandas.DataFrame, optional
        As `noise`; without it, only identical tables reproduce.

    Returns
    -------
    pandas.DataFrame
        Columns what (a table, or a claim), verdict, and because.
    """
    lines = []
    for name, file in published.items():
        verdict, because = OTHER, "the run has no such table"
        if name in anew:
            known = () if noise is None else noise[noise["table"] == name].itertuples()
            allowed = {row.column: (row.deviation, row.digits) for row in known}
            verdict, because = _compare(file, anew[name], allowed)
        lines.append({"what": f"{name}.csv", "verdict": verdict, "because": because})
        if name == "claims" and name in anew:
            lines += _claims(_read(file), _read(anew[name]))
    return pd.DataFrame(lines, columns=["what", "verdict", "because"])


def _compare(old, new, allowed):
    if old.read_bytes() == new.read_bytes():
        return IDENTICAL, ""
    one, other = _read(old), _read(new)
    if not _alike(one, other):
        return OTHER, "other rows or columns"
    worst, said = 0.0, ""
    for column in one:
        size = _apart(one[column], other[column])
        number = all(map(pd.api.types.is_numeric_dtype, (one[column], other[column])))
        words = f"{column}: {size:.3g}" if number else f"{column}: {100 * size:.0f} % of rows"
        deviation, digits = allowed.get(column, (0.0, 0.0))
        limit = max((_REACH if number else 1.0) * deviation, _REACH_OF_DIGITS * digits)
        ratio = size / limit if limit else np.inf if size else 0.0
        if ratio > worst:
            worst, said = ratio, f"largest difference, {words}; allowed {limit:.3g}"
    return (WITHIN if worst <= 1 else OTHER), said


def _claims(old, new):
    """Claims whose verdict is another one."""
    if not _alike(old, new):
        return []
    changed = old.index[(old["verdict"] != new["verdict"]).to_numpy()]
    return [
        {"what": "claim: " + ", ".join(str(part) for part in np.atleast_1d(key) if part == part),
         "verdict": OTHER,
         "because": f"published {old.loc[key, 'verdict']}, now {new.loc[key, 'verdict']}"}
        for key in changed
    ]  # fmt: skip


def page(found: pd.DataFrame, folder, measured: bool) -> str:
    """What was found, in Markdown.

    Parameters
    ----------
    found : pandas.DataFrame
        As `compare`.
    folder : Path
        Of the published results.
    measured : bool
        Whether the noise of seeds is known.

    Returns
    -------
    str
    """
    words = Path(__file__).with_name("verification.md").read_text(encoding="utf-8")
    worst = [OTHER, WITHIN, IDENTICAL]
    rows = found.sort_values("verdict", key=lambda v: v.map(worst.index), kind="stable")
    counts = found["verdict"].value_counts().reindex(worst[::-1], fill_value=0)
    facts = {"folder": folder, "counts": counts, "measured": measured, "noise": publish.NOISE}
    template = jinja2.Template(words, trim_blocks=True, keep_trailing_newline=True)
    return template.render(facts, rows=rows.itertuples())
