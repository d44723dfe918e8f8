"""Figures show what they are given, and say what it is made of."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from hump import names, plots, tables
from hump.plots.style import SYSTEM_COLOURS

SYSTEMS = list(SYSTEM_COLOURS)


@pytest.fixture
def cells():
    lines = [
        {"corpus": corpus, "protocol": kind, "fraction": fraction, "system": system,
         "uar": 0.3 + 0.4 * fraction, "uar_low": 0.25, "uar_high": 0.8, "utterances": 90,
         "speakers": 6}
        for corpus in ("de", "it") for kind in ("speaker_independent", "paper")
        for fraction in (0.0, 0.1, 1.0) for system in SYSTEMS
    ]  # fmt: skip
    return pd.DataFrame(lines)


def test_fraction_curves_show_values_and_intervals(cells):
    figure = plots.fraction_curves(cells.query("protocol == 'paper'"), 0.25)
    axis = figure.axes[0]
    assert [t.get_text() for t in axis.get_xticklabels()] == ["0", "10", "100"]
    curve = axis.containers[0]
    assert curve.lines[0].get_ydata().tolist() == pytest.approx([0.3, 0.34, 0.7])
    bars = [segment[:, 1].tolist() for segment in curve.lines[2][0].get_segments()]
    assert bars == [pytest.approx([0.25, 0.8])] * 3
    assert axis.get_title(loc="left") == "de  (n=90, 6 speakers)"


def test_every_system_is_in_the_legend(cells):
    one = cells.query("protocol == 'paper' and fraction == 0.1")
    for figure in (plots.forest(one, "t", 0.25), plots.fraction_curves(one, 0.25),
                   plots.protocol_gap(cells)):  # fmt: skip
        shown = {text.get_text() for text in figure.legends[0].get_texts()}
        assert shown >= set(SYSTEMS) - {"majority class"}


def test_no_gap_without_two_protocols(cells):
    figure = plots.protocol_gap(cells[cells["protocol"] == "paper"])
    assert "one protocol" in figure.axes[0].texts[0].get_text()


def test_confusion_is_in_percent_of_rows():
    counts = np.array([[3, 1, 0, 0], [0, 4, 0, 0], [0, 0, 2, 2], [0, 0, 0, 0]])
    figure = plots.confusion_matrices({"x": counts}, names.EMOTIONS)
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert shown[:2] == ["75", "25"] and shown[10:12] == ["50", "50"] and shown[-1] == "0"


def test_kept_figure_says_what_it_is_made_of(params):
    before = dict(mpl.rcParams)
    figure = plots.counts(
        pd.DataFrame({"corpus": ["a"], "speaker": ["s"], "emotion": ["sad"]}), ["sad"]
    )
    kept = plots.keep(figure, params, "x", "One utterance.")
    assert kept is figure
    assert "synthetic demo speech; untrained encoder" in figure._supxlabel.get_text()
    text = (params.results / "figures" / "x.txt").read_text()
    assert text == (
        f"One utterance. (corpora {tables.fingerprint(params)}; synthetic demo speech; "
        "untrained encoder)\n"
    )
    assert f"corpora {tables.fingerprint(params)}" in figure._supxlabel.get_text()
    first, height = (params.results / "figures" / "x.png").read_bytes(), figure.get_figheight()
    plots.keep(figure, params, "x", "One utterance.")
    assert (params.results / "figures" / "x.png").read_bytes() == first
    assert figure.get_figheight() == height, "grown once, by its footer"
    assert dict(mpl.rcParams) == before
