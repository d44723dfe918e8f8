"""Runs a study: Snakemake, once at a time, with few words and a clean end however it ends."""

import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from hump.errors import HumpError
from hump.execute import timed
from hump.params import ROOT

__all__ = ["run"]

# A step that ends with one of these has said why by itself.
EXPLAINED = re.compile(r"returned non-zero exit status [12]\b")
FAILURE = re.compile(r"^\w*(Error|Exception)\b", re.MULTILINE)
SHOWN_LINES = 15
LONG_AGO = 86_400  # seconds since 1970; 0 is no time for some file systems


def run(params, params_file, arguments) -> int:
    """Run what is not up to date of a study.

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
        0 done, 130 interrupted, otherwise failed.

    Raises
    ------
    HumpError
        The same study is being run by another process.
    """
    started = time.monotonic()
    folder = params.cache / "snakemake" / params.study
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "run.log"
    with _alone(folder / "lock", params.study) as lock:
        _age_published(params, folder)
        command = _command(params_file, folder, arguments)
        if arguments:
            status = _call(command, lock, messages=None)
        else:
            with log.open("w") as messages:
                status = _call(command, lock, messages)
    took = timed(time.monotonic() - started)
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
    """Hold a lock that is free again once this process and Snakemake are gone, however."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HumpError(
                f"study={study}: another run of it is going on; wait for it, or end it first"
            ) from None
        yield lock


def _age_published(params, folder):
    """Date published results, which nothing here has made, before what they are made from.

    Git dates what it checks out by the time of the checkout, so that Snakemake would take them for
    finished. Models are not published: where there are some, a study was run here.
    """
    if (folder / ".snakemake").exists() or (params.results / "models").exists():
        return
    for path in params.results.rglob("*"):
        if path.is_file():
            os.utime(path, (LONG_AGO, LONG_AGO))


def _command(params_file, folder, arguments):
    workflow = ROOT / "workflow"
    profile = [] if "--profile" in arguments else ["--profile", str(workflow / "profiles/local")]
    # Quoted, since Snakemake reads a value as YAML.
    config = "params_file=" + json.dumps(str(Path(params_file).resolve()))
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(workflow / "Snakefile")),
        *("--directory", str(folder), "--config", config),
        # The lock above lets nobody else in, so what is locked or half-done was left by a kill.
        *("--nolock", "--rerun-incomplete", *profile, *arguments),
    ]


def _call(command, lock, messages):
    """Run Snakemake to its end and return its exit status, 130 if it was interrupted."""
    search = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    stopped, child = [], None

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
            env={**os.environ, "PYTHONPATH": os.pathsep.join(search)},
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
    """What Snakemake says of a failure that no step has explained itself."""
    found = FAILURE.search(messages)
    if EXPLAINED.search(messages):
        return ""
    lines = messages[found.start() if found else 0 :].splitlines()
    return "".join(f"{line}\n" for line in lines[:SHOWN_LINES])
