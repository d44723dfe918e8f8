"""One YAML file -> one frozen, validated object.

Every key is required and lives in the YAML alone: the code has no defaults. Whatever is wrong with
a file is reported in one message, each problem with its key, the value there and what is allowed.
"""

import difflib
import json
import re
from pathlib import Path

import yaml
from pydantic import ValidationError

from hump.errors import ParameterError
from hump.params.schema import Params
from hump.util.files import ROOT


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

    Examples
    --------
    >>> params = load_params("params/demo.yaml")
    >>> params.source, params.finetune.strategy
    ('demo_source', 'all')
    """
    file = find(path)
    try:
        return Params.model_validate_json(json.dumps(_read(file)))
    except ValidationError as error:
        problems = "\n".join(f"  - {_explain(problem)}" for problem in error.errors())
        count = f"{error.error_count()} problem{'s' * (error.error_count() > 1)}"
        raise ParameterError(f"{file}: {count}:\n{problems}") from None


def find(path) -> Path:
    """The file that `load_params` reads."""
    for file in (Path(path), ROOT / path):
        if file.is_file():
            return file
    known = sorted(f"params/{file.name}" for file in (ROOT / "params").glob("*.yaml"))
    raise ParameterError(f"{path}: no such parameter file; choose one of {', '.join(known)}")


def name_of(path) -> str:
    """A parameter file's path in the project, wherever that lies; the whole path of one outside."""
    file = find(path).resolve()
    return file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else str(file)


class _PlainLoader(yaml.SafeLoader):
    """A safe loader that refuses what YAML silently reads otherwise than it looks."""

    def construct_mapping(self, node, deep=False):
        """Refuse a key given twice, of which YAML keeps one, and a merge of other keys."""
        keys = []
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                _refuse("a merge key (<<) is not read; write the keys out", key)
            keys.append(self.construct_object(key, deep=True))  # 0.1 and 0.10 are one
            if keys[-1] in keys[:-1]:
                _refuse(f"key {key.value!r} is given twice; keep one", key)
        return super().construct_mapping(node, deep)

    def construct_number(self, node):
        """Refuse 010, which is 8, and 1:30, which is 90."""
        whole = node.tag.endswith(":int")
        value = (self.construct_yaml_int if whole else self.construct_yaml_float)(node)
        if not _DECIMAL.fullmatch(node.value):
            what = f"YAML reads {node.value} as {value}; write a plain decimal number, or text in"
            _refuse(f"{what} quotes", node)
        return value


_DECIMAL = re.compile(r"[-+]?(0|[1-9]\d*)?(\.\d*)?([eE][-+]?\d+)?|[-+]?\.inf|\.nan", re.IGNORECASE)
for _kind in ("int", "float"):
    _PlainLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _PlainLoader.construct_number)
# A date is text, and so is an equals sign.
for _kind in ("timestamp", "value"):
    _PlainLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", yaml.SafeLoader.construct_yaml_str)


def _refuse(what, node):
    raise yaml.constructor.ConstructorError(None, None, what, node.start_mark)


def _read(file):
    try:
        raw = yaml.load(file.read_text(encoding="utf-8"), Loader=_PlainLoader)
        json.dumps(raw)
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, ValueError) as error:
        raise ParameterError(f"{file}: is not a parameter file in YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ParameterError(f"{file}: holds {type(raw).__name__}, expected keys and values")
    return raw


_NUMBERS = ("float_type", "int_type")
# What is expected, the type of what stands there -> what to do.
_HINTS = (
    (_NUMBERS, str, " (YAML reads this as text: write 1.0e-3, not 1e-3, and no quotes)"),
    (_NUMBERS, bool, " (true, yes and on are no numbers in YAML: write digits)"),
    (("int_type",), float, " (a whole number has no point)"),
    (("string_type",), object, " (YAML reads this otherwise: put it in quotes)"),
    (("tuple_type",), object, " (put it in brackets: [a, b])"),
)


def _explain(problem) -> str:
    """One problem in a line: its key, the value there, what is allowed, what to do."""
    kind, value, text = problem["type"], problem["input"], problem["msg"]
    place = ".".join(str(part) for part in problem["loc"]).replace(".[key]", "")
    if kind == "missing":
        return f"{place}: is missing; add it"
    typed, allowed = str(value), []
    if kind == "extra_forbidden":
        typed, allowed = str(problem["loc"][-1]), _keys(problem["loc"][:-1])
        text = "unknown key"
    elif kind == "literal_error":
        allowed = re.findall("'(.+?)'", problem["ctx"]["expected"])
    else:
        text += next((hint for kinds, type_, hint in _HINTS
                      if kind in kinds and isinstance(value, type_)), "")  # fmt: skip
    if close := difflib.get_close_matches(typed, allowed, n=1):
        text += f"; did you mean {close[0]}?"
    elif kind == "extra_forbidden":
        text += f"; allowed are {', '.join(allowed)}"
    shown = json.dumps(value, ensure_ascii=False)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    text = text.removeprefix("Value error, ")
    return f"{place}={shown}: {text[0].lower()}{text[1:]}"


def _keys(place) -> list[str]:
    section = Params
    for part in place:
        section = section.model_fields[part].annotation
    return list(section.model_fields)
