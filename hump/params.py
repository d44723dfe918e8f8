"""One YAML file -> one frozen, validated object.

Every key is required and lives in the YAML alone: no default hides in the code. Whatever is wrong
with a file is reported in one message, each problem with its key, the value found and what is
allowed.
"""

import difflib
import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from hump import names
from hump.errors import ParameterError
from hump.schema import ROOT, Params

__all__ = ["ROOT", "Params", "load_params"]


def load_params(path) -> Params:
    """Read and validate a parameter file.

    Parameters
    ----------
    path : str or Path
        A YAML file. A relative path is looked up in the current folder, then in the project's.

    Returns
    -------
    Params
        Frozen.

    Raises
    ------
    ParameterError
        The file is missing or not YAML, or has unknown, missing, mistyped or contradictory keys;
        one message names all of them.
    """
    file = _find(Path(path))
    raw = _read(file)
    try:
        params, problems = Params.model_validate_json(json.dumps(raw)), []
    except ValidationError as error:
        params, problems = None, [_explain(problem) for problem in error.errors()]
    problems += _contradictions(raw)
    if problems:
        listing = "\n".join(f"  - {problem}" for problem in problems)
        plural = "problem" if len(problems) == 1 else "problems"
        raise ParameterError(f"{file}: {len(problems)} {plural}:\n{listing}")
    return params


def _find(path):
    for candidate in (path, ROOT / path):
        if candidate.is_file():
            return candidate
    raise ParameterError(
        f"{path}: no such parameter file; choose one of "
        + ", ".join(sorted(f"params/{p.name}" for p in (ROOT / "params").glob("*.yaml")))
    )


