"""Figures show what they are given, and say what it is made of."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from hump import corpora, plots
from hump.params import names
from hump.plots import style

CHANCE = {"de": 0.25, "it": 1 / 3}


@pytest.fixture
def cells():
    lines = [
        {"corpus": corpus, "protocol": kind, "fraction": fraction, "system": system,
         "uar": 0.3 + 0.4 * fraction, "uar_low": 0.25, "uar_high": 0.8, "utterances": 90,
         "speakers": 6}
        for corpus in ("de", "it") for kind in ("speaker_independent", "paper")
        for fraction in (0.0, 0.1, 1.0) for system in names.ORDER
    ]  # fmt: skip
    return pd.DataFrame(lines)


def test_counts_are_written_on_their_bars():
    rows = pd.DataFrame({
        "corpus": ["b", "a", "a", "a"], "speaker": ["s", "s", "t", "t"],
        "emotion": ["sad", "sad", "angry", "angry"],
    })  # fmt: skip
    (axis,) = plots.counts(rows, ["angry", "sad"]).axes
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a", "b"]
    shown = [[bar.get_width() for bar in bars] for bars in axis.containers]
    assert shown == [[2, 0], [1, 1]]
    words = [text.get_text().strip() for text in axis.texts]
    assert words == ["2", "", "1", "1", "2 speakers", "1 speakers"]


def test_durations_are_boxes_in_the_colours_of_emotions():
    rows = pd.DataFrame({
        "corpus": ["a"] * 10, "emotion": ["angry"] * 5 + ["sad"] * 5,
        "duration_s": [1, 2, 3, 4, 5, 2, 3, 4, 5, 6],
    })  # fmt: skip
    figure = plots.durations(rows, ["angry", "sad"])
    boxes = figure.axes[0].patches
    assert [box.get_path().vertices[:, 1].min() for box in boxes] == [2, 3], "lower quartiles"
    colours = [mpl.colors.to_hex(box.get_facecolor(), keep_alpha=False) for box in boxes]
    in_legend = [line.get_color().lower() for line in figure.legends[0].get_lines()]
    assert colours == in_legend and len(set(colours)) == 2


def test_every_speaker_has_a_dot_of_every_system():
    predictions = pd.DataFrame([
        {"system": system, "speaker": speaker, "emotion": emotion, "predicted": "sad"}
        for system in names.ORDER for speaker in ("s", "t") for emotion in ("sad", "angry")
    ])  # fmt: skip
    figure = plots.speakers(predictions, 0.25)
    (axis,) = figure.axes
    heights = [y for dots in axis.lines[1:] for y in dots.get_ydata()]
    assert heights == [0.5] * 2 * (len(names.ORDER) - 1)
    assert [t.get_text() for t in axis.get_xticklabels()] == ["s", "t"]


def test_learning_curves_mark_the_epoch_that_is_kept():
    history = pd.DataFrame({
        "fold": ["a", "a", "b", "b"], "epoch": [1, 2, 1, 2], "loss": [3.0, 2.0, 4.0, 1.0],
        "validation_uar": [0.3, 0.5, 0.6, 0.4], "kept": [2, 2, 1, 1],
    })  # fmt: skip
    left, right = plots.learning_curves(history).axes
    assert [line.get_ydata().tolist() for line in left.lines] == [[3, 2], [4, 1]]
    assert right.collections[0].get_offsets().tolist() == [[2, 0.5], [1, 0.6]]


def test_fraction_curves_show_values_and_intervals(cells):
    figure = plots.fraction_curves(cells.query("protocol == 'paper'"), CHANCE)
    axis = figure.axes[0]
    assert [t.get_text() for t in axis.get_xticklabels()] == ["0", "10", "100"]
    curve = axis.containers[0]
    assert curve.lines[0].get_ydata().tolist() == pytest.approx([0.3, 0.34, 0.7])
    bars = [segment[:, 1].tolist() for segment in curve.lines[2][0].get_segments()]
    assert bars == [pytest.approx([0.25, 0.8])] * 3
    assert axis.get_title(loc="left") == "de  (n=90, 6 speakers)"


def test_every_system_is_in_the_legend(cells):
    one = cells.query("protocol == 'paper' and fraction == 0.1")
    for figure in (plots.forest(one, "t", CHANCE), plots.fraction_curves(one, CHANCE),
                   plots.protocol_gap(cells)):  # fmt: skip
        shown = {text.get_text() for text in figure.legends[0].get_texts()}
        assert shown >= set(names.ORDER) - {names.MAJORITY}


def test_chance_is_that_of_each_corpus(cells):
    one = cells.query("protocol == 'paper' and fraction == 0.1")
    lines = [line for line in plots.forest(one, "t", CHANCE).axes[0].lines
             if line.get_linestyle() == ":"]  # fmt: skip
    shown = [(line.get_xdata()[0], line.get_ydata().tolist()) for line in lines]
    assert shown == [(0.25, [-0.5, 0.5]), (1 / 3, [0.5, 1.5])]
    panels = [axis for axis in plots.fraction_curves(one, CHANCE).axes if axis.lines]
    assert [axis.lines[0].get_ydata()[0] for axis in panels] == [0.25, 1 / 3]


def test_no_gap_without_two_protocols(cells):
    figure = plots.protocol_gap(cells[cells["protocol"] == "paper"])
    assert "one protocol" in figure.axes[0].texts[0].get_text()


def test_confusion_is_in_percent_of_rows():
    counts = np.array([[3, 1, 0, 0], [0, 4, 0, 0], [0, 0, 2, 2], [0, 0, 0, 0]])
    figure = plots.confusion_matrices({"x": counts}, names.EMOTIONS)
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert shown[:2] == ["75", "25"] and shown[10:12] == ["50", "50"] and shown[-1] == "0"


def test_layer_pairs_are_marked_in_their_cells():
    cells = pd.DataFrame([
        {"encoder": "e", "layer_a": a, "layer_b": b, "uar": 0.5 + 0.1 * a,
         "best_on_test": a == b == 2, "chosen_by": 3 if (a, b) == (0, 1) else 0}
        for b in range(3) for a in range(b + 1)
    ])  # fmt: skip
    axis = plots.layer_pairs(cells, (1, 2)).axes[0]
    assert np.ma.count(axis.collections[0].get_array()) == 6, "the lower triangle"
    (frame,) = [patch for patch in axis.patches if patch.get_width() == 1]
    assert frame.get_xy() == (1, 2)
    (star,) = axis.lines
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (2.5, 2.5)
    assert [(t.get_text(), t.get_position()) for t in axis.texts] == [("3", (0.5, 1.5))]


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
        for fraction in (0.0, 0.1) for system in names.ORDER for emotion in names.EMOTIONS
    ]  # fmt: skip
    table = pd.DataFrame(lines)
    left, right = plots.label_rates(table, names.PRETRAINED).axes
    assert left.containers[0].lines[0].get_ydata().tolist() == pytest.approx([40, 40])
    assert right.containers[0].lines[0].get_ydata().tolist() == pytest.approx([15, 15])
    shown = [text.get_text() for text in left.get_legend().get_texts()]
    assert set(shown) == set(names.ORDER) - {names.MAJORITY}
    own = table.assign(emotion=table["emotion"].replace({"neutral": "NEU", "sad": "Sadness"}))
    left, _ = plots.label_rates(own, names.PRETRAINED).axes
    assert left.containers[0].lines[0].get_ydata().tolist() == pytest.approx([40, 40])
    nothing = plots.label_rates(table[table["emotion"] != "neutral"], names.PRETRAINED)
    assert "no neutral" in nothing.axes[0].texts[0].get_text()


def test_every_corpuss_own_labels_have_colours():
    """Of what is in the study the shared one's; neutral is found whatever a corpus calls it."""
    for recipe in corpora.RECIPES.values():
        shown = {}
        for own, shared in recipe.emotions.items():
            if shared:
                assert style.colour_of(own) == style.EMOTION_COLOURS[shared], own
                assert names.ALIKE.get(own.lower(), own.lower()) == shared
            elif own not in ("calm", "fru", *recipe.no_emotions):
                shown[own] = style.colour_of(own)
        assert "#333333" not in shown.values()
        assert len(set(shown.values())) == len(shown), recipe.name


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


@pytest.mark.parametrize(("low", "filled"), [(-0.01, False), (0.01, True)])
def test_a_difference_is_filled_only_if_its_interval_leaves_0_out(low, filled):
    row = {"comparison": "EMODB", "a": "one", "b": "other", "speakers": 10, "question": "further",
           "difference": 0.1, "difference_low": low, "difference_high": 0.3,
           "p_holm": 0.001}  # fmt: skip
    (axis,) = plots.differences(pd.DataFrame([row]), 0.05).axes
    drawn = [line for line in axis.lines if list(line.get_xdata()) == [0.1]]
    assert len(drawn) == 1 and (drawn[0].get_markerfacecolor() != "white") == filled
