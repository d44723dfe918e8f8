"""Executes a notebook and saves the executed copy.

Papermill runs it in a kernel of this Python, in the project's folder. A parameter that the notebook
does not have, of which Papermill only warns, is an error. The copy appears under its name once all
cells have run, and holds no audio.
"""

import contextlib
import logging
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
import papermill
import psutil
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from hump import errors
from hump.errors import HumpError, ParameterError
from hump.params import ROOT, names
from hump.util import files
from hump.util.parallel import SAME_EVERYWHERE

_TRACEBACK_LINES = 15
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
# One thread each: several processes share the cores, and the order of a sum decides its last digit.
_LIBRARIES = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")


class NotebookError(HumpError):
    """A cell of a notebook failed."""

    exit_status = 1


def execute(notebook, output, parameters, *, workers=None, progress=True, echo=None):
    """Run a notebook with parameters and save the executed copy.

    It changes this process's environment, so it is meant for a process of its own
    (``python -m hump notebook``).

    Parameters
    ----------
    notebook : str or Path
        The notebook; one cell of it is tagged ``parameters``.
    output : str or Path
        Where the executed copy goes. One that failed goes to ``failed/`` beside it instead.
    parameters : dict
        Name -> value: exactly the parameters that the notebook has.
    workers : int or None
        Processes that the notebook may use; None: as many as there are cores.
    progress : bool
        Show a bar that counts cells.
    echo : text stream, optional
        What cells print goes here too, as they run.

    Raises
    ------
    ParameterError
        The notebook is missing, or its parameters are not the given ones.
    NotebookError
        A cell failed, or was not run to its end; the message names it and says what and where.
    """
    notebook, output = Path(notebook).resolve(), Path(output).resolve()
    node = _read(notebook)
    _check_parameters(node, notebook, parameters)
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.stem}.partial.ipynb")
    failed = output.parent / "failed" / output.name
    with tempfile.TemporaryDirectory(prefix="hump-ipython-") as profile:
        os.environ.update(_environment(workers, profile))
        os.environ.pop("MPLBACKEND", None)  # figures go into the notebook
        try:
            _run(node, partial, parameters, progress, echo)
        except (PapermillExecutionError, DeadKernelError) as error:
            _save(partial, failed, notebook)
            raise NotebookError(_explain(error, failed)) from error
        finally:
            _end_workers(profile)
    if unfinished := _unfinished(partial):
        _save(partial, failed, notebook)
        raise NotebookError(f"{output.stem} stopped early: {unfinished}\nExecuted copy: {failed}")
    _save(partial, output, notebook)
    failed.unlink(missing_ok=True)