class _UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, which YAML itself would take silently."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is given twice; keep one", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _read(file):
    try:
        raw = yaml.load(file.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
        json.dumps(raw)
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise ParameterError(f"{file}: is not a parameter file in YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ParameterError(f"{file}: holds {type(raw).__name__}, expected keys and values")
    return raw


def _explain(problem) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"{key}: is missing; add it"
    if problem["type"] == "extra_forbidden":
        known = _fields(problem["loc"][:-1])
        close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"allowed are {', '.join(known)}"
        return f"{key}={_show(problem['input'])}: unknown key; {hint}"
    text = f"{key}={_show(problem['input'])}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
    if problem["type"] in ("float_type", "int_type") and _is_number(problem["input"]):
        text += " (YAML reads this as text: write 1.0e-3, not 1e-3, and no quotes)"
    return text


def _fields(location) -> list[str]:
    section = Params
    for part in location:
        section = section.model_fields[part].annotation
    return list(section.model_fields)


def _show(value) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def _is_number(value) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _contradictions(raw: dict[str, Any]) -> list[str]:
    """Checks across keys, on the raw values, so that they stand beside all other problems."""
    checks = (
        _about_corpora, _about_folds, _about_lists, _about_the_model, _about_finetuning,
        _about_experiments,
    )  # fmt: skip
    return [problem for check in checks for problem in check(raw)]


def _about_corpora(raw):
    source, targets = raw.get("source"), raw.get("targets")
    targets = targets if isinstance(targets, list) else []
    for key, name in [("source", source), *((f"targets.{i}", n) for i, n in enumerate(targets))]:
        if isinstance(name, str) and name not in names.CORPORA:
            close = difflib.get_close_matches(name, names.CORPORA, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            allowed = ", ".join(names.CORPORA)
            yield f"{key}={_show(name)}: no such corpus; {hint}allowed are {allowed}"
    if source in targets:
        yield (
            f"targets={_show(targets)}: contradicts source={_show(source)}: "
            "a corpus cannot be source and target; take it from one of them"
        )


def _about_folds(raw):
    from hump.corpora import folds  # here, since it needs pandas, which most errors do not

    chosen, targets = raw.get("folds"), raw.get("targets")
    in_study = [raw.get("source"), *(targets if isinstance(targets, list) else [])]
    for name, scheme in chosen.items() if isinstance(chosen, dict) else []:
        key = f"folds.{name}={_show(scheme)}"
        if name not in in_study or name not in names.CORPORA:
            yield f"{key}: {name} is neither source nor target; take it out"
        elif scheme not in (known := folds.schemes(name)):
            what = f"allowed are {', '.join(known)}" if known else f"{name} has none of its own"
            yield f"{key}: no such folds; {what}"


def _about_lists(raw):
    for key in ("targets", "features.layers", "finetune.fractions", "finetune.protocols",
                "finetune.starts", "model.streams", "fraction_curves.strategies.compared",
                "fraction_curves.strategies.scalings",
                "fraction_curves.few_shot.utterances"):  # fmt: skip
        values = _get(raw, key)
        if isinstance(values, list) and len(values) != len({json.dumps(v) for v in values}):
            yield f"{key}={_show(values)}: holds a value twice; keep one of each"


def _about_the_model(raw):
    width, heads = _get(raw, "model.width"), _get(raw, "model.heads")
    if not (isinstance(width, int) and isinstance(heads, int) and heads > 0):
        return
    if width % heads:
        yield (
            f"model.heads={heads}: contradicts model.width={width}: "
            "the width must be a multiple of the number of heads"
        )
    if width % 2:
        yield f"model.width={width}: must be even, half of it for each direction of the LSTM"


def _about_finetuning(raw):
    for key, needed, why in (
        ("protocols", "speaker_independent", "the study's tables are of speakers unseen"),
        ("starts", "pretrained", "it is what the study is about"),
    ):
        values = _get(raw, f"finetune.{key}")
        if isinstance(values, list) and values and needed not in values:
            yield f"finetune.{key}={_show(values)}: must hold {needed}, {why}; add it"
    fractions = _get(raw, "finetune.fractions")
    if fractions == [0]:
        yield f"finetune.fractions={_show(fractions)}: must hold one above 0; add it"
    if isinstance(fractions, list) and 0 in fractions and raw.get("labels") == "native":
        yield (
            f'finetune.fractions={_show(fractions)}: 0 contradicts labels="native": '
            "a new head cannot be tested without fine-tuning; drop 0 or use labels: shared"
        )
    if raw.get("labels") == "native":
        for key in ("finetune.strategy", "fraction_curves.strategies.compared"):
            value = _get(raw, key)
            if value == "joint" or (isinstance(value, list) and "joint" in value):
                yield (
                    f'{key}={_show(value)}: joint contradicts labels="native": source rows have no '
                    "label of the target's; take joint out or use labels: shared"
                )
    compared = _get(raw, "fraction_curves.strategies.compared")
    strategy = _get(raw, "finetune.strategy")
    if isinstance(compared, list) and isinstance(strategy, str) and strategy not in compared:
        yield (
            f"fraction_curves.strategies.compared={_show(compared)}: must hold "
            f"finetune.strategy={_show(strategy)}, with which the others are compared; add it"
        )


def _about_experiments(raw):
    for name in ("fusion", "architecture"):
        wanted, targets = _get(raw, key := f"experiments.{name}.targets"), raw.get("targets")
        if isinstance(wanted, list) and isinstance(targets, list):
            for corpus in (c for c in wanted if c not in targets):
                yield f"{key}: {_show(corpus)} is not in targets={_show(targets)}; take it out"
    width, heads = _get(raw, "model.width"), _get(raw, "model.heads")
    key = "experiments.architecture"
    grid = [(f"{key}.width={w}", w, heads) for w in _numbers(raw, f"{key}.width")]
    grid += [(f"{key}.heads={h}", width, h) for h in _numbers(raw, f"{key}.heads")]
    for name, wide, parts in grid:
        known = isinstance(wide, int) and isinstance(parts, int) and parts > 0
        if known and (wide % parts or wide % 2):
            yield (
                f"{name}: makes a model of width {wide} and {parts} heads; the width must be even "
                "and a multiple of the number of heads"
            )


def _numbers(raw, key):
    values = _get(raw, key)
    return [v for v in values if isinstance(v, int)] if isinstance(values, list) else []


def _get(raw, key):
    for part in key.split("."):
        raw = raw.get(part) if isinstance(raw, dict) else None
    return raw
