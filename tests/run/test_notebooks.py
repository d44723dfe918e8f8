"""Executed copies and failures, on notebooks of a few cells."""

import os
import sys

import nbformat
import pytest
from nbformat import v4

from hump import __main__ as command_line
from hump.errors import ParameterError
from hump.run import notebooks
from hump.util.parallel import SAME_EVERYWHERE


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    """`execute` changes the environment of its process; here the change ends with the test."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in ("HUMP_WORKERS", "HUMP_HEADLESS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make(tmp_path):
    """Write a notebook with the given code in its one working cell."""

    def write(code, parameters='params_file = "none.yaml"'):
        cells = [
            v4.new_markdown_cell("# A question", id="title"),
            v4.new_code_cell(parameters, id="parameters", metadata={"tags": ["parameters"]}),
            v4.new_code_cell(code, id="work"),
        ]
        path = tmp_path / "03_try.ipynb"
        nbformat.write(v4.new_notebook(cells=cells), path)
        return path

    return write


def run(notebook, tmp_path, **parameters):
    output = tmp_path / "out" / "03_try.ipynb"
    parameters = parameters or {"params_file": "params/demo.yaml"}
    notebooks.execute(notebook, output, parameters, workers=3, progress=False)
    return output


def text_of(path):
    cells = nbformat.read(path, as_version=4).cells
    return "".join(str(output) for cell in cells for output in cell.get("outputs", []))


def test_runs_with_its_parameters_in_this_python_and_in_the_project(make, tmp_path):
    output = run(
        make(
            "import os, sys, hump\n"
            "print(params_file, sys.executable, os.getcwd())\n"
            "print([os.environ[k] for k in ('HUMP_WORKERS', 'HUMP_HEADLESS', 'OMP_NUM_THREADS')])"
        ),
        tmp_path,
    )
    text = text_of(output)
    assert f"params/demo.yaml {sys.executable} {notebooks.ROOT}" in text
    assert "['3', '1', '1']" in text
    assert [path.name for path in output.parent.iterdir()] == ["03_try.ipynb"]
    record = nbformat.read(output, as_version=4).metadata.papermill
    assert str(tmp_path) not in str(record)


def test_a_kernel_of_the_user_with_the_same_name_is_not_used(make, tmp_path, monkeypatch):
    kernel = tmp_path / "user" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    spec = '{"argv": ["/bin/false"], "display_name": "Mine", "language": "python"}'
    (kernel / "kernel.json").write_text(spec)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "user"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    assert "ran" in text_of(run(make("print('ran')"), tmp_path))


@pytest.mark.parametrize("parameters", [{"params_fil": "x"}, {"params_file": "x", "corpus": "y"}])
def test_a_parameter_that_the_notebook_lacks_is_refused(make, tmp_path, parameters):
    with pytest.raises(ParameterError, match=r"defines \['params_file'\].*change the cell or"):
        run(make("1"), tmp_path, **parameters)
    assert not (tmp_path / "out").exists()


def test_libraries_run_the_same_code_on_every_processor(monkeypatch):
    """Unless the user says otherwise, as for trying what another processor would give."""
    monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)
    pinned = notebooks._environment(1, "profile")
    assert SAME_EVERYWHERE.items() <= pinned.items()
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert notebooks._environment(1, "profile")["ATEN_CPU_CAPABILITY"] == "default"


def test_a_missing_notebook_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"none\.ipynb: no such notebook; choose one of"):
        run(tmp_path / "none.ipynb", tmp_path)


def test_an_error_of_hump_is_told_without_traceback_and_the_copy_kept(make, tmp_path):
    notebook = make("from hump.errors import ModelError\nraise ModelError('depth=0: add one')")
    with pytest.raises(notebooks.NotebookError) as caught:
        run(notebook, tmp_path)
    failed = tmp_path / "out" / "failed" / "03_try.ipynb"
    told = str(caught.value)
    assert told.startswith("03_try failed in cell work [")
    assert told.endswith(f"\n  ModelError: depth=0: add one\nExecuted copy: {failed}")
    assert "ModelError" in text_of(failed)
    assert not (tmp_path / "out" / "03_try.ipynb").exists()
    run(make("1"), tmp_path)
    assert not failed.exists()


def test_another_error_is_told_with_the_end_of_its_traceback(make, tmp_path):
    with pytest.raises(notebooks.NotebookError, match="ZeroDivisionError: division") as caught:
        run(make("1 / 0"), tmp_path)
    assert "----> 1" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_kernel_that_dies_is_told(make, tmp_path):
    with pytest.raises(notebooks.NotebookError, match="The kernel died; most often .* memory"):
        run(make("import os; os._exit(9)"), tmp_path)


def test_an_executed_copy_has_no_audio(make, tmp_path):
    output = run(
        make(
            "from IPython.display import HTML, Audio, display\n"
            "display(Audio([0.0, 0.5] * 50, rate=8000), HTML('<audio src=x>'))\n"
            "display(HTML('<b>kept</b>'))\n"
            "display({'audio/wav': 'AAAA', 'text/html': '<i>kept too</i>'}, raw=True)"
        ),
        tmp_path,
    )
    text = text_of(output)
    assert "<b>kept</b>" in text and "<i>kept too</i>" in text
    assert "<audio" not in text and "audio/" not in text


def test_the_command_ends_with_1_for_a_failed_cell_and_2_for_a_wrong_call(make, tmp_path, capsys):
    notebook, output = str(make("1 / 0")), str(tmp_path / "out" / "x.ipynb")
    call = ["notebook", notebook, output, "--params-file", "params/demo.yaml"]
    assert command_line.main(call) == 1
    assert command_line.main([*call, "--corpus", "emodb"]) == 2
    assert "Traceback" not in capsys.readouterr().err.splitlines()[-1]


def test_check_names_every_missing_corpus_at_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HUMP_DATA", str(tmp_path))
    assert command_line.main(["check", "params/open.yaml"]) == 2
    told = capsys.readouterr().err
    assert f"HUMP_DATA={tmp_path}: 2 missing; put each there" in told
    assert f"- ravdess: {tmp_path}/ravdess: no such folder" in told
    assert f"- emodb: {tmp_path}/emodb: no such folder" in told
    assert command_line.main(["check", "params/demo.yaml"]) == 0
