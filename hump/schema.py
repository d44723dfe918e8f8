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
Share = Annotated[float, Field(gt=0, lt=1)]
Strategy = Literal["all", "head_first", "gradual", "l2sp", "joint"]


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

    encoder: str = Field(min_length=1, description="folder, hub name, or 'untrained', a control")
    layers: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    pooled: Annotated[bool, Field(description="keep statistics of all layers too")]
    dtype: Literal["float16", "float32"]
    precision: Literal["float32", "bfloat16"]


class FusionParams(_Section):
    """How each of the two stages joins its inputs."""

    stage1: Literal["cross_attention", "concat"]
    stage2: Literal["cross_attention", "concat"]
    concat_feed_forward: Annotated[int, Field(ge=0, description="0: none after concatenation")]


class ModelParams(_Section):
    """The fusion model; see `hump.model.HumpCat`."""

    width: Positive
    heads: Positive
    depth: Positive
    feed_forward: Positive
    norm: Literal["pre", "post"]
    dropout: Probability
    streams: Annotated[tuple[Literal["hubert", "mfcc", "prosody"], ...], Field(min_length=1)]
    layer_fusion: Literal["concat", "weighted_sum"]
    prosody_tokens: Literal[1, "groups"]
    fusion: FusionParams
    head: Literal["am_softmax", "softmax"]
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


class HeadFirstParams(_Section):
    """Embedding and classifier alone for a share of the updates, then everything."""

    share: Share


class GradualParams(_Section):
    """One group of weights more at a time; after a share of the updates everything moves."""

    share: Share


class L2SPParams(_Section):
    """Pull towards the source's weights, and of a new classifier towards 0."""

    source: Annotated[float, Field(ge=0)]
    new: Annotated[float, Field(ge=0)]


class JointParams(_Section):
    """Source rows are a share of each batch."""

    share: Share


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
    strategy: Annotated[Strategy, Field(description="of the pre-trained model; hump.strategies")]
    head_first: HeadFirstParams
    gradual: GradualParams
    l2sp: L2SPParams
    joint: JointParams


class StrategyComparison(_Section):
    """Strategies beside one another, on validation speakers taken from training rows."""

    compared: Annotated[tuple[Strategy, ...], Field(min_length=1)]
    scalings: tuple[Literal["source", "target"], ...]
    fraction: Annotated[float, Field(gt=0, le=1)]
    draws: Positive
    folds: Positive
    targets: Positive


class FewShotParams(_Section):
    """A few utterances of each emotion, of one speaker or of many."""

    utterances: Annotated[tuple[Positive, ...], Field(min_length=1)]
    draws: Positive
    folds: Positive
    targets: Positive


class FractionParams(_Section):
    """What `07_fraction_curves` adds to the fractions of `finetune`."""

    tolerance: Annotated[float, Field(ge=0, lt=1, description="UAR below that of all data")]
    strategies: StrategyComparison
    few_shot: FewShotParams


class FusionExperiment(_Section):
    """05: each stream, stage and pair taken away."""

    targets: Annotated[tuple[str, ...], Field(description="corpora to fine-tune on, besides")]


class LayerExperiment(_Section):
    """06: which layers of the encoder."""

    untrained_control: Annotated[bool, Field(description="the same with the untrained encoder")]
    probe_folds: Annotated[int, Field(ge=3, description="groups of speakers left out in turn")]


class ArchitectureExperiment(_Section):
    """08: one factor at a time around the study's model."""

    heads: tuple[Positive, ...]
    width: tuple[Positive, ...]
    depth: tuple[Positive, ...]
    scale: tuple[Annotated[float, Field(gt=0)], ...]
    margin: tuple[Annotated[float, Field(ge=0, lt=1)], ...]
    head: tuple[Literal["am_softmax", "softmax"], ...]
    targets: Annotated[tuple[str, ...], Field(description="corpora on which the effect is shown")]


class ExperimentParams(_Section):
    """Variants of the model: 05 fusion, 06 layers, 08 architecture."""

    folds: Annotated[int, Field(ge=3, description="groups that the source's speakers are dealt to")]
    epochs: Annotated[int, Field(ge=1, description="at most; pretrain.patience holds too")]
    repeats: Annotated[int, Field(ge=1, description="trainings of each fold, with other seeds")]
    fusion: FusionExperiment
    layers: LayerExperiment
    architecture: ArchitectureExperiment


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
    experiments: ExperimentParams
    fraction_curves: FractionParams
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
