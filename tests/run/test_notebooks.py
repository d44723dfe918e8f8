"""Executed copies and failures, on notebooks of a few cells."""

import os
import sys
import time

import nbformat
import psutil
import pytest
from nbformat import v4

from hump import __main__ as command_line
from hump.errors import ParameterError
from hump.run import notebooks
from hump.util import files
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
    output = tmp_path / "out {b} 语" / "03_try.ipynb"
    parameters = parameters or {"params_file": "params/demo.yaml"}
    notebooks.execute(notebook, output, parameters, workers=3, progress=False)
    return output


def text_of(path):
    cells = nbformat.read(path, as_version=4).cells
    return "".join(str(output) for cell in cells for output in cell.get("outputs", []))


def test_runs_with_its_parameters_in_this_python_and_in_the_project(make, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/proc/none")  # nor needs it a home
    output = run(
        make(
            "import os, sys, hump\n"
            "print(params_file, sys.executable, os.getcwd())\n"
            "print([os.environ[k] for k in ('HUMP_WORKERS', 'HUMP_HEADLESS', 'MATPLOTLIBRC')])"
        ),
        tmp_path,
    )
    text = text_of(output)
    assert f"params/demo.yaml {sys.executable} {notebooks.ROOT}" in text
    assert "['3', '1', '/dev/null']" in text
    assert [path.name for path in output.parent.iterdir()] == ["03_try.ipynb"]
    record = nbformat.read(output, as_version=4).metadata.papermill
    assert str(tmp_path) not in str(record)


def test_a_worker_that_joblib_starts_anew_is_not_told(make, tmp_path):
    warn = "import warnings\nfor text in ('A worker stopped while some jobs were', 'Another'):\n"
    text = text_of(run(make(warn + "    warnings.warn(text)"), tmp_path))
    assert "UserWarning: Another" in text and "UserWarning: A worker stopped" not in text


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
    assert not (tmp_path / "out {b} 语").exists()


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
    finished = tmp_path / "out {b} 语" / "03_try.ipynb"
    files.write_text(finished, "of a run before")
    with pytest.raises(notebooks.NotebookError) as caught:
        run(notebook, tmp_path)
    failed = tmp_path / "out {b} 语" / "failed" / "03_try.ipynb"
    told = str(caught.value)
    assert told.startswith("03_try failed in cell work [")
    assert told.endswith(f"\n  ModelError: depth=0: add one\nExecuted copy: {failed}")
    assert "ModelError" in text_of(failed)
    assert finished.read_text() == "of a run before", "it stays until there is a new one"
    assert "03_try" in run(make("1"), tmp_path).read_text()
    assert not failed.exists()


def test_another_error_is_told_with_the_end_of_its_traceback(make, tmp_path):
    with pytest.raises(notebooks.NotebookError, match="ZeroDivisionError: division") as caught:
        run(make("1 / 0"), tmp_path)
    assert "----> 1" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_kernel_that_dies_is_told_and_takes_its_workers_with_it(make, tmp_path):
    worker = tmp_path / "worker.txt"
    code = (
        f"import os, subprocess; worker = subprocess.Popen(['sleep', '60']); path = {str(worker)!r}"
    )
    code += "\nopen(path, 'w').write(str(worker.pid)); os._exit(9)"
    with pytest.raises(notebooks.NotebookError, match="The kernel died; most often .* memory"):
        run(make(code), tmp_path)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(int(worker.read_text())) and time.monotonic() < deadline:
        if psutil.Process(int(worker.read_text())).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.01)
    assert time.monotonic() < deadline, "the worker lives on"


def test_a_notebook_that_stopped_early_is_a_failure(make, tmp_path):
    path = make("import sys; sys.exit()")
    node = nbformat.read(path, as_version=4)
    node.cells.append(v4.new_code_cell("print('the result')", id="later"))
    nbformat.write(node, path)
    with pytest.raises(notebooks.NotebookError, match="03_try stopped early: ") as caught:
        run(path, tmp_path)
    failed = tmp_path / "out {b} 语" / "failed" / "03_try.ipynb"
    told = "cell work raised SystemExit: ; take it out"
    assert told in str(caught.value) and str(failed) in str(caught.value)
    assert failed.is_file() and not (failed.parents[1] / "03_try.ipynb").exists()


