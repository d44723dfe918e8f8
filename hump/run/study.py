"""Runs a study by Snakemake: once at a time, with short messages and a clean end."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from hump.errors import HumpError, ParameterError
from hump.params import ROOT, Params
from hump.run import steps
from hump.util import files, text

# A step that ends with one of these has said why.
_EXPLAINED = re.compile(r"returned non-zero exit status [12]\b")
_FAILURE = re.compile(r"^\w*(Error|Exception)\b", re.MULTILINE)
_SHOWN_LINES = 15


def run(params: Params, params_file, arguments) -> int:
    """Run the steps of a study that are not up to date.

    Parameters
    ----------
    params : Params
    params_file : str or Path
        The file that `params` was read from.
    arguments : list of str
        Passed on to Snakemake. With any, Snakemake's own messages are shown; without, they go to
        ``run.log`` and only what the steps say is shown.

    Returns
    -------
    int
        0: done; 130: interrupted; otherwise: failed.

    Raises
    ------
    HumpError
        The same study is being run by another process.
    """
    started = time.monotonic()
    folder = params.cache / "snakemake" / params.study
    log = folder / "run.log"
    with _alone(folder / "lock", params.study) as lock:
        _mark(params, folder)
        command = _command(params_file, folder, arguments)
        if arguments:
            status = _call(command, lock, messages=None)
        else:
            with log.open("w") as messages:
                status = _call(command, lock, messages)
    took = text.duration(time.monotonic() - started)
    if status == 130:
        print("Interrupted. The same command continues where it stopped.", file=sys.stderr)
    elif status:
        if not arguments:
            print(_explain(log.read_text(errors="replace")), end="", file=sys.stderr)
            print(f"Snakemake's messages: {log}", file=sys.stderr)
        print(f"Stopped after {took}. The same command goes on from here.", file=sys.stderr)
    elif not {"-n", "--dry-run", "--dryrun"}.intersection(arguments):
        print(f"Finished in {took}. Results: {params.results / 'index.html'}")
    return status


@contextlib.contextmanager
def _alone(path, study):
    """Hold a lock that is free once this process and Snakemake are gone, however they ended."""
    try:
        with files.lock(path, wait=False) as lock:
            yield lock
    except BlockingIOError:
        raise HumpError(
            f"study={study}: another run of it is going on; wait for it, or end it first"
        ) from None


def _mark(params, folder):
    """Tell Snakemake which steps are up to date: a step is run if its mark is missing."""
    plan = steps.plan(params)
    for step in plan:
        if step.notebook and not steps.notebook(step).is_file():
            raise ParameterError(f"{steps.notebook(step)}: no such notebook; restore it")
    (folder / "done").mkdir(parents=True, exist_ok=True)
    for step in plan:
        mark = folder / "done" / step.name
        if not steps.is_current(step, params):
            mark.unlink(missing_ok=True)
        elif not mark.exists():
            mark.touch()


def _command(params_file, folder, arguments):
    workflow = ROOT / "workflow"
    profile = [] if "--profile" in arguments else ["--profile", str(workflow / "profiles/local")]
    # Quoted, since Snakemake reads a value as YAML.
    config = "params_file=" + json.dumps(str(Path(params_file).resolve()))
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(workflow / "Snakefile")),
        *("--directory", str(folder), "--config", config),
        # The marks alone say what is to be run.
        *("--rerun-triggers", "input"),
        # The lock above lets nobody else in, so what is locked or half-done was left by a kill.
        *("--nolock", "--rerun-incomplete", *profile, *arguments),
    ]


def _call(command, lock, messages):
    """Run Snakemake to its end and return its exit status, 130 if it was interrupted."""
    search = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    warned, stopped, child = os.environ.get("PYTHONWARNINGS"), [], None

    def stop(*_):
        stopped.append(True)
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGINT if len(stopped) == 1 else signal.SIGKILL)

    # Before Snakemake starts, since it would inherit that a background job ignores SIGINT.
    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in caught}
    try:
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(search),
                # Snakemake leaves a temporary folder to the end; the last filter decides.
                "PYTHONWARNINGS": ",".join(filter(None, [warned, "ignore::ResourceWarning"])),
            },
            stderr=messages,
            pass_fds=[lock.fileno()],
            start_new_session=True,  # a group of its own: a signal reaches all of it, once
        )
        status = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if status and stopped:
        return 130
    return status if status >= 0 else 1


def _explain(messages):
    """Snakemake's message of a failure that no step has explained itself."""
    found = _FAILURE.search(messages)
    if _EXPLAINED.search(messages):
        return ""
    lines = messages[found.start() if found else 0 :].splitlines()
    return "".join(f"{line}\n" for line in lines[:_SHOWN_LINES])
