"""Cards: of a saved model, ``README.md`` in its folder, and of a corpus, ``cards/<corpus>.md``.

The words are in ``card.md`` and ``data_card.md``.
"""

from pathlib import Path, PurePath

import pandas as pd

from hump import corpora, results
from hump import model as saved
from hump.params import Params, folders, names
from hump.report.leads import templates
from hump.util import files, text


def write(folder, params: Params, metrics: pd.DataFrame, calibration: pd.DataFrame) -> Path:
    """Write the card of a model from the tables of the study.

    Parameters
    ----------
    folder : Path
        Of the model.
    params : Params
    metrics : pandas.DataFrame
        As `hump.evaluation.summarise`, of one corpus with unseen speakers.
    calibration : pandas.DataFrame
        As `hump.experiments.calibration.summarise`, of the same corpus.

    Returns
    -------
    Path
        The card.
    """
    net = saved.load(folder)
    own = metrics[metrics["system"] == names.PRETRAINED]
    own = own if "fraction" in own else own.assign(fraction=1.0)
    listed = results.corpora(params).set_index("corpus").loc[net.origin["trained_on"]]
    words = templates().get_template("card.md").render(
        name=folder.name, params=params, origin=net.origin, config=net.config, text=text,
        banners="; ".join(results.banners(params)) or "Recorded speech.",
        weights=sum(weight.numel() for weight in net.parameters()),
        corpora=list(listed.itertuples()), metrics=list(own.itertuples()),
        calibration=list(calibration.itertuples()),
        encoder=PurePath(net.origin["encoder"].split("@")[0]).name,
    )  # fmt: skip
    card = Path(folder) / "README.md"
    files.write_text(card, words.strip() + "\n")
    return card


def write_data(examination, recipe, params: Params) -> Path:
    """Write the card of a corpus: what it is, and what was found in this copy of it.

    Parameters
    ----------
    examination : hump.corpora.Examination
    recipe : hump.corpora.recipe.Recipe
        By which it was read.
    params : Params

    Returns
    -------
    Path
        The card.
    """
    used = corpora.used(examination.manifest)
    listed = results.corpora(params).set_index("corpus").loc[examination.name]
    words = templates().get_template("data_card.md").render(
        recipe=recipe, one=examination, params=params, used=used,
        banner=names.SYNTHETIC if recipe.name in folders.DEMO else "recorded speech",
        role=listed["role"], folds=listed["folds"], counts=used["emotion_raw"].value_counts(),
        labels=dict(used[["emotion_raw", "emotion"]].drop_duplicates().to_numpy()),
    )  # fmt: skip
    card = results.card(params, examination.name)
    files.write_text(card, words.strip() + "\n")
    return card
