"""The sections of a parameter file: names, types and what is allowed.

A module that computes may import this one; it does not change when a corpus is added.
"""

from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _distinct(values):
    if len(set(values)) < len(values):
        raise ValueError("holds a value twice; keep one of each")
    return values


def _not_empty(values):
    # Not by `min_length`, which counts valid values: it would report that of a mistyped one too.
    if not values:
        raise ValueError("must hold at least one value")
    return values


Item = TypeVar("Item")
Values = Annotated[tuple[Item, ...], AfterValidator(_distinct)]
Some = Annotated[Values[Item], AfterValidator(_not_empty)]
Fractions = Annotated[
    dict[Annotated[float, Field(ge=0, le=1)], Annotated[int, Field(ge=1)]],
    AfterValidator(_not_empty),
]
Layers = Some[Annotated[int, Field(ge=0)]]  # 0: the input of an encoder's first layer
Strategy = Literal["all", "head_first", "gradual", "l2sp", "joint"]
Experiment = Literal["05_fusion_ablation", "06_layer_sensitivity", "08_architecture", "11_encoders",
                     "12_transfer", "13_matrix", "14_diagnosis", "15_strategies"]  # fmt: skip
Joined = Literal["cross_attention", "concat"]
Head = Literal["am_softmax", "softmax"]
Positive = Annotated[int, Field(ge=1)]
Width = Annotated[int, Field(ge=2, multiple_of=2)]  # half for each direction of the LSTM
Crop = Annotated[float, Field(ge=0.5)]  # longest part of an utterance in training, seconds
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Optimizer = Literal["adam", "adamw"]
AboveZero = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """Base of all sections: frozen, every key required, no others, types as written in the YAML."""

    # Keys that say which jobs there are, and that no job reads.
    plan: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class TableCorpus(Section):
    """A user's own corpus, listed in a table; see `hump.corpora.table`."""

    table: str = Field(min_length=1, description="relative to HUMP_DATA, or an absolute path")
    language: str = Field(min_length=2, description="ISO 639 code")
    labels: dict[str, Literal["angry", "happy", "neutral", "sad"] | None] = Field(
        min_length=1, description="label in the table: the study's, or null if it is not used"
    )
    columns: dict[
        Literal["path", "speaker", "emotion", "sentence", "sex", "age", "session"], str
    ] = Field(default={}, description="columns of the table that are called otherwise")


class DemoParams(Section):
    """Size of the synthetic demo corpora; other corpora ignore it."""

    seed: Seed
    actors: int = Field(ge=3, description="actors of a corpus, at most as many as it has")
    sentences: int = Field(ge=2, description="sentences of a language")
    takes: int = Field(ge=1, description="recordings of one sentence in one emotion")


class MfccParams(Section):
    """Frames of the MFCC."""

    frame_ms: int = Field(ge=10, le=100, description="length of a frame")
    hop_ms: int = Field(ge=1, le=31, description="between frames; 8 fit into 0.25 s")
    window: Literal["hann", "hamming"]


class FeatureParams(Section):
    """Which encoder and layers, how precisely they are computed, and how they are stored."""

    encoder: str = Field(min_length=1, description="folder, hub name, or 'untrained', a control")
    layers: Layers
    pooled: bool = Field(description="store statistics of all layers too")
    mfcc: MfccParams
    dtype: Literal["float16", "float32"]
    precision: Literal["float32", "bfloat16"]
    context: Literal["own", "full"] = Field(description="full: padded where transformers pads")


class FusionParams(Section):
    """How each of the two stages joins its inputs."""

    stage1: Joined
    stage2: Joined
    concat_feed_forward: int = Field(ge=0, description="0: none after concatenation")


class ModelParams(Section):
    """The fusion model; see `hump.model.HumpCat`."""

    width: Width
    heads: Positive
    depth: Positive
    feed_forward: Positive
    norm: Literal["pre", "post"]
    dropout: BelowOne
    streams: Some[Literal["hubert", "mfcc", "prosody"]]
    layer_fusion: Literal["concat", "weighted_sum"]
    prosody_tokens: Literal[1, "groups"]
    fusion: FusionParams
    head: Head
    scale: AboveZero
    margin: BelowOne


class PretrainParams(Section):
    """Training on the source corpus."""

    plan = frozenset({"max_folds"})

    epochs: Positive
    patience: Positive
    batch_size: Positive
    learning_rate: AboveZero
    optimizer: Optimizer = Field(description="how weight decay is applied; without it they agree")
    weight_decay: NonNegative
    clip: NonNegative = Field(description="largest norm of a gradient; 0: no limit")
    crop_s: Crop
    balanced: bool = Field(description="weight classes by the inverse of their size")
    schedule: Literal["constant", "linear"] = Field(
        description="learning rate of the models that targets start from; linear: it falls to 0"
    )
    max_folds: int = Field(ge=3, description="of a corpus without folds of its own")


