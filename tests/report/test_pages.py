"""The page of a study, on a results folder made up here."""

import html.parser
import json

import nbformat
import pytest
from nbformat import v4

from hump import load_params, params, results
from hump.report import pages


class References(html.parser.HTMLParser):
    """Collects what a page would load or run."""

    def __init__(self):
        super().__init__()
        self.loaded, self.scripts, self.links = [], 0, []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.scripts += tag == "script"
        if tag in ("img", "link", "iframe", "source", "script"):
            self.loaded.append(attributes.get("src") or attributes.get("href") or "")
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])


def references(path):
    parser = References()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Parameters whose results folder holds one of each."""
    chosen = load_params("params/demo.yaml").model_copy(update={"description": "Is 1 < 2 & 3?"})
    monkeypatch.setattr(params.Params, "results", property(lambda self: tmp_path))
    for folder in ("tables", "figures", "notebooks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "tables" / "main.csv").write_text("corpus,UAR\nde<mo>,0.500\n")
    (tmp_path / "tables" / "corpora.csv").write_text(
        "corpus,remark,fingerprint\nemodb,partial copy: 3 of 535,0123456789abcdef\n"
        "ravdess,,fedcba9876543210\n"
    )
    (tmp_path / "figures" / "fractions.png").write_bytes(b"")
    (tmp_path / "figures" / "a.png").write_bytes(b"")
    (tmp_path / "figures" / "fractions.txt").write_text("n < 5, so wide")
    cell = v4.new_code_cell("print('<hello>')", outputs=[v4.new_output("stream", text="<hello>")])
    node = v4.new_notebook(cells=[v4.new_markdown_cell("# Title\n\n$x^2$"), cell])
    node.metadata["papermill"] = {"duration": 65.2}
    nbformat.write(node, tmp_path / "notebooks" / "01_data.ipynb")
    nbformat.write(node, tmp_path / "notebooks" / ".02_features.partial.ipynb")
    return chosen


def test_nothing_is_loaded_from_elsewhere(study):
    page = pages.write(study, params_file="params/demo.yaml")
    for path in (page, study.results / "notebooks" / "01_data.html"):
        found = references(path)
        assert found.scripts == 0
        for target in (*found.loaded, *found.links):
            assert target.startswith("#") or (path.parent / target).exists(), target
        assert "@import" not in path.read_text() and "url(" not in path.read_text()


def test_the_page_tells_what_was_run(study):
    text = pages.write(study, params_file="params/demo.yaml").read_text()
    assert "Is 1 &lt; 2 &amp; 3?" in text
    assert "de&lt;mo&gt;" in text and "<td>0.500</td>" in text
    assert text.index("n &lt; 5, so wide") < text.index("figures/a.png")
    assert "./run_all.sh params/demo.yaml" in text
    assert "1 min 05 s" in text
    assert "prosody_tokens: groups" in text
    assert "02_features" not in text


def test_banners_say_what_the_numbers_are_of(study):
    text = pages.write(study).read_text()
    assert '<p class="banner">synthetic demo speech</p>' in text
    assert '<p class="banner">emodb: partial copy: 3 of 535</p>' in text
    assert "ravdess:" not in text and "ravdess fedcba9876543210" in text
    assert '<p class="banner">small encoder distilled from Whisper</p>' in text
    untrained = study.features.model_copy(update={"encoder": "untrained"})
    other = study.model_copy(update={"features": untrained})
    assert '<p class="banner">untrained encoder</p>' in pages.write(other).read_text()


def test_a_trained_encoder_and_real_speech_carry_no_banner(study):
    hub = study.features.model_copy(update={"encoder": "facebook/hubert-base-ls960"})
    real = {"source": "ravdess", "targets": ("emodb",), "features": hub}
    text = pages.write(study.model_copy(update=real)).read_text()
    assert "synthetic" not in text and "untrained encoder" not in text


def test_provenance_holds_what_is_needed_to_repeat(study):
    pages.write(study)
    record = json.loads((study.results / "provenance.json").read_text())
    assert record["parameters"] == study.model_dump(mode="json")
    assert record["seed"] == study.seed
    assert record["corpora"] == {"emodb": "0123456789abcdef", "ravdess": "fedcba9876543210"}
    assert record["fingerprint"] == results.fingerprint(study)
    assert record["packages"]["torch"].startswith("2.")
    assert {"commit", "uncommitted_changes", "python", "platform", "device"} <= set(record)
