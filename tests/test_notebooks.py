"""Every notebook is thin, tells why before it computes, and is committed without its outputs."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("[0-9]*.ipynb"))
TAGS = {
    "imports", "parameters", "load", "compute", "figure", "table", "listen", "checks", "save",
}  # fmt: skip
MAX_CELLS, MAX_LINES = 15, 14
ABSOLUTE = re.compile(r"""["'](/|~|[A-Za-z]:\\)""")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


@pytest.fixture
def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def test_the_first_page_leads_to_every_notebook():
    page = nbformat.read(FOLDER / "start_here.ipynb", as_version=nbformat.NO_CONVERT)
    assert [cell.cell_type for cell in page.cells] == ["markdown"]
    linked = re.findall(r"\[(\w+)\]\(\1\.ipynb\)", page.cells[0].source)
    assert sorted(linked) == [path.stem for path in NOTEBOOKS]
    assert "start_here.ipynb" in (FOLDER.parent / "run_all.sh").read_text(encoding="utf-8")


def test_format_is_one_with_cell_ids(notebook):
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)
    nbformat.validate(notebook)


def test_cells_have_names_of_their_own(notebook):
    names = [cell.id for cell in notebook.cells]
    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name), f"{name}: not a name"
        assert not re.fullmatch(r"[0-9a-f]{8,}(-[0-9a-f]+)*", name), f"{name}: drawn at random"


def test_nothing_executed_is_committed(notebook, code):
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert "papermill" not in notebook.metadata
    assert "version" not in notebook.metadata.get("language_info", {})


def test_starts_with_its_question(notebook):
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")


def test_parameters_are_plain_and_the_agreed_ones(path, code):
    tagged = [cell for cell in code if "parameters" in tags(cell)]
    assert len(tagged) == 1
    statements = ast.parse(tagged[0].source).body
    found = {statement.targets[0].id: ast.literal_eval(statement.value) for statement in statements}
    if path.stem == "00_mini_hubert":  # is of no study
        assert found == {
            "scale": 0.002, "seed": 1, "device": "auto", "folder": "cache/hubert-mini",
            "teacher": "hump/assets/whisper-base-3", "speech": "speech",
            "start": "hump/assets/hubert-mini",
        }  # fmt: skip
        return
    per_target = {"corpus"} if path.stem in ("04_finetune", "14_diagnosis") else set()
    assert set(found) == {"params_file"} | per_target
    assert (FOLDER.parent / found["params_file"]).is_file()


def test_each_code_cell_has_one_known_tag(code):
    for cell in code:
        assert len(tags(cell)) == 1 and set(tags(cell)) <= TAGS, f"{cell.id}: {tags(cell)}"


def test_is_thin(code):
    assert len(code) <= MAX_CELLS
    for cell in code:
        assert len(cell.source.splitlines()) <= MAX_LINES, cell.id


def test_logic_is_in_the_package(code):
    banned = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Try)
    for cell in code:
        assert not re.search(r"^\s*[!%]|\bpip\b", cell.source, re.MULTILINE), cell.id
        assert not ABSOLUTE.search(cell.source), f"{cell.id}: absolute path"
        nodes = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, banned)]
        assert nodes == [], f"{cell.id}: line {nodes[0].lineno if nodes else 0}"


def test_says_why_before_each_code_cell(notebook):
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.cell_type == "code" and not {"imports", "parameters"} & set(tags(cell)):
            assert before.cell_type == "markdown", f"{cell.id}: nothing before it says why"
