"""How figures look and are saved: one style, one palette, one footer."""

import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import seaborn as sns
from IPython.display import Image
from matplotlib.figure import Figure

from hump import results
from hump.params import Params, folders, names
from hump.util import files

# Okabe & Ito's colours, which readers with any colour vision tell apart.
BLUE, ORANGE, GREEN, PINK = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, RED, GREY, DARK = "#56B4E9", "#D55E00", "#999999", "#666666"
PALETTE = (BLUE, ORANGE, GREEN, PINK, SKY, RED, "#000000", "#F0E442")
# Systems differ by marker too, and emotions have colours of their own (Tol's muted scheme).
_SYSTEM_LOOKS = zip(names.ORDER, (RED, SKY, BLUE, ORANGE, PINK, GREEN, GREY), "PvosD^x")
SYSTEMS = {name: {"color": colour, "marker": marker} for name, colour, marker in _SYSTEM_LOOKS}
EMOTION_COLOURS = {
    "angry": "#882255", "happy": "#999933", "neutral": "#777777", "sad": "#332288",
    "fear": "#117733", "disgust": "#44AA99", "surprise": "#DDCC77", "boredom": "#88CCEE",
}  # fmt: skip
PROTOCOLS = {"speaker_independent": "speakers unseen", "paper": "speakers shared (paper)"}
# Lines at the UAR of guessing, and at no difference.
CHANCE = {"color": "#888888", "lw": 1, "ls": ":", "zorder": 0}
ZERO = {"color": "#888888", "lw": 1, "zorder": 0}
# Inches.
FOOTER_LINE = 0.12

_STYLES = (sns.axes_style("whitegrid"), sns.plotting_context("paper"),
           Path(__file__).with_name("hump.mplstyle"))  # fmt: skip
# Decorates what draws or saves; matplotlib's settings are afterwards as they were. Those of a user,
# who may want LaTeX in every text, do not count.
applied = plt.style.context(["default", *_STYLES])


def colour_of(emotion: str) -> str:
    """Colour of an emotion by the study's label or a corpus's own; of what is neither, black."""
    emotion = emotion.lower()
    return EMOTION_COLOURS.get(names.ALIKE.get(emotion, emotion), "#333333")


def systems(table, *, majority: bool = False) -> dict[str, dict]:
    """Systems of a table with their colours and markers, in the order of legends.

    Parameters
    ----------
    table : pandas.DataFrame
        Column system.
    majority : bool
        Whether the majority class counts as a system.

    Returns
    -------
    dict of str to dict
    """
    shown = set(table["system"]) - (set() if majority else {names.MAJORITY})
    return {name: look for name, look in SYSTEMS.items() if name in shown}


@applied
def save(figure, path) -> Figure:
    """Save a figure, without a footer.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or Path

    Returns
    -------
    matplotlib.figure.Figure
        The same, for a notebook to show.
    """
    with files.atomic(path) as file:
        # Without version and date: equal figures are equal files.
        kind = Path(path).suffix[1:]
        without = {"Software": None} if kind == "png" else {"Creator": None, "Date": None}
        figure.savefig(file, format=kind, metadata=without)
    plt.close(figure)
    return figure


@applied
def keep(
    figure, params: Params, name: str, caption: str, *, encoder: bool = True, about=None
) -> Image:
    """Save a figure of a study with its caption, for a notebook to show.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Gets a footer with the fingerprint of the corpora and what a reader must know of them.
    params : Params
    name : str
        Without ending.
    caption : str
        Is read without the notebook: what is shown, n, intervals.
    encoder : bool
        Whether HuBERT features are involved.
    about : collection of str, optional
        Corpora that are involved; by default all of the study.

    Returns
    -------
    IPython.display.Image
        The picture with its caption as its description; it is in ``figures/<name>.png`` and
        ``.svg``, its caption in ``<name>.txt``.
    """
    remark = results.brief(params, encoder=encoder, about=about)
    made_of = results.fingerprint(params)
    footer = f"study {params.study}, seed {params.seed}, corpora {made_of}"
    footer += f"  |  {remark}" if remark else ""
    lines = textwrap.wrap(footer, int(figure.get_figwidth() * 15))
    if not figure.get_supxlabel():
        figure.set_figheight(figure.get_figheight() + FOOTER_LINE * (len(lines) - 1))
    colour = "#b03a2e" if remark else DARK
    figure.supxlabel("\n".join(lines), fontsize=7, color=colour, x=0.01, ha="left")
    path = params.results / "figures" / f"{name}.png"
    for ending in (".png", ".svg"):
        save(figure, path.with_suffix(ending))
    caption = folders.title(caption)
    text = f"{caption} (corpora {made_of}{'; ' if remark else ''}{remark})\n"
    files.write_text(path.with_suffix(".txt"), text)
    return Image(filename=path, alt=caption, width=round(96 * figure.get_figwidth()))
