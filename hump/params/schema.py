"""All parameters of a study in one object."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from hump.params import checks, folders, sections
from hump.util.files import ROOT


class Params(sections.Section):
    """All parameters of a study.

    Attributes mirror the keys of the YAML file. `corpora` are the user's own, listed in tables.
    `average_without` names targets that a second average in the main table leaves out.
    `labels` is ``shared`` (angry, happy, neutral, sad everywhere) or ``native`` (each target's own
    labels, with a new head on the source model). `leave_out` names experiments that are not run;
    what is written of the study does without them. `folds` names, for a corpus, other folds than
    its usual ones; see `hump.corpora.folds`.
    """

    study: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    description: str
    seed: sections.Seed
    corpora: dict[str, sections.TableCorpus]
    source: str
    targets: sections.Some[str]
    average_without: sections.Values[str]
    labels: Literal["shared", "native"]
    leave_out: sections.Values[sections.Experiment]
    max_excluded: sections.BelowOne
    folds: dict[str, str]
    device: Literal["cpu", "cuda", "auto"]
    demo: sections.DemoParams
    features: sections.FeatureParams
    model: sections.ModelParams
    pretrain: sections.PretrainParams
    finetune: sections.FinetuneParams
    plus: sections.PlusParams
    experiments: sections.ExperimentParams
    fraction_curves: sections.FractionParams
    diagnostics: sections.DiagnosticsParams
    evaluation: sections.EvaluationParams

    @field_validator("*")
    @classmethod
    def _contradicts_nothing(cls, value, info):
        check = getattr(checks, info.field_name, lambda *_: ())
        problems = [
            InitErrorDetails(type=PydanticCustomError("contradiction", "{text}", {"text": text}),
                             loc=keys, input=shown)
            for keys, shown, text in check(value, info.data)
        ]  # fmt: skip
        if problems:
            raise ValidationError.from_exception_data(cls.__name__, problems)
        return value

    def only(self, *keys: str) -> "Params":
        """These parameters without the others, so that a job reads only what identifies it.

        Nor do they have what a section lists as its `plan`: with more fractions, say, a study goes
        on with the jobs that it has.

        Parameters
        ----------
        *keys : str
            Of the parameter file's first level, such as ``"seed", "model", "finetune"``.

        Returns
        -------
        Params
            Reading another key raises AttributeError.

        Raises
        ------
        KeyError
            There is no such key.
        """
        return Params.model_construct(**{key: _without_plan(vars(self)[key]) for key in keys})

    @property
    def corpus_names(self) -> tuple[str, ...]:
        """Names of the source and the targets, in this order."""
        return (self.source, *self.targets)

    @property
    def data(self) -> Path:
        """Folder that holds the user's corpora: HUMP_DATA, or data/ in the project."""
        return Path(os.environ.get("HUMP_DATA") or ROOT / "data").expanduser()

    @property
    def cache(self) -> Path:
        """Folder of what can be computed again: demo speech, features, finished jobs."""
        return Path(os.environ.get("HUMP_CACHE") or ROOT / "cache")

    @property
    def results(self) -> Path:
        """Folder of this study's results."""
        return Path(os.environ.get("HUMP_RESULTS") or ROOT / "results") / self.study

    @property
    def headline(self) -> float:
        """The fraction that stands for the study: the largest up to a third.

        The smallest above 0 if none is below 0.34.
        """
        fractions = [fraction for fraction in self.finetune.fractions if fraction > 0]
        return max((f for f in fractions if f < 0.34), default=min(fractions))

    def members(self, fraction: float) -> int:
        """Number of source models that one training at a fraction starts from, at least 1."""
        return max(1, self.plus.averaged(fraction))

    @property
    def stride(self) -> int:
        """Training `r` starts from the source models number `r * stride` and those that follow."""
        return max(map(self.members, self.finetune.fractions))

    @property
    def synthetic(self) -> bool:
        """Whether any corpus of the study is synthetic demo speech."""
        return any(name in folders.DEMO for name in self.corpus_names)

    def root(self, corpus: str) -> Path:
        """Folder that a corpus's own folder is in: `data`, or the cache for demo corpora."""
        if corpus not in folders.DEMO:
            return self.data
        demo = self.demo
        return self.cache / f"demo/seed{demo.seed}-{demo.actors}x{demo.sentences}x{demo.takes}"

    def table(self, corpus: str) -> Path:
        """The table of one of the user's own corpora."""
        return self.data / Path(self.corpora[corpus].table).expanduser()

    def folder(self, corpus: str) -> Path:
        """Folder of a corpus in this study; for the user's own, that of its table."""
        if corpus in self.corpora:
            table = self.table(corpus)
            return table if table.is_dir() else table.parent
        return folders.corpus_folder(corpus, self.root(corpus))


def _without_plan(value):
    if not getattr(value, "plan", None):
        return value
    return value.model_construct(**{k: v for k, v in vars(value).items() if k not in value.plan})
