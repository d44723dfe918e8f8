"""One YAML file -> one frozen, validated object.

Every key is required and lives in the YAML alone: no default hides in the code. Whatever is wrong
with a file is reported in one message, each problem with its key, the value found and what is
allowed.
"""

import difflib
import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hump import names
from hump.errors import ParameterError

__all__ = ["ROOT", "Params", "load_params"]

ROOT = Path(__file__).resolve().parent.parent

Probability = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DemoParams(_Section):
    """Size of the synthetic demo corpora; corpora that are not synthetic ignore it."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    actors: Annotated[int, Field(ge=3, description="actors of a corpus, at most as many as it has")]
    sentences: Annotated[int, Field(ge=2, description="sentences of a language")]
    takes: Annotated[int, Field(ge=1, description="recordings of one sentence in one emotion")]


class FeatureParams(_Section):
    """The streams: which encoder and layers, and how they are stored."""

    encoder: str = Field(min_length=1, description="hub name, local folder, or 'untrained'")
    layers: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    dtype: Literal["float16", "float32"]


class FusionParams(_Section):
    """How each of the two stages joins its inputs."""

    stage1: Literal["cross_attention", "concat"]
    stage2: Literal["cross_attention", "concat"]


class ModelParams(_Section):
    """The fusion model; see `hump.model.HumpCat`."""

    width: Positive
    heads: Positive
    depth: Positive
    feed_forward: Positive
    norm: Literal["pre", "post"]
    dropout: Probability
    prosody_tokens: Literal[1, "groups"]
    fusion: FusionParams
    scale: Annotated[float, Field(gt=0)]
    margin: Annotated[float, Field(ge=0, lt=1)]


class PretrainParams(_Section):
    """Training on the source corpus."""

    epochs: Positive
    patience: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    crop_s: Annotated[float, Field(ge=0.5, description="longest piece of an utterance, seconds")]
    balanced: Annotated[bool, Field(description="weight classes by the inverse of their size")]
    max_folds: Annotated[int, Field(ge=3, description="more speakers than that share folds")]


class ByStart(_Section):
    """A setting that may differ between fine-tuning a pre-trained model and one from scratch."""

    pretrained: Annotated[float, Field(gt=0)]
    scratch: Annotated[float, Field(gt=0)]


class FinetuneParams(_Section):
    """Training on a part of a target corpus."""

    protocols: Annotated[tuple[Literal["speaker_independent", "paper"], ...], Field(min_length=1)]
    fractions: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1)]
    starts: Annotated[tuple[Literal["pretrained", "scratch"], ...], Field(min_length=1)]
    repeats: Positive
    max_folds: Annotated[int, Field(ge=2, description="more speakers than that share folds")]
    updates: Positive
    batch_size: Positive
    learning_rate: ByStart
    weight_decay: Annotated[float, Field(ge=0)]
    crop_s: Annotated[float, Field(ge=0.5, description="longest piece of an utterance, seconds")]
    balanced: Annotated[bool, Field(description="weight classes by the inverse of their size")]
    scaling_prior: Annotated[
        float, Field(ge=0, description="utterances that the source's feature scaling counts for")
    ]


class EvaluationParams(_Section):
    """Intervals."""

    resamples: Annotated[int, Field(ge=100)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]


class Params(_Section):
    """All parameters of a study.

    Attributes mirror the keys of the YAML file. `labels` is ``shared`` (angry, happy, neutral, sad
    everywhere) or ``native`` (each target's own labels, with a new head on the source model).
    """

    study: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    description: str
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    source: str
    targets: Annotated[tuple[str, ...], Field(min_length=1)]
    labels: Literal["shared", "native"]
    max_excluded: Probability
    device: Literal["cpu", "cuda", "auto"]
    demo: DemoParams
    features: FeatureParams
    model: ModelParams
    pretrain: PretrainParams
    finetune: FinetuneParams
    evaluation: EvaluationParams

    @property
    def corpora(self) -> tuple[str, ...]:
        """Names of the source and the targets, in this order."""
        return (self.source, *self.targets)

    @property
    def data(self) -> Path:
        """Folder that holds the user's corpora: HUMP_DATA, or data/ in the project."""
        return Path(os.environ.get("HUMP_DATA") or ROOT / "data").expanduser()

    @property
    def cache(self) -> Path:
        """Folder of what can be computed again: generated audio, features, finished jobs."""
        return ROOT / "cache"

    @property
    def results(self) -> Path:
        """Folder of this study's results."""
        return ROOT / "results" / self.study

    @property
    def synthetic(self) -> bool:
        """Whether any corpus of the study is synthetic demo speech."""
        return any(name in names.DEMO for name in self.corpora)


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
    problems = []
    source, targets = raw.get("source"), raw.get("targets")
    targets = targets if isinstance(targets, list) else []
    for key, name in [("source", source), *((f"targets.{i}", n) for i, n in enumerate(targets))]:
        if isinstance(name, str) and name not in names.CORPORA:
            close = difflib.get_close_matches(name, names.CORPORA, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            allowed = ", ".join(names.CORPORA)
            problems.append(f"{key}={_show(name)}: no such corpus; {hint}allowed are {allowed}")
    if source in targets:
        problems.append(
            f"targets={_show(targets)}: contradicts source={_show(source)}: "
            "a corpus cannot be source and target; take it from one of them"
        )
    for key in ("targets", "features.layers", "finetune.fractions", "finetune.protocols",
                "finetune.starts"):
        values = _get(raw, key)
        if isinstance(values, list) and len(values) != len({json.dumps(v) for v in values}):
            problems.append(f"{key}={_show(values)}: holds a value twice; keep one of each")
    width, heads = _get(raw, "model.width"), _get(raw, "model.heads")
    if isinstance(width, int) and isinstance(heads, int) and heads > 0 and width % heads:
        problems.append(
            f"model.heads={heads}: contradicts model.width={width}: "
            "the width must be a multiple of the number of heads"
        )
    fractions = _get(raw, "finetune.fractions")
    if isinstance(fractions, list) and 0 in fractions and raw.get("labels") == "native":
        problems.append(
            f"finetune.fractions={_show(fractions)}: 0 contradicts labels=\"native\": "
            "a new head cannot be tested without fine-tuning; drop 0 or use labels: shared"
        )
    return problems


def _get(raw, key):
    for part in key.split("."):
        raw = raw.get(part) if isinstance(raw, dict) else None
    return raw