def test_what_papermill_lets_pass_is_found(tmp_path):
    def told(*cells):
        nbformat.write(v4.new_notebook(cells=cells), tmp_path / "x.ipynb")
        return notebooks._unfinished(tmp_path / "x.ipynb")

    ran = v4.new_code_cell("1", id="ran", execution_count=1)
    error = v4.new_output("error", ename="ValueError", evalue="x")
    expected = v4.new_code_cell(
        "1", id="bad", execution_count=2, outputs=[error],
        metadata={"tags": ["raises-exception"]},
    )  # fmt: skip
    skipped = v4.new_code_cell("1", id="not", metadata={"tags": ["skip-execution"]})
    assert told(ran, v4.new_markdown_cell("text"), v4.new_code_cell(" \n", id="empty")) == ""
    assert told(ran, expected).startswith("cell bad raised ValueError: x")
    assert told(ran, skipped).startswith("cell not was not run")


def test_a_warning_does_not_name_a_path_of_this_machine(make, tmp_path):
    text = text_of(run(make("import warnings, joblib\n"
                            "warnings.warn_explicit('stopped', UserWarning, joblib.__file__, 1)"),
                       tmp_path))  # fmt: skip
    assert "site-packages/joblib/__init__.py:1: UserWarning: stopped" in text
    assert sys.prefix not in text


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


def test_the_answer_stands_first_in_the_executed_copy(make, tmp_path):
    path = make(
        "from IPython.display import Markdown\nMarkdown('**Yes.** n = 3.\\n\\n### Details\\n\\nx')"
    )
    node = nbformat.read(path, as_version=4)
    node.cells[0].source = "# A question\n\n**Question.** Is it?\n\nHow it was done."
    node.cells[-1].metadata["figure"] = "shown"
    nbformat.write(node, path)
    figures = tmp_path / "figures"
    files.write_text(figures / "shown.txt", "A curve, n = 3. (corpora 0123; synthetic)")
    first = nbformat.read(run(path, tmp_path), as_version=4).cells[0].source
    assert first == (
        "# A question\n\n**Question.** Is it?\n\n**Answer.** **Yes.** n = 3.\n\n"
        "![A curve, n = 3.](../figures/shown.png)\n\nHow it was done."
    )
    assert "Answer" not in path.read_text(), "the notebook itself stays as it is"


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
    assert f"HUMP_DATA={tmp_path}: 7 missing; put each there" in told
    assert f"- ravdess: {tmp_path}/ravdess: no such folder" in told
    assert f"- emodb: {tmp_path}/emodb: no such folder" in told
    assert command_line.main(["check", "params/demo.yaml"]) == 0


def test_check_names_all_that_would_stop_a_later_step(tmp_path, capsys):
    text = (notebooks.ROOT / "params" / "smoke.yaml").read_text(encoding="utf-8")
    for old, new in (("layers: [1, 9]", "layers: [1, 13]"), ("actors: 3", "actors: 99")):
        text = text.replace(old, new)
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    assert command_line.main(["check", str(file)]) == 2
    told = capsys.readouterr().err
    assert "actors=99: demo_" in told and " allows 1 to 12\n" in told
    assert "layers=[1, 13]: hubert-mini has layers 0 (the input of the first) to 12" in told
    compared = text.replace("    untrained: [1, 9]", "    hump/assets/nowhere: [1, 9]")
    assert compared != text
    file.write_text(compared.replace("[1, 13]", "[1, 9]").replace("actors: 99", "actors: 3"))
    assert command_line.main(["check", str(file)]) == 2
    assert "encoder='hump/assets/nowhere': no such folder" in capsys.readouterr().err
    file.write_text(
        text.replace("[1, 13]", "[1, 9]")
        .replace("actors: 99", "actors: 3")
        .replace("    hump/assets/hubert-mini: [1, 9]", "    hump/assets/hubert-mini: [1, 99]")
    )
    assert command_line.main(["check", str(file)]) == 2, "the study's encoder, with other layers"
    assert "layers=[1, 99]: hubert-mini has layers 0" in capsys.readouterr().err
    file.write_text(text.replace("hump/assets/hubert-mini", "params/hubert-mini"))
    assert command_line.main(["run", str(file)]) == 2
    assert "encoder='params/hubert-mini': no such folder; tried" in capsys.readouterr().err
