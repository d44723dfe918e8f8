"""The keys of a parameter file: names, types and what is allowed."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from hump import names

__all__ = ["ROOT", "Params"]

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
    """The streams: which encoder and layers, how exactly, and how they are stored."""

    encoder: str = Field(min_length=1, description="hub name, local folder, or 'untrained'")
    layers: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    pooled: Annotated[bool, Field(description="keep statistics of all layers too")]
    dtype: Literal["float16", "float32"]
    precision: Literal["float32", "bfloat16"]


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
    max_folds: Annotated[int, Field(ge=3, description="of a corpus without folds of its own")]


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
    max_folds: Annotated[int, Field(ge=2, description="of a corpus without folds of its own")]
    updates: Positive
    batch_size: Positive
    learning_rate: ByStart
    weight_decay: Annotated[float, Field(ge=0)]
    crop_s: Annotated[float, Field(ge=0.5, description="longest piece of an utterance, seconds")]
    balanced: Annotated[bool, Field(description="weight classes by the inverse of their size")]
    scaling_prior: Annotated[
        float, Field(ge=0, description="utterances that the source's feature scaling counts for")
    ]


class DiagnosticsParams(_Section):
    """How much is spent on looking into fine-tuned models."""

    folds: Annotated[int, Field(ge=1, description="of each target, at most so many")]


class EvaluationParams(_Section):
    """Intervals."""

    resamples: Annotated[int, Field(ge=100)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]


class Params(_Section):
    """All parameters of a study.

    Attributes mirror the keys of the YAML file. `labels` is ``shared`` (angry, happy, neutral, sad
    everywhere) or ``native`` (each target's own labels, with a new head on the source model).
    `folds` names, for a corpus, other folds than its usual ones; see `hump.corpora.folds`.
    """

    study: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    description: str
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    source: str
    targets: Annotated[tuple[str, ...], Field(min_length=1)]
    labels: Literal["shared", "native"]
    max_excluded: Probability
    folds: dict[str, str]
    device: Literal["cpu", "cuda", "auto"]
    demo: DemoParams
    features: FeatureParams
    model: ModelParams
    pretrain: PretrainParams
    finetune: FinetuneParams
    diagnostics: DiagnosticsParams
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
