"""Figures have one style, and a footer that says what they are made of."""

import subprocess
import sys

import matplotlib as mpl
import pandas as pd
import pytest
from PIL import Image

from hump import plots, results
from hump.plots import style
from hump.util import code


@pytest.fixture
def figure():
    return plots.counts(
        pd.DataFrame({"corpus": ["a"], "speaker": ["s"], "emotion": ["sad"]}), ["sad"]
    )


def test_kept_figure_says_what_it_is_made_of(params, figure):
    shown = plots.keep(figure, params, "x", "One utterance of emodb.")
    assert shown.alt == "One utterance of EMODB."
    assert shown.data == (params.results / "figures" / "x.png").read_bytes()
    made_of = "synthetic demo speech; small encoder distilled from Whisper"
    fingerprint = f"corpora {results.fingerprint(params)}"
    footer = " ".join(figure.get_supxlabel().split())
    assert made_of in footer and fingerprint in footer
    text = (params.results / "figures" / "x.txt").read_text()
    assert text == f"One utterance of EMODB. ({fingerprint}; {made_of})\n"


def test_keeping_a_figure_twice_changes_nothing(params, figure):
    paths = [params.results / "figures" / f"x.{ending}" for ending in ("png", "svg")]
    before = dict(mpl.rcParams)
    plots.keep(figure, params, "x", "One utterance.")
    first, height = [path.read_bytes() for path in paths], figure.get_figheight()
    plots.keep(figure, params, "x", "One utterance.")
    assert [path.read_bytes() for path in paths] == first
    assert figure.get_figheight() == height, "grown once, by its footer"
    assert dict(mpl.rcParams) == before


def test_figures_are_saved_at_160_dots_per_inch(params, figure, tmp_path):
    plots.keep(figure, params, "x", "One utterance.")
    plots.save(figure, tmp_path / "new" / "y.png")
    for path in (params.results / "figures" / "x.png", tmp_path / "new" / "y.png"):
        with Image.open(path) as image:
            pixels = [int(160 * inches) for inches in figure.get_size_inches()]
            assert list(image.size) == pytest.approx(pixels, abs=1)


def test_no_two_systems_and_no_system_and_emotion_look_alike():
    looks = [(look["color"], look["marker"]) for look in style.SYSTEMS.values()]
    assert len({colour for colour, _ in looks}) == len({marker for _, marker in looks}) == 7
    assert not {colour for colour, _ in looks} & set(style.EMOTION_COLOURS.values())


def test_drawing_leaves_the_settings_of_matplotlib_as_they_were():
    before = dict(mpl.rcParams)

    @style.applied
    def draw():
        return mpl.rcParams["savefig.dpi"]

    assert draw() == draw() == 160
    assert dict(mpl.rcParams) == before


def test_settings_of_the_users_matplotlibrc_do_not_count(figure, tmp_path):
    plots.save(figure, tmp_path / "plain.png")
    with mpl.rc_context({"text.usetex": True, "font.size": 30, "lines.marker": "x"}):
        again = plots.counts(
            pd.DataFrame({"corpus": ["a"], "speaker": ["s"], "emotion": ["sad"]}), ["sad"]
        )
        plots.save(again, tmp_path / "users.png")
    assert (tmp_path / "users.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


def test_a_figure_imports_its_own_module_alone():
    source = "import sys; from hump import plots; plots.keep; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    figures = {name for name in run.stdout.split() if name.startswith("hump.plots.")}
    assert figures == {"hump.plots.style"}


def test_a_notebook_depends_on_the_figures_that_it_draws():
    modules, _ = code.closure(source="from hump import plots\nplots.counts(rows, labels)")
    assert "hump.plots.corpora" in modules and "hump.plots.style" in modules
    assert not {"hump.plots.fractions", "hump.plots.ledger"} & modules


def test_every_public_figure_can_be_imported():
    for name in plots.__all__:
        assert callable(getattr(plots, name)), name
