"""What contradicts what in a parameter file, beyond the type of each key.

Each public function is named after a key of `hump.params.schema.Params`. It is given the value of
that key, and in `known` the valid values of the keys above it. It yields, for each problem, the
keys that lead from that value to it, what stands there, and what is wrong.
"""

import difflib
import re

from hump.params.folders import CORPORA, fold_schemes


def corpora(corpora, _):
    """The user's own corpora have names of their own, and labels that a study can compare."""
    for name, corpus in corpora.items():
        if name in CORPORA:
            yield (name,), name, "is a corpus that the project knows; choose another name"
        elif not re.fullmatch("[a-z][a-z0-9_]*", name):
            yield (name,), name, "is no name; use small letters, digits and underscores"
        if len(set(corpus.labels.values()) - {None}) < 2:
            text = "maps to fewer than two of angry, happy, neutral and sad; a study needs two"
            yield (name, "labels"), corpus.labels, text


def source(source, known):
    """The source is a corpus."""
    yield from _unknown((), source, known)


def _unknown(keys, corpus, known):
    allowed = [*CORPORA, *known.get("corpora", {})]
    if "corpora" in known and corpus not in allowed:
        close = difflib.get_close_matches(corpus, allowed, n=1)
        text = f"no such corpus; choose one of {', '.join(allowed)}, or list yours under corpora"
        yield keys, corpus, text + (f"; did you mean {close[0]}?" if close else "")


def targets(targets, known):
    """Targets are corpora, and the source is not among them."""
    for place, corpus in enumerate(targets):
        yield from _unknown((place,), corpus, known)
    if (source := known.get("source")) in targets:
        text = "a corpus cannot be source and target; take it from one of them"
        yield (), targets, f'contradicts source="{source}": {text}'


def average_without(corpora, known):
    """What an average leaves out are targets, and at least two others are left."""
    targets = known.get("targets", corpora)
    for place, corpus in enumerate(corpora):
        if corpus not in targets:
            text = f"is not one of targets={', '.join(targets)}; take it out"
            yield (place,), corpus, text
    if corpora and "targets" in known and len(set(targets) - set(corpora)) < 2:
        yield (), corpora, "leaves fewer than two targets for an average; take one out"


def folds(folds, known):
    """Folds are chosen for corpora of the study that come with such folds."""
    for corpus, scheme in folds.items() if known.keys() >= {"source", "targets"} else ():
        if corpus not in (known["source"], *known["targets"]):
            yield (corpus,), scheme, f"{corpus} is neither source nor target; take it out"
        elif scheme not in (schemes := fold_schemes(corpus)):
            allowed = f"allowed are {', '.join(schemes)}" if schemes else f"{corpus} has none"
            yield (corpus,), scheme, f"no such folds; {allowed}"


def features(features, _):
    """Frames of the MFCC leave nothing out."""
    if features.mfcc.hop_ms > (length := features.mfcc.frame_ms):
        text = f"is longer than frame_ms={length}, so that audio between frames would not count"
        yield ("mfcc", "hop_ms"), features.mfcc.hop_ms, f"{text}; make it shorter"


def model(model, _):
    """Attention heads share the width evenly."""
    if model.width % model.heads:
        text = "the width must be a multiple of the number of heads"
        made = f"makes a model of width {model.width} and {model.heads} heads"
        yield ("heads",), model.heads, f"{made}; {text}"


def finetune(finetune, known):
    """The study has what its tables show, and its labels allow it."""
    for key, needed, why in (
        ("protocols", "speaker_independent", "the study's tables are of unseen speakers"),
        ("starts", "pretrained", "it is what the study is about"),
    ):
        if needed not in (values := getattr(finetune, key)):
            yield (key,), values, f"must hold {needed}, {why}; add it"
    if (finetune.updates is None) == (finetune.epochs is None):
        text = "one of updates and epochs says how long to train, the other is null; change one"
        yield ("epochs",), finetune.epochs, text
    if max(finetune.fractions) == 0:
        yield ("fractions",), finetune.fractions, "must hold one above 0; add it"
    if 0 in finetune.fractions and known.get("labels") == "native":
        text = "a new head cannot be tested without fine-tuning; drop 0 or use labels: shared"
        yield ("fractions",), finetune.fractions, f'0 contradicts labels="native": {text}'
    yield from _joint(("strategy",), finetune.strategy, known)


def plus(plus, known):
    """The labels allow the strategy and the sources of HuMP-CAT+."""
    yield from _joint(("strategy",), plus.strategy, known)
    if plus.sources == "others" and known.get("labels") == "native":
        text = "the corpora have no labels in common; use sources: one or labels: shared"
        yield ("sources",), plus.sources, f'others contradicts labels="native": {text}'


def _joint(keys, value, known):
    if "joint" in value and known.get("labels") == "native":
        text = "source rows have no label of the target's; take joint out or use labels: shared"
        yield keys, value, f'joint contradicts labels="native": {text}'


def experiments(experiments, known):
    """The models of experiments can be built, and are tested on something."""
    for key, notebook in (("transfer", "12_transfer"), ("matrix", "13_matrix")):
        run = known.keys() >= {"leave_out", "finetune"} and notebook not in known["leave_out"]
        if run and 0 not in known["finetune"].fractions and not getattr(experiments, key).tuned:
            text = f"nothing is left for {notebook} without 0 in finetune.fractions"
            yield (key, "tuned"), 0, f"{text}; add 0, raise tuned, or leave {notebook} out"
    if (tuned := experiments.matrix.tuned) > experiments.matrix.trainings:
        text = f"is more than matrix.trainings={experiments.matrix.trainings}, of which it is part"
        yield ("matrix", "tuned"), tuned, text
    for key in ("width", "heads") if "model" in known else ():
        for place, value in enumerate(getattr(experiments.architecture, key)):
            changed = known["model"].model_copy(update={key: value})
            for *_, text in model(changed, known):
                yield ("architecture", key, place), value, text


def fraction_curves(fraction_curves, known):
    """The strategy of `finetune` is among those compared, and the labels allow all of them."""
    keys, compared = ("strategies", "compared"), fraction_curves.strategies.compared
    yield from _joint(keys, compared, known)
    if "finetune" in known and (strategy := known["finetune"].strategy) not in compared:
        text = f'must hold finetune.strategy="{strategy}", with which the others are compared'
        yield keys, compared, f"{text}; add it"