class ByStart(Section):
    """A setting for fine-tuning a pre-trained model, and for training one from scratch."""

    pretrained: AboveZero
    scratch: AboveZero


class ShareParams(Section):
    """The setting of a strategy: a share of the updates, or of each batch."""

    share: float = Field(gt=0, lt=1)


class L2SPParams(Section):
    """Penalties on the distance from the source's weights, and on the weights of a new head."""

    source: NonNegative
    new: NonNegative


class FinetuneParams(Section):
    """Training on a part of a target corpus."""

    plan = frozenset({"protocols", "fractions", "max_folds"})

    protocols: Some[Literal["speaker_independent", "paper"]]
    fractions: Fractions = Field(description="share of the training rows: how many trainings")
    starts: Some[Literal["pretrained", "scratch"]]
    max_folds: int = Field(ge=2, description="of a corpus without folds of its own")
    updates: Positive | None = Field(description="of the weights; null: `epochs` says")
    epochs: Positive | None = Field(description="passes over the training rows; null: `updates`")
    batch_size: Positive
    learning_rate: ByStart
    optimizer: Optimizer = Field(description="how weight decay is applied; without it they agree")
    weight_decay: NonNegative
    clip: NonNegative = Field(description="largest norm of a gradient; 0: no limit")
    crop_s: Crop
    balanced: bool = Field(description="weight classes by the inverse of their size")
    scaling_prior: NonNegative = Field(description="weight of the source's scaling, in utterances")
    strategy: Strategy = Field(description="see `hump.training.strategies`")
    head_first: ShareParams
    gradual: ShareParams
    l2sp: L2SPParams
    joint: ShareParams


class PlusParams(Section):
    """HuMP-CAT+: the mean of several trainings, each from a source model of its own; 0: none."""

    plan = frozenset({"members", "zero_shot"})

    members: Annotated[int, Field(ge=0)] = Field(description="fine-tuned on one draw, with probes")
    zero_shot: Annotated[int, Field(ge=0)] = Field(description="without target data")
    strategy: Strategy = Field(description="of its fine-tuning")
    scaling: Literal["training", "target"] = Field(
        description="of fine-tuned features: by training rows, or by all of the target's utterances"
    )
    sources: Literal["one", "others"] = Field(
        "one", description="the study's, or all corpora but the target, each scaled by itself"
    )

    def averaged(self, fraction: float) -> int:
        """Number of trainings that are averaged at a fraction of the target's data."""
        return self.members if fraction else self.zero_shot


class StrategyComparison(Section):
    """Fine-tuning strategies; validation speakers, taken from training speakers, choose one."""

    compared: Some[Strategy]
    scalings: Values[Literal["source", "target"]]
    fractions: Some[Annotated[float, Field(gt=0, le=1)]]
    draws: Positive
    folds: Positive = Field(description="of each target, at most")
    targets: Positive = Field(description="number of targets, at most")


class FewShotParams(Section):
    """A few utterances of each emotion, of one speaker or of many."""

    utterances: Some[Positive]
    draws: Positive
    folds: Positive = Field(description="of each target, at most")
    targets: Positive = Field(description="number of targets, at most")


class FractionParams(Section):
    """What 07 and 15 add to the fractions of `finetune`."""

    tolerance: BelowOne = Field(description="UAR below that of all data")
    strategies: StrategyComparison
    few_shot: FewShotParams


class LayerExperiment(Section):
    """06: which layers of the encoder."""

    untrained_control: bool = Field(description="the same with the untrained encoder")
    probe_folds: int = Field(ge=3, description="folds over speakers")


class SourcesExperiment(Section):
    """12: what makes source models carry over to the targets; 13: every corpus as a source."""

    trainings: Positive = Field(description="of each control, or source, with seeds of their own")
    tuned: Annotated[int, Field(ge=0)] = Field(description="trainings that are fine-tuned")


class ArchitectureExperiment(Section):
    """08: one setting of `model` changed at a time."""

    heads: Values[Positive]
    width: Values[Width]
    depth: Values[Positive]
    scale: Values[AboveZero]
    margin: Values[BelowOne]
    head: Values[Head]


class ExperimentParams(Section):
    """Variants of the model: 05 fusion, 06 layers, 08 architecture, 11 encoders."""

    folds: int = Field(ge=3, description="folds over the source's speakers")
    epochs: Positive = Field(description="at most; pretrain.patience holds too")
    repeats: Positive = Field(description="trainings of each fold, with other seeds")
    layers: LayerExperiment
    architecture: ArchitectureExperiment
    transfer: SourcesExperiment
    matrix: SourcesExperiment
    encoders: dict[str, Layers] = Field(min_length=2, description="the first against the others")


class DiagnosticsParams(Section):
    """Attention, calibration and embeddings of fine-tuned models."""

    folds: Positive = Field(description="of each target, at most")


class EvaluationParams(Section):
    """Confidence intervals."""

    resamples: int = Field(ge=100)
    confidence: float = Field(gt=0.5, lt=1)
