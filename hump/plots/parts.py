"""What figures are made of: panels, legends, rows, and dots with intervals."""

import librosa
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from hump.params import folders
from hump.plots import style

# Heights in inches.
LEGEND, ROW = 0.7, 0.24


def size(table) -> str:
    """How many utterances, if the table says so, and speakers, for a title."""
    count = f"n={table['utterances'].max()}, " if "utterances" in table else ""
    return f"{count}{table['speakers'].max()} speakers"


def panels(titles, panel, *, columns=3, least=6.4, share="", xlabel="", ylabel="", **options):
    """Figure with a titled panel for each name, row by row.

    Parameters
    ----------
    titles : sequence
        Names of the panels, none twice.
    panel : tuple of float
        Width and height of a panel, in inches.
    columns : int
        Most panels in a row.
    least : float
        Smallest width of the figure, in inches.
    share : str
        Which axes panels share: ``x``, ``y`` or ``xy``.
    xlabel, ylabel : str
        Of the lowest panel of each column and of the first of each row.
    **options
        For `matplotlib.pyplot.subplots`.

    Returns
    -------
    matplotlib.figure.Figure
    dict
        Name -> axis.
    """
    columns = min(columns, len(titles))
    rows = -(-len(titles) // columns)
    inches = (max(least, panel[0] * columns), panel[1] * rows + LEGEND)
    options |= {"sharex": "x" in share, "sharey": "y" in share, "squeeze": False}
    figure, axes = plt.subplots(rows, columns, figsize=inches, **options)
    for axis in axes.flat[len(titles) :]:
        axis.remove()
    used = dict(zip(titles, axes.flat))
    for title, axis in used.items():
        axis.set_title(folders.title(str(title)))
    for axis in axes[:, 0]:
        axis.set_ylabel(ylabel)
    for axis in list(used.values())[-columns:]:
        axis.set_xlabel(xlabel)
        axis.tick_params(labelbottom=True)
    return figure, used


def stack(counts, width: float, **options):
    """Panels below one another, each as high as its number of rows demands.

    Parameters
    ----------
    counts : dict of str to int
        Title -> number of rows.
    width : float
        Of the figure, in inches.
    **options
        For `panels`.

    Returns
    -------
    As `panels`.
    """
    ratios = [count + 1 for count in counts.values()]
    height = 0.45 + ROW * np.mean(ratios)
    return panels(list(counts), (width, height), columns=1, height_ratios=ratios, **options)


def legend(figure, more=None, **options) -> Figure:
    """Add a legend above the panels, in as few rows as fit.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What its panels label is listed, each label once.
    more : dict of str to (str or dict), optional
        Further labels -> colours of dots, or how symbols look (`matplotlib.lines.Line2D`).
    **options
        For `matplotlib.figure.Figure.legend`.

    Returns
    -------
    matplotlib.figure.Figure
        The same.
    """
    entries = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels()):
            entries.setdefault(label, handle)
    for label, look in (more or {}).items():
        entries[label] = plt.Line2D([], [], **{"marker": "o", "ls": "", **_properties(look)})
    # Estimated, in inches.
    widths = [0.45 + 0.06 * len(label) for label in entries]
    room, columns = figure.get_figwidth(), len(entries)
    if sum(widths) > room:
        lines = -(-columns // max(1, int(room / max(widths))))
        columns = -(-columns // lines)
    figure.legend(entries.values(), entries, loc="outside upper center", ncols=columns, **options)
    return figure


def _properties(look):
    return look if isinstance(look, dict) else {"color": look}


def positions(values, order, number=0, count=1, step=0.1):
    """Places of values in an order, shifted a little for one of several groups.

    Without the shift, the intervals of groups would hide one another.

    Parameters
    ----------
    values : pandas.Series
    order : list
        Every value once.
    number, count : int
        The group, from 0, and how many there are.
    step : float
        Between groups; 1 is the distance of two values.

    Returns
    -------
    pandas.Series
    """
    return values.map(order.index) + step * (number - (count - 1) / 2)


def intervals(axis, table, value: str, at, *, upright: bool = False, **look) -> None:
    """Dots with their intervals, one for each row of a table.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    table : pandas.DataFrame
        Columns ``<value>``, ``<value>_low`` and ``<value>_high``; dots are open where the column
        ``hollow`` is true, if there is one.
    value : str
    at : pandas.Series or numpy.ndarray
        Places on the other axis.
    upright : bool
        Whether values are on the y axis.
    **look
        For `matplotlib.axes.Axes.errorbar`.
    """
    middle, low, high = (table[f"{value}{end}"].astype(float) for end in ("", "_low", "_high"))
    bars = np.clip([middle - low, high - middle], 0, None)
    x, y = (at, middle) if upright else (middle, at)
    look = {"marker": "o", "ls": "", "elinewidth": 1 if upright else 1.6, **look}
    axis.errorbar(x, y, **{"yerr" if upright else "xerr": bars}, **look)
    if "hollow" in table:
        open_ = table["hollow"]
        look = {"color": look["color"], "marker": look["marker"], "mfc": "white"}
        axis.plot(x[open_], y[open_], ls="", zorder=4, **look)


def curves(axis, table, x: str, value: str, looks, *, places, by: str = "system") -> None:
    """Lines of a value with its intervals, against evenly spaced places.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    table : pandas.DataFrame
        As for `intervals`.
    x : str
        Column; shares are written in percent.
    value : str
    looks : dict
        Group -> its colour, or how its line looks (`matplotlib.axes.Axes.errorbar`).
    places : list
        All values of ``x``, in order.
    by : str
        Column of groups.
    """
    # Between few places there is more room, but markers of one place must stay together.
    apart = min(0.1, 0.4 / len(looks)) * min(1, max(1, len(places) - 1) / 2)
    for number, (group, look) in enumerate(looks.items()):
        part = table[table[by] == group].sort_values(x)
        at = positions(part[x], places, number, len(looks), apart)
        look = {"ls": "-", "capsize": 1.5, "label": group, **_properties(look)}
        intervals(axis, part, value, at, upright=True, **look)
    labels = [f"{100 * place:g}" if x == "fraction" else place for place in places]
    axis.set_xticks(range(len(places)), labels)


def rows(axis, labels, **text) -> None:
    """Label the rows 0, 1, ... of a panel, the first on top."""
    axis.set_yticks(range(len(labels)), map(folders.title, labels), **text)
    axis.set_ylim(len(labels) - 0.5, -0.5)
    axis.grid(axis="y", visible=False)


def chance(axis, corpora, level) -> None:
    """Mark chance, a dict by corpus, in each corpus's row."""
    for number, corpus in enumerate(corpora):
        axis.plot([level[corpus]] * 2, [number - 0.5, number + 0.5], **style.CHANCE)


def beside(axis, y: float, text: str, **look) -> None:
    """Write a text to the right of a panel's row."""
    place = axis.get_yaxis_transform()
    axis.text(1.01, y, text, transform=place, **{"va": "center", "size": 7, **look})


def picture(axis, values, duration_s: float, top: float, **look) -> None:
    """Draw values, shape (rows, frames), over time; the lowest row is the first."""
    axis.imshow(values, origin="lower", aspect="auto", extent=(0, duration_s, 0, top), **look)
    axis.grid(visible=False)


def spectrogram(axis, signal) -> None:
    """Draw the level of a signal at 16 kHz by time and frequency (kHz), down to -70 dB."""
    power = np.abs(librosa.stft(signal, n_fft=512, hop_length=160)) ** 2
    level_db = librosa.power_to_db(power, ref=np.max)
    picture(axis, level_db, len(signal) / 16_000, 8, cmap="magma", vmin=-70)


@style.applied
def message(text: str) -> Figure:
    """A figure that says why there is nothing to show."""
    figure, axis = plt.subplots(figsize=(5.5, 1))
    axis.text(0, 0.5, text, va="center")
    axis.set_axis_off()
    return figure
