"""Panels, legends and intervals are where they should be."""

import numpy as np
import pandas as pd
import pytest

from hump.plots import parts


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (2, 2, 1), (4, 3, 2), (7, 3, 3)])
def test_panels_label_their_outer_axes_and_leave_no_empty_axis(count, columns, rows):
    figure, axes = parts.panels(range(count), (2, 2), share="xy", xlabel="x", ylabel="y")
    assert figure.axes == list(axes.values()) and len(axes) == count
    grid = axes[0].get_gridspec()
    assert (grid.nrows, grid.ncols) == (rows, columns)
    below = [axis for number, axis in axes.items() if number + columns >= count]
    assert [axis for axis in axes.values() if axis.get_xlabel()] == below
    assert all(axis.xaxis.get_tick_params()["labelbottom"] for axis in below)
    left = [axis for number, axis in axes.items() if number % columns == 0]
    assert [axis for axis in axes.values() if axis.get_ylabel()] == left


@pytest.mark.parametrize("upright", [False, True])
def test_intervals_end_where_the_table_says(upright):
    table = pd.DataFrame({"uar": [0.5, np.nan], "uar_low": [0.3, np.nan], "uar_high": [0.6, np.nan],
                          "hollow": [True, False]})  # fmt: skip
    figure, axes = parts.panels(["a"], (3, 3))
    parts.intervals(axes["a"], table, "uar", table.index, upright=upright, color="red")
    dots, _, (bars,) = axes["a"].containers[0]
    value, end = (dots.get_ydata(), 1) if upright else (dots.get_xdata(), 0)
    assert value[0] == 0.5
    assert bars.get_segments()[0][:, end].tolist() == pytest.approx([0.3, 0.6])
    (hollow,) = [line for line in axes["a"].lines if line.get_markerfacecolor() == "white"]
    assert len(hollow.get_xdata()) == 1


@pytest.mark.parametrize("count", range(1, 8))
def test_a_legend_lists_labels_once_and_lies_within_the_figure(count):
    figure, axes = parts.panels(["a", "b"], (3, 3))
    for axis in axes.values():
        axis.plot([0, 1], [0, 1], label="of both panels")
    more = {f"a rather long label {number}": "red" for number in range(count)}
    assert parts.legend(figure, more) is figure
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["of both panels", *more]
    figure.canvas.draw()
    box = legend.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1


def test_stacked_panels_are_as_high_as_their_rows_demand():
    figure, axes = parts.stack({"few": 2, "many": 8}, 7)
    figure.canvas.draw()
    few, many = (axis.get_window_extent().height for axis in axes.values())
    assert many / few == pytest.approx(3, rel=0.05)


def test_groups_are_drawn_apart_around_their_place():
    values, order = pd.Series(["b", "a"]), ["a", "b"]
    places = [parts.positions(values, order, k, 3, 0.2).tolist() for k in range(3)]
    assert places == [pytest.approx([0.8, -0.2]), [1, 0], pytest.approx([1.2, 0.2])]
