"""The site of published results: complete, closed in itself, and readable by everybody."""

import html.parser
import os
import re
import shutil
from urllib.parse import unquote

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from hump import load_params
from hump.errors import HumpError
from hump.params import ROOT, folders
from hump.report import leads, site
from hump.run import steps
from hump.util.files import write_text

PUBLISHED = ROOT / "results" / "published" / "demo"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class References(html.parser.HTMLParser):
    """Collects what a page links to and loads, its anchors, and images without a description."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.silent = [], set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes.get("id"), attributes.get("name")}
        if tag == "img" and not attributes.get("alt", "").strip():
            self.silent.append(attributes["src"])
        for name in ("href", "src"):
            if attributes.get(name) and not (
                tag == "link" and attributes.get("rel") == "canonical"
            ):
                self.links.append((tag, attributes[name]))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A site of a published study, with one of its notebooks."""
    study = tmp_path_factory.mktemp("site") / "demo"
    others = shutil.ignore_patterns("0[1-46-9]*.ipynb", "1*.ipynb", "cards")
    shutil.copytree(PUBLISHED, study, ignore=others)
    for name in ("demo_german", "model_source"):
        write_text(study / "cards" / f"{name}.md", f"# Card of {name}\n\nA | b\n")
    params = load_params("params/demo.yaml")
    return site.build({study: params}, study.parent / "built").parent


@pytest.fixture(scope="module")
def pages(built):
    return {path: References(path) for path in sorted(built.rglob("*.html"))}


def test_no_link_is_broken_and_nothing_is_loaded_from_elsewhere(built, pages):
    assert {"index.html", "fusion.html", "glossary.html", "05_fusion_ablation.html"} <= {
        path.name for path in pages
    }
    for path, found in pages.items():
        for tag, link in found.links:
            file, _, anchor = unquote(link).partition("#")
            if "://" in file:
                assert tag == "a", f"{path.name} loads {link}"
                continue
            target = (path.parent / file.partition("?")[0]).resolve() if file else path
            assert target.is_file() and built in target.parents, f"{path.name}: {link}"
            if anchor and target in pages:
                assert anchor in pages[target].anchors, f"{path.name}: {link}"


def test_parameters_are_shown_if_they_are_those_of_the_results(built):
    """The published ones have no record of them, and the parameter file has changed since."""
    text = (built / "reproduce.html").read_text(encoding="utf-8")
    recorded = (PUBLISHED / "published.json").is_file()
    assert ("hop_ms" in text) == recorded and ("older than the record" in text) != recorded


def test_examples_can_be_heard(built):
    text = (built / "data.html").read_text(encoding="utf-8")
    assert 'aria-label="demo German, sad" src="files/demo/audio/demo_german-sad.mp3"' in text
    assert (built / "files/demo/audio/demo_german-sad.mp3").is_file()


@pytest.mark.parametrize(("page", "name", "shown"), [
    ("data", "demo_german", "demo German"), ("calibration", "model_source", "source"),
])  # fmt: skip
def test_cards_stand_where_a_reader_looks_for_them(built, page, name, shown):
    text = (built / f"{page}.html").read_text(encoding="utf-8")
    links = re.findall(r'href="demo/card_(\w+)\.html"[^>]*>(?:<[^>]+>)*([^<]+)', text)
    assert links == [(name, shown)]
    assert f"Card of {name}" in (built / f"demo/card_{name}.html").read_text(encoding="utf-8")


def test_every_image_says_what_it_shows(pages):
    shown = {path.name: found.silent for path, found in pages.items() if found.silent}
    assert shown == {}


def test_the_command_under_a_figure_names_a_step_of_the_study(built, pages):
    known, told = {step.name for step in steps.plan(load_params("params/demo.yaml"))}, set()
    for path in pages:
        command = r"<code>\./run_all\.sh params/demo\.yaml -- done/(\w+)</code>"
        told |= set(re.findall(command, path.read_text(encoding="utf-8")))
    assert {"05_fusion_ablation", "04_finetune_demo_german"} <= told <= known