def _read(notebook):
    if not notebook.is_file():
        raise ParameterError(f"{notebook}: no such notebook; choose one of notebooks/*.ipynb")
    try:
        return nbformat.read(notebook, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise ParameterError(f"{notebook}: is not a notebook: {error}") from error


def _check_parameters(node, notebook, parameters):
    # Without a kernel in its metadata Papermill would not know the language.
    node.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    known = set(papermill.inspect_notebook(node))
    if known != set(parameters):
        raise ParameterError(
            f"{notebook.name}: parameters={sorted(parameters)}: the cell tagged 'parameters' "
            f"defines {sorted(known)}; both must be the same: change the cell or what is passed"
        )


def _environment(workers, profile):
    kernels = Path(sys.prefix) / "share" / "jupyter"
    return {
        "HUMP_HEADLESS": "1",
        "HUMP_WORKERS": str(workers or os.cpu_count()),
        "PYTHONPATH": files.first_in(ROOT, "PYTHONPATH"),
        "PYTHONHASHSEED": "0",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        # The kernel of this environment and no start-up file, whatever the user's folder holds.
        "JUPYTER_PATH": files.first_in(kernels, "JUPYTER_PATH"),
        "IPYTHONDIR": profile,
        "MATPLOTLIBRC": os.devnull,
        "JUPYTER_RUNTIME_DIR": profile,
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        # On a busy machine joblib says that it starts a worker anew, which changes no result.
        "PYTHONWARNINGS": "ignore:A worker stopped while some jobs:UserWarning",
        **{f"{library}_NUM_THREADS": "1" for library in _LIBRARIES},
        **{name: os.environ.get(name, value) for name, value in SAME_EVERYWHERE.items()},
    }


def _run(node, partial, parameters, progress, echo):
    logging.getLogger("papermill").setLevel(logging.ERROR)
    papermill.execute_notebook(
        node,
        str(partial).replace("{", "{{").replace("}", "}}"),  # Papermill formats it
        parameters=parameters,
        kernel_name="python3",
        language="python",
        progress_bar=progress,
        stdout_file=echo,
        cwd=ROOT,
        start_timeout=300,
        config=Config(KernelManager={"transport_encryption": "auto"}),
    )


def _end_workers(profile):
    """End what the kernel has started and left behind, as one that was killed does."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("IPYTHONDIR") == profile:
                process.kill()


def _save(partial, output, notebook):
    """Move an executed notebook to its place, without audio and without this machine's paths."""
    node = nbformat.read(partial, as_version=4)
    node.metadata["papermill"].update(input_path=notebook.name, output_path=output.name)
    _answer_first(node, output.parent.parent / "figures")
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs = [_silent(item) for item in cell.outputs if not _is_only_audio(item)]
    nbformat.write(node, partial)
    output.parent.mkdir(exist_ok=True)
    partial.replace(output)


def _answer_first(node, figures):
    """Show what the last cell answers below the question too, with the figure that it names."""
    title, last, given = node.cells[0], node.cells[-1], node.metadata["papermill"]["parameters"]
    said = [o.data["text/markdown"] for o in last.get("outputs", ())
            if "text/markdown" in o.get("data", ())]  # fmt: skip
    if not said:
        return
    parts = ["**Answer.** " + said[-1].partition(names.DETAILS)[0].strip()]
    file = figures / f"{last.metadata.get('figure', '').format(**given)}.txt"
    if file.is_file():
        caption = file.read_text(encoding="utf-8").partition(" (corpora ")[0]
        parts.append(f"![{caption}](../figures/{file.stem}.png)")
    head, question, method = title.source.split("\n\n", 2)
    title.source = "\n\n".join([head, question, *parts, method])


def _is_audio(mime, value):
    return mime.startswith("audio/") or (mime == "text/html" and "<audio" in value.lower())


def _is_only_audio(item):
    """Whether an output has nothing but audio and the text that stands for it."""
    data = item.get("data", {})
    audio = [mime for mime, value in data.items() if _is_audio(mime, value)]
    return bool(audio) and not set(data) - {*audio, "text/plain"}


def _silent(item):
    if item.get("name") == "stderr":  # a warning names the file that it comes from
        item["text"] = item["text"].replace(f"{sys.prefix}/", "").replace(f"{ROOT}/", "")
    if "data" in item:
        item.data = {mime: v for mime, v in item.data.items() if not _is_audio(mime, v)}
    return item


def _explain(error, failed):
    if isinstance(error, DeadKernelError):
        where, what = "", "The kernel died; most often for want of memory, or by exit() in a cell."
    else:
        where, what = f" in cell {_failed_cell(failed)}", f"{error.ename}: {error.evalue}"
        if not hasattr(errors, error.ename):
            trace = _ANSI.sub("", "\n".join(error.traceback)).splitlines()
            what = "\n".join(trace[-_TRACEBACK_LINES:])
    indented = "\n".join(f"  {line}" for line in what.splitlines())
    return f"{failed.stem} failed{where}:\n{indented}\nExecuted copy: {failed}"


def _failed_cell(failed):
    cells = (cell for cell in _code_cells(failed) if _error(cell))
    return next((f"{cell.get('id')} [{cell.execution_count}]" for cell in cells), "?")


def _unfinished(copy):
    """What Papermill lets pass in an executed copy, such as sys.exit(); empty if nothing."""
    for cell in _code_cells(copy):
        if error := _error(cell):
            return f"cell {cell.get('id')} raised {error.ename}: {error.evalue}; take it out"
        if cell.source.strip() and cell.execution_count is None:
            return f"cell {cell.get('id')} was not run; take out what ends the kernel before it"
    return ""


def _code_cells(copy):
    cells = nbformat.read(copy, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def _error(cell):
    return next((item for item in cell.outputs if item.output_type == "error"), None)
