"""How figures look, and how they are kept: one style, one palette, one footer."""

import textwrap

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from hump import tables

__all__ = ["EMOTION_COLOURS", "PROTOCOLS", "SYSTEM_COLOURS", "colour_of", "keep", "style"]

# Okabe & Ito's colours, which readers with any colour vision tell apart.
SYSTEM_COLOURS = {
    "HuMP-CAT pre-trained": "#0072B2",
    "HuMP-CAT from scratch": "#E69F00",
    "SVM on eGeMAPS": "#009E73",
    "linear probe on HuBERT": "#CC79A7",
    "majority class": "#999999",
}
EMOTION_COLOURS = {"angry": "#D55E00", "happy": "#E69F00", "neutral": "#999999", "sad": "#0072B2"}
PROTOCOLS = {"speaker_independent": "speakers unseen", "paper": "speakers shared (paper)"}
# Inches.
FOOTER_LINE = 0.12

STYLE = {
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
}


def style():
    """Context in which figures are drawn; leaves matplotlib's own settings as they were."""
    return mpl.rc_context(STYLE)


def colour_of(emotion: str) -> str:
    """Colour of an emotion; labels outside the shared four are black."""
    return EMOTION_COLOURS.get(emotion, "#333333")


def keep(figure, params, name: str, caption: str, *, encoder: bool = True, about=None) -> Figure:
    """Save a figure and its caption beside the study's others, for a notebook to show.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Gets a footer that names the corpora's fingerprint and what a reader must know of them.
    params : Params
    name : str
        Without ending.
    caption : str
        Stands alone: what is shown, n, intervals.
    encoder : bool
        Whether HuBERT features are involved.
    about : collection of str, optional
        Corpora that are; by default all of the study.

    Returns
    -------
    matplotlib.figure.Figure
        The same; it is in ``figures/<name>.png``, its caption in ``<name>.txt``.
    """
    remark = tables.note(params, encoder=encoder, about=about)
    footer = f"study {params.study}, seed {params.seed}, corpora {tables.fingerprint(params)}"
    footer += f"  |  {remark}" if remark else ""
    lines = textwrap.wrap(footer, int(figure.get_figwidth() * 15))
    if not figure.get_supxlabel():
        figure.set_figheight(figure.get_figheight() + FOOTER_LINE * (len(lines) - 1))
    colour = "#b03a2e" if remark else "#666666"
    figure.supxlabel("\n".join(lines), fontsize=7, color=colour, x=0.01, ha="left")
    folder = params.results / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    # Without the version that matplotlib would write: equal figures are equal files.
    figure.savefig(path, metadata={"Software": None})
    text = f"{caption} (corpora {tables.fingerprint(params)}{'; ' if remark else ''}{remark})"
    path.with_suffix(".txt").write_text(text + "\n", encoding="utf-8")
    plt.close(figure)
    return figure