def test_cards_say_what_the_tables_say(built):
    text = (built / "index.html").read_text(encoding="utf-8")
    shown = [(PUBLISHED / f"tables/{table}.csv").is_file() for _, table, *_ in leads.QUESTIONS]
    assert text.count('class="question"') == sum(shown) >= 5
    table = pd.read_csv(PUBLISHED / "tables" / "fusion_comparisons.csv")
    said = leads.about_fusion(table, load_params("params/demo.yaml"))
    assert said.headline in text and said.sentence in text
    claims = pd.read_csv(PUBLISHED / "tables" / "claims.csv")
    assert text.count("claims.html#demo-claims-") == claims["value"].notna().sum()


def test_intervals_stand_beside_their_values_and_rows_have_addresses(built):
    text = (built / "fusion.html").read_text(encoding="utf-8")
    table = pd.read_csv(PUBLISHED / "tables" / "fusion_comparisons.csv")
    for number, row in enumerate(table.itertuples(), 1):
        found = text[text.index(f'id="demo-fusion_comparisons-{number}"') :].partition("</tr>")[0]
        cells = re.findall(r"<td.*?>(.*?)</td>", found)
        ends = (row.difference, row.difference_low, row.difference_high)
        assert cells[0] == folders.title(row.comparison) and cells[1] == row.b
        assert [float(v) for v in re.findall(r"[-+.\d]+", cells[2])] == pytest.approx(
            ends, abs=5e-4
        )
        decided = row.p_holm < 0.05 and row.difference_low * row.difference_high > 0
        assert (cells[5] in ("better", "worse")) == decided


def test_no_study_is_told(tmp_path):
    with pytest.raises(HumpError, match="no study to show"):
        site.build({}, tmp_path / "site")
    assert not (tmp_path / "site").exists()


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None and not os.environ.get("GITHUB_ACTIONS"):
        pytest.skip(f"no browser: install one of {', '.join(BROWSERS)} to test the site in it")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


def test_pages_open_from_disk_for_everybody(built, browser):
    """Without a request elsewhere, an error, or a serious fault that axe-core finds; on a phone."""
    requests, errors, context = [], [], browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    for name in ("index", "data", "claims", "demo/05_fusion_ablation"):
        page.goto(f"{(built / name).as_uri()}.html")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, f"{name}: scrolls sideways, {width} px"
        found = Axe().run(page).response["violations"]
        serious = [
            f"{name}: {fault['id']}: {fault['nodes'][0]['html'][:200]}"
            for fault in found if fault["impact"] in ("serious", "critical")
        ]  # fmt: skip
        assert serious == []
    assert [url for url in requests if not url.startswith("file:")] == [] and errors == []
    page.goto(f"{(built / 'fusion.html').as_uri()}")
    heading = page.locator("#demo-fusion_comparisons-1").locator("xpath=../../thead//th").nth(3)
    heading.locator("button").click()
    column = page.locator("xpath=//tr[starts-with(@id, 'demo-fusion_comparisons')]/td[4]")
    values = [float(text) for text in column.all_text_contents()]
    table = pd.read_csv(PUBLISHED / "tables" / "fusion_comparisons.csv")
    assert values == sorted(values) and len(values) == len(table)


def test_people_lead_and_labels_that_few_corpora_have_follow(tmp_path, monkeypatch):
    class Stop(Exception):
        """The studies, in the order of the pages."""

    def stop(shown, *_):
        raise Stop([study.params.study for study in shown])

    monkeypatch.setattr(site, "_write", stop)
    every = ("ablations", "demo", "native", "open", "open_hubert")
    studies = {tmp_path / name: load_params(f"params/{name}.yaml") for name in every}
    with pytest.raises(Stop) as order:
        site.build(studies, tmp_path / "built")
    assert order.value.args[0] == ["open", "open_hubert", "ablations", "native", "demo"]
