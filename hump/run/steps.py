"""The steps of a study: what each needs, makes and depends on, and which have to be run.

A step is up to date if the code, notebook, parameters and corpora that it depends on, the files
that it needs and the files that it made all have the contents that they had when it was last run.
Which code that is follows from imports (`hump.util.code`). Dates of files decide nothing.
"""

import collections
import contextlib
import hashlib
import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from hump import corpora
from hump.errors import EncoderError
from hump.features import encoders
from hump.params import Params, folders
from hump.util import code, files
from hump.util.files import ROOT

# Folder of a record of each step that was run, and the name of the study's parameter file.
RECORDS = ".steps"
ORIGIN = f"{RECORDS}/params_file.json"
# A line each time that a step has run, to its end or not: its name, and how long it took.
SECONDS = f"{RECORDS}/seconds.txt"


@dataclass(frozen=True)
class Step:
    """A step of a study.

    Attributes
    ----------
    name : str
        ``{corpus}`` stands for a target; such a step is run once for each.
    notebook : str or None
        None for the step that writes the pages.
    needs, makes : tuple of str
        Files below the study's results; in `needs`, ``{corpus}`` stands for every target.
    threads : str
        ``all`` cores, a ``share`` of them (one step a target runs at a time), or ``one``.
    priority : int
        Steps that others wait for come first.
    corpus : str or None
        The target.
    """

    name: str
    notebook: str | None
    needs: tuple[str, ...]
    makes: tuple[str, ...]
    threads: str = "all"
    priority: int = 0
    corpus: str | None = None


def _step(name, needs=(), makes=(), **settings):
    notebook = None if name == "report" else name.removesuffix("_{corpus}")
    paths = (tuple(n if "." in n else f"tables/{n}.csv" for n in names) for names in (needs, makes))
    return Step(name, notebook, *paths, **settings)


_TEXT = Path(__file__).with_name("steps.yaml").read_text(encoding="utf-8")
TEMPLATES = tuple(_step(name, **said) for name, said in yaml.safe_load(_TEXT).items())


def plan(params: Params) -> list[Step]:
    """The steps of a study in an order in which they can be run.

    Parameters
    ----------
    params : Params

    Returns
    -------
    list of Step
        With targets in place of ``{corpus}``, executed notebooks among `makes`, and without the
        experiments that the study leaves out, of which nothing is among `needs`.
    """
    steps = []
    for step in TEMPLATES:
        if step.notebook in params.leave_out:
            continue
        for corpus in params.targets if "{corpus}" in step.name else (None,):
            name = step.name.format(corpus=corpus)
            needs = (file.format(corpus=other) for file in step.needs for other in params.targets)
            needs = tuple(dict.fromkeys(needs))
            executed = (f"notebooks/{name}.ipynb",) if step.notebook else ()
            makes = (*executed, *(file.format(corpus=corpus) for file in step.makes))
            steps.append(replace(step, name=name, needs=needs, makes=makes, corpus=corpus))
    made = [file for step in steps for file in step.makes]
    notebooks = tuple(file for file in made if file.startswith("notebooks/"))
    wanted = [step.needs + (() if step.notebook else notebooks) for step in steps]
    return [
        replace(step, needs=tuple(file for file in needs if file in made))
        for step, needs in zip(steps, wanted)
    ]


