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


def test_attention_figure_has_a_line_a_head_and_says_where_there_is_no_choice():
    heads = [
        {"stage": stage, "direction": direction, "block": 1, "head": head, "update": update,
         "keys": 1.0 if np.isnan(value) else 30.0, "entropy": value, "entropy_low": value - 0.01,
         "entropy_high": value + 0.01}
        for stage, direction, value in (
            ("stage1", "MFCC to prosody", np.nan), ("stage1", "prosody to MFCC", 0.97)
        )
        for head in (1, 2) for update in (0, 10)
    ]  # fmt: skip
    figure = plots.attention_entropy(pd.DataFrame(heads))
    one_key, many = figure.axes
    assert "no choice" in one_key.texts[0].get_text() and not one_key.containers
    assert [bar.lines[0].get_ydata().tolist() for bar in many.containers] == [[0.97, 0.97]] * 2
    assert many.get_title(loc="left") == "Stage 1: prosody looks at MFCC\n30 keys (median)"
    assert "Neither stage" in plots.attention_entropy(pd.DataFrame()).axes[0].texts[0].get_text()


def test_reliability_has_a_panel_a_cell_and_says_its_error():
    cells = pd.DataFrame({
        "fraction": [0.0, 0.1], "scaling": ["none", "temperature"], "temperature": [1.0, 2.5],
        "ece": 0.123, "ece_by_chance": 0.05, "utterances": 40, "speakers": 4,
    })  # fmt: skip
    bins = pd.DataFrame({
        "fraction": [0.0, 0.1, 0.1], "scaling": ["none", "temperature", "temperature"],
        "bin": [0.95, 0.55, 0.85], "utterances": [40, 3, 37], "confidence": [0.9, 0.5, 0.8],
        "accuracy": [0.6, 0.5, 0.7], "accuracy_low": 0.4, "accuracy_high": 0.8,
    })  # fmt: skip
    figure = plots.reliability(bins, cells)
    first, second, counts, more = figure.axes
    assert [bar.get_height() for bar in first.patches] == [0.6]
    assert [bar.get_height() for bar in second.patches] == [0.5, 0.7]
    assert second.patches[0].get_facecolor() != second.patches[1].get_facecolor(), "few are pale"
    assert [bar.get_height() for bar in (*counts.patches, *more.patches)] == [40, 3, 37]
    assert "10 % of data, temperature 2.50\nECE 0.123" in second.get_title(loc="left")


def test_label_rates_are_in_percent():
    lines = [
        {"fraction": fraction, "system": system, "emotion": emotion, "true_rate": 0.25,
         "predicted_rate": 0.4, "predicted_rate_low": 0.3, "predicted_rate_high": 0.5,
         "difference": 0.15, "difference_low": 0.05, "difference_high": 0.25, "utterances": 40,
         "speakers": 4}
        for fraction in (0.0, 0.1) for system in SYSTEMS for emotion in names.EMOTIONS
    ]  # fmt: skip
    table = pd.DataFrame(lines)
    left, right = plots.label_rates(table, SYSTEMS[0]).axes
    assert left.containers[0].lines[0].get_ydata().tolist() == pytest.approx([40, 40])
    assert right.containers[0].lines[0].get_ydata().tolist() == pytest.approx([15, 15])
    shown = [text.get_text() for text in left.get_legend().get_texts()]
    assert set(shown) == set(SYSTEMS) - {"majority class"}
    nothing = plots.label_rates(table[table["emotion"] != "neutral"], SYSTEMS[0])
    assert "no neutral" in nothing.axes[0].texts[0].get_text()


def test_embeddings_show_every_point_and_the_silhouettes():
    points = pd.DataFrame({
        "moment": ["before"] * 5 + ["after"] * 5, "corpus": ["a", "a", "b", "b", "b"] * 2,
        "emotion": [*names.EMOTIONS, "sad"] * 2, "x": range(10), "y": range(10),
    })  # fmt: skip
    separation = pd.DataFrame({
        "moment": ["before", "before", "after", "after"], "groups": ["emotions", "corpora"] * 2,
        "silhouette": [0.1, 0.2, 0.3, 0.4],
    })  # fmt: skip
    figure = plots.embeddings(points, separation, "a")
    assert [len(c.get_offsets()) for c in figure.axes[0].collections] == [2, 3]
    assert "target 0.30, corpora 0.40" in figure.axes[1].get_title(loc="left")
    assert [t.get_text() for t in figure.legends[0].get_texts()][-2:] == ["a (n=2)", "b (n=3)"]


def test_kept_figure_says_what_it_is_made_of(params):
    before = dict(mpl.rcParams)
    figure = plots.counts(
        pd.DataFrame({"corpus": ["a"], "speaker": ["s"], "emotion": ["sad"]}), ["sad"]
    )
    kept = plots.keep(figure, params, "x", "One utterance.")
    assert kept is figure
    said = "synthetic demo speech; small encoder trained on synthetic speech"
    assert said in " ".join(figure._supxlabel.get_text().split())
    text = (params.results / "figures" / "x.txt").read_text()
    assert text == f"One utterance. (corpora {tables.fingerprint(params)}; {said})\n"
    assert f"corpora {tables.fingerprint(params)}" in figure._supxlabel.get_text()
    first, height = (params.results / "figures" / "x.png").read_bytes(), figure.get_figheight()
    plots.keep(figure, params, "x", "One utterance.")
    assert (params.results / "figures" / "x.png").read_bytes() == first
    assert figure.get_figheight() == height, "grown once, by its footer"
    assert dict(mpl.rcParams) == before
