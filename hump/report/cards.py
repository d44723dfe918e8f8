"""The card of a saved model: ``README.md`` in its folder; the words are in ``card.md``."""

from pathlib import Path, PurePath

import jinja2
import pandas as pd

from hump import model as saved
from hump import results
from hump.params import Params, names
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
    template = jinja2.Template(
        Path(__file__).with_name("card.md").read_text(encoding="utf-8"),
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    words = template.render(
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
