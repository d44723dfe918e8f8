"""How to fine-tune what HuMP-CAT+ averages, from one source: recipes on validation speakers.

    HUMP_DATA=~/corpora python benchmarks/plus.py

For EMODB and EMOVO, in four folds each, some training speakers are held out, the others' rows
fine-tune, and those held out are predicted; the folds' test speakers are not read, but that the
scaling of some recipes takes means and deviations of all the corpus's features. The study is
`params/plus.yaml`, whose first three notebooks must have run. Writes `results/plus.json`.
"""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd

import hump
from hump import evaluation, training
from hump.experiments import protocol, runner, tuning
from hump.params import names

TARGETS, FOLDS, FRACTIONS = ("emodb", "emovo"), 4, (0.1, 1.0)
AS_OPEN = {"members": 3, "strategy": "all", "scaling": "training", "sources": "one"}
# What of `plus` differs from the recipe of `params/open.yaml`.
RECIPES = {
    "as in params/open.yaml": {},
    "its probes alone": {"members": 0},
    "scaled by all of the target": {"scaling": "target"},
    "joint with the source": {"strategy": "joint"},
    "joint, scaled by all of the target": {"strategy": "joint", "scaling": "target"},
}


def main():
    params = hump.load_params(Path(__file__).parents[1] / "params" / "plus.yaml")
    source = training.load(params.source, params)
    models = protocol.source_models(source, params, protocol.chosen_epochs(params))
    validated = pd.concat(
        _validated(name, corpus, fraction, source, models, params)
        for corpus in TARGETS for fraction in FRACTIONS for name in RECIPES
    )  # fmt: skip
    by, first = ["fraction"], next(iter(RECIPES))
    settings = params.evaluation
    cells = evaluation.cells(validated, [*by, "recipe"], settings, seed=params.seed)
    apart = evaluation.against(validated, by, "recipe", first, settings)
    table = cells.merge(apart, on=["corpus", *by, "recipe"], how="left", suffixes=("", "_apart"))
    kept = ["corpus", *by, "recipe", "speakers", "uar",
            "difference", "difference_low", "difference_high"]  # fmt: skip
    lines = table[kept].round(4).astype(object).where(table[kept].notna(), None)
    result = {"compared_with": first, "folds": FOLDS, "cells": lines.to_dict("records")}
    place = Path(__file__).parent / "results" / "plus.json"
    place.write_text(json.dumps(result, indent=1) + "\n")
    print(table[kept].to_string(index=False))


def _validated(name, corpus, fraction, source, models, params):
    """Predictions of one recipe for the held-out speakers of a target's folds."""
    plus = params.plus.model_copy(update=AS_OPEN | RECIPES[name])
    recipe = params.model_copy(update={"plus": plus})
    data = training.load(corpus, params)
    folds = tuning.inner_splits(data.rows, protocol.target_folds(data, params))[:FOLDS]
    calls = [{
        "source": source, "data": data, "folders": models[: plus.members],
        "params": recipe.only("seed", "model", "finetune", "plus", "device"),
        "protocol": "speaker_independent", "fraction": fraction, "repeat": 0, "number": number,
        "fold": replace(fold, validation=fold.test[:0], test=fold.validation),
    } for number, fold in enumerate(folds)]  # fmt: skip
    label = f"{corpus}, {100 * fraction:g} %, {name}"
    done = runner.run(protocol._plus_job, calls, params, label=label)
    facts = {"fraction": fraction, "repeat": 0, "rng_key": f"{params.seed} finetune"}
    rows = pd.concat(runner.predictions(data, result, **facts) for result in done)
    return rows[rows["system"] == names.PLUS].assign(recipe=name)


if __name__ == "__main__":
    main()