def key(step: Step, params: Params) -> str:
    """Hash of what a step depends on, the files that it needs apart.

    Parameters
    ----------
    step : Step
    params : Params

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    parts, package = [step.name, params.model_dump(mode="json")], ROOT / "hump"
    if step.notebook is None:
        parts.append(code.version("hump.report.site", "hump.report.provenance", package=package))
    else:
        cells = json.loads(notebook(step).read_text(encoding="utf-8"))["cells"]
        texts = [[cell["cell_type"], "".join(cell["source"])] for cell in cells]
        source = "\n".join(text for kind, text in texts if kind == "code")
        parts += [texts, code.version(source=source, package=package)]
    if step.name == "01_data":
        parts.append(_corpora(params))
    elif step.notebook:
        named = params.experiments.encoders if step.notebook == "11_encoders" else ()
        parts += [_encoder(name) for name in (params.features.encoder, *named)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _encoder(name):
    """Identity of an encoder, whose folder may hold another one tomorrow."""
    try:
        return encoders.find(name).fingerprint
    except EncoderError:
        return name  # the step that needs it says what is wrong


def notebook(step: Step) -> Path:
    """The source notebook of a step."""
    return ROOT / "notebooks" / f"{step.notebook}.ipynb"


def _corpora(params):
    """Hash of every file of the user's corpora, by relative path and content."""
    known = params.cache / "contents.json"
    before = files.read_json(known) or {}
    after, digest = {}, hashlib.sha256()
    for name in params.corpus_names:
        if name in folders.DEMO:
            continue  # made from the parameters
        for path in corpora.files(name, params):
            if not path.is_file():
                continue  # a link to nothing
            # Contents cannot change without the time of the inode, which no program can set back.
            state = path.stat()
            mark = f"{path} {state.st_size} {state.st_ino} {state.st_ctime_ns}"
            after[mark] = before.get(mark) or files.sha256(path)
            entry = f"{name}/{os.path.relpath(path, params.folder(name))} {after[mark]}\n"
            digest.update(entry.encode(errors="surrogateescape"))
    if after != before:
        files.write_text(known, json.dumps(after))
    return digest.hexdigest()


def is_current(step: Step, params: Params) -> bool:
    """Whether a step has nothing to do.

    Parameters
    ----------
    step : Step
    params : Params

    Returns
    -------
    bool
    """
    record = files.read_json(_record(step, params))
    return record is not None and record == read_by(step, params) | _made(step, params)


def read_by(step: Step, params: Params) -> dict:
    """What a step reads, by content.

    Parameters
    ----------
    step : Step
    params : Params

    Returns
    -------
    dict
        For `remember`. Taken before the step is run, so that what is edited meanwhile counts as
        changed.
    """
    return {"key": key(step, params), "needs": _contents(step.needs, params)}


def remember(step: Step, params: Params, read: dict) -> None:
    """Record that a step was run, from and to what contents.

    Parameters
    ----------
    step : Step
    params : Params
    read : dict
        `read_by`, as it was before.
    """
    record = read | _made(step, params)
    files.write_text(_record(step, params), json.dumps(record, indent=1) + "\n")


def spent(params: Params) -> dict[str, float]:
    """Minutes that each step has run for, attempts that were stopped among them.

    Parameters
    ----------
    params : Params

    Returns
    -------
    dict of str to float
        Longest first. Steps that ran side by side count in full.
    """
    file = params.results / SECONDS
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    minutes = collections.Counter()
    for name, seconds in map(str.split, lines):
        minutes[name] += float(seconds) / 60
    return {name: round(value, 1) for name, value in minutes.most_common()}


@contextlib.contextmanager
def timed(step: Step, params: Params):
    """Note how long a step runs, to its end or not; for `spent`."""
    file, started = params.results / SECONDS, time.monotonic()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # a full disk is told by the step
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8") as notes:
                notes.write(f"{step.name} {time.monotonic() - started:.1f}\n")


def frozen(params: Params) -> Path:
    """The parameter file as it was when the study's run began: what the steps read."""
    return params.results / "params.yaml"


def origin(params: Params) -> str | None:
    """Name of the parameter file that the study was run from, as `hump.params.load.name_of`."""
    return files.read_json(params.results / ORIGIN)


def _record(step, params):
    return params.results / RECORDS / f"{step.name}.json"


def _made(step, params):
    return {"makes": _contents(step.makes, params)}


def _contents(names, params):
    paths = {name: params.results / name for name in names}
    return {name: files.sha256(p) if p.is_file() else None for name, p in paths.items()}
