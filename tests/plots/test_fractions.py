"""Figures of fraction curves mark what the tables say."""

import numpy as np
import pandas as pd
import pytest

from hump import plots
from hump.params import names
from hump.params.names import PRETRAINED, PROBE, SCRATCH, SVM
from hump.plots import style

SYSTEMS = (PRETRAINED, SCRATCH, SVM)


CHANCE = {"de": 0.25, "it": 0.25}


@pytest.fixture
def cells():
    return pd.DataFrame([
        {"corpus": corpus, "protocol": "speaker_independent", "fraction": fraction,
         "system": system, "uar": 0.5, "uar_low": 0.4, "uar_high": 0.6, "utterances": 90,
         "speakers": 6}
        for corpus in ("de", "it") for fraction in (0.0, 0.1, 1.0) for system in SYSTEMS
    ])  # fmt: skip


@pytest.fixture
def tests():
    verdicts = {0.1: ("transfer helps", 0.1), 1.0: ("negative transfer", -0.1)}
    return pd.DataFrame([
        {"corpus": corpus, "protocol": kind, "fraction": fraction, "speakers": 6,
         "difference": difference, "difference_low": difference - 0.05,
         "difference_high": difference + 0.05,
         "verdict": verdict if corpus == "de" else "not decided"}
        for corpus in ("de", "it") for kind in ("speaker_independent", "paper")
        for fraction, (verdict, difference) in verdicts.items()
    ])  # fmt: skip


def legend_of(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_negative_transfer_and_break_point_are_marked(cells, tests):
    points = pd.DataFrame([{"corpus": "de", "system": PRETRAINED, "breakpoint": 0.1,
                            "breakpoint_low": 0.0, "breakpoint_high": 1.0}])  # fmt: skip
    own = tests[tests["protocol"] == "speaker_independent"]
    figure = plots.transfer_curves(cells, own, points, CHANCE)
    marks = [[line for line in axis.lines if line.get_marker() == "v"] for axis in figure.axes]
    assert [len(triangles) for triangles in marks] == [1, 1]
    assert marks[0][0].get_xdata()[0] == 2, "at all data"
    assert marks[0][0].get_markerfacecolor() != "white" == marks[1][0].get_markerfacecolor()
    assert {
        "scratch ahead, shown by test",
        "scratch ahead, not shown",
        "enough data, pre-trained (band: interval)",
        *SYSTEMS,
    } <= set(legend_of(figure))


def test_shares_of_the_papers_protocol_are_of_all_utterances(cells, tests):
    paper = cells.assign(protocol="paper")
    none = pd.DataFrame(columns=["corpus", "system"])
    figure = plots.transfer_curves(paper, tests[:0], none, CHANCE)
    assert {axis.get_xlabel() for axis in figure.axes} - {""} == {"% of all utterances"}


def test_both_protocols_differences_are_drawn(tests):
    axis, other = plots.transfer(tests).axes
    drawn = [container.lines[0].get_ydata().tolist() for container in axis.containers]
    assert drawn == [[0.1, -0.1]] * 2
    assert axis.get_title(loc="left") == "de  (6 speakers)"
    open_ = [line for line in other.lines if line.get_markerfacecolor() == "white"]
    assert [len(line.get_xdata()) for line in open_] == [2, 2], "nothing is shown by test there"


def test_every_system_of_the_overlap_is_named(cells):
    table = cells.assign(difference=0.1, difference_low=0.0, difference_high=0.2)
    assert set(legend_of(plots.overlap(table))) == set(SYSTEMS)


@pytest.mark.parametrize("corpora", [1, 2, 3])
def test_the_legend_lies_within_the_figure(corpora):
    """Of one panel too, which is narrower than four names in a line."""
    figure = plots.overlap(pd.DataFrame([
        {"corpus": f"c{number}", "fraction": 0.1, "system": system, "speakers": 6,
         "difference": 0.1, "difference_low": 0.0, "difference_high": 0.2}
        for number in range(corpora) for system in (*SYSTEMS, PROBE)
    ]))  # fmt: skip
    figure.canvas.draw()
    legend = figure.legends[0].get_window_extent()
    assert legend.x0 >= 0 and legend.x1 <= figure.bbox.x1


def test_what_was_chosen_is_told_from_what_was_fixed():
    table = pd.DataFrame([
        {"corpus": "de", "fraction": fraction, "variant": name, "start": start,
         "in_force": name == "all", "uar": uar, "uar_low": uar - 0.1, "uar_high": uar + 0.1,
         "speakers": 4, "utterances": 60}
        for fraction in (0.1, 1.0)
        for name, start, uar in (("all", "pretrained", 0.5), (names.CHOSEN, np.nan, 0.6),
                                 ("from scratch", "scratch", 0.4))
    ])  # fmt: skip
    first, second = plots.strategies(table).axes
    assert [axis.get_title("left") for axis in (first, second)] == [
        "de, 10 %\n(n=60, 4 speakers)", "de, 100 %\n(n=60, 4 speakers)",
    ]  # fmt: skip
    drawn = [c.lines[0] for c in first.containers if len(c.lines[0].get_xdata())]
    points = {line.get_color(): line.get_xydata()[0].tolist() for line in drawn}
    assert points == {style.BLUE: [0.5, 0], style.RED: [0.6, 1],
                      style.SYSTEMS[names.SCRATCH]["color"]: [0.4, 2]}  # fmt: skip
    assert [t.get_text() for t in first.get_yticklabels()] == ["all", names.CHOSEN, "from scratch"]


def test_shots_of_one_speaker_are_told_from_those_of_many(cells):
    kinds = {0.0: (0, ["no target speaker"]), 0.1: (1, ["one speaker", "many speakers"]),
             1.0: (4, ["one speaker", "many speakers"])}  # fmt: skip
    table = pd.concat([
        cells[cells["fraction"] == fraction].assign(shots=shots, heard=name)
        for fraction, (shots, heard) in kinds.items() for name in heard
    ])  # fmt: skip
    figure = plots.few_shot(table, CHANCE)
    assert set(legend_of(figure)) == set(SYSTEMS)
    axis = figure.axes[0]
    assert [t.get_text() for t in axis.get_xticklabels()] == ["0", "1", "4"]
    assert sum(c.lines[0].get_linestyle() == "--" for c in axis.containers) == len(SYSTEMS)


@pytest.mark.parametrize("fractions", [(0.0, 1.0), (0.0, 0.1, 1.0), (1.0,)])
def test_markers_of_a_fraction_stay_together(cells, fractions):
    figure = plots.fraction_curves(cells[cells["fraction"].isin(fractions)], CHANCE)
    axis = figure.axes[0]
    low, high = axis.get_xlim()
    lines = [bars.lines[0].get_xdata() for bars in axis.containers]
    apart = np.ptp(np.array(lines, float), axis=0)
    assert len(lines) == len(SYSTEMS) and (apart > 0).all()
    assert len(fractions) == 1 or (apart < 0.2 * (high - low)).all()
