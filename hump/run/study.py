"""Runs a study by Snakemake: once at a time, with short messages and a clean end."""

import codecs
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

from hump.errors import HumpError, ParameterError
from hump.params import ROOT, Params, load_params
from hump.params.load import name_of
from hump.run import steps
from hump.util import files, text

# A step that ends with one of these has said why, unless Python had to.
_EXPLAINED = re.compile(r"returned non-zero exit status [12]\b")
_TRACEBACK = re.compile(r"(?ms)^Traceback \(most recent call last\):\n.*?(?=^RuleException)")
_FAILURE = re.compile(r"^\w*(Error|Exception)\b", re.MULTILINE)
_SHOWN_LINES = 15
# How often what changed meanwhile is run again.
_ROUNDS = 3


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
        _freeze(params, params_file)
        _mark(params, folder)
        # The marks say what is to be run; records of Snakemake's own could only be damaged.
        for kind in ("metadata", "incomplete"):
            shutil.rmtree(folder / ".snakemake" / kind, ignore_errors=True)
        command = _command(params, folder, arguments)
        for _ in range(1 if arguments else _ROUNDS):
            with contextlib.nullcontext() if arguments else log.open("w") as messages:
                status = _call(command, lock, messages)
            if status or not (left := _mark(params, folder)) or arguments:
                break
            print(f"Changed meanwhile, so run again: {', '.join(left)}", flush=True)
    took = text.duration(time.monotonic() - started)
    if status == 130:
        print("Interrupted. The same command continues where it stopped.", file=sys.stderr)
    elif status:
        if not arguments:
            print(_explain(log.read_text(errors="replace")), end="", file=sys.stderr)
            print(f"Snakemake's messages: {log}", file=sys.stderr)
        print(f"Stopped after {took}. The same command goes on from here.", file=sys.stderr)
    elif not {"-n", "--dry-run", "--dryrun"}.intersection(arguments):
        _tell_results(params, params_file, left, took)
    return status


def _tell_results(params, params_file, left, took):
    where = f"Results: {params.results / 'site/index.html'}"
    print(f"Finished in {took}. {'Not yet run: ' + ', '.join(left) if left else where}")
    if not _says(params_file, params):
        print(f"{params_file} has changed meanwhile; this was run: {steps.frozen(params)}")


def _says(params_file, params):
    try:
        return load_params(params_file) == params
    except HumpError:
        return False


def _freeze(params, params_file):
    """Keep the parameter file as it is now: an edit while the study runs is for the next run."""
    kept, name, before = steps.frozen(params), name_of(params_file), steps.origin(params)
    if before not in (None, name) and kept.exists() and not _says(kept, params):
        raise HumpError(
            f"{name}: study={params.study}: {params.results} holds the results of {before}, which "
            "would be replaced; give this file a study name of its own, or move those results away"
        )
    for left in params.results.rglob(".*.partial*"):
        left.unlink()  # half a file, of a run that was killed
    files.write_text(kept, (ROOT / name).read_text(encoding="utf-8"))
    files.write_text(params.results / steps.ORIGIN, json.dumps(name))
    if not _says(kept, params):
        raise ParameterError(f"{name}: was changed while it was read; run the same command again")


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
    """Mark for Snakemake the steps that are up to date, and return the names of the others."""
    plan = steps.plan(params)
    for step in plan:
        if step.notebook and not steps.notebook(step).is_file():
            raise ParameterError(f"{steps.notebook(step)}: no such notebook; restore it")
    (folder / "done").mkdir(parents=True, exist_ok=True)
    left = [step.name for step in plan if not steps.is_current(step, params)]
    for step in plan:
        mark = folder / "done" / step.name
        if step.name in left:
            mark.unlink(missing_ok=True)
        elif not mark.exists():
            mark.touch()
    return left


def _command(params, folder, arguments):
    profile = [] if "--profile" in arguments else ["--profile", "workflow/profiles/local"]
    # Relative, since Snakemake reads some characters of a path as its own.
    folder, kept = (os.path.relpath(path, ROOT) for path in (folder, steps.frozen(params)))
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile"),
        *("--directory", folder, "--config", f"params_file={kept}"),
        # The marks are there for pods of a cluster too, which keep files by a storage plugin.
        *("--default-storage-prefix", str(ROOT / folder)),
        # The marks alone say what is to be run.
        *("--rerun-triggers", "input"),
        # The lock above lets nobody else in, so what is locked or half-done was left by a kill.
        *("--nolock", "--rerun-incomplete", *profile, *arguments),
    ]


def _call(command, lock, messages):
    """Run Snakemake to its end and return its exit status, 130 if it was interrupted."""
    stopped, child = [], None
    # Snakemake leaves a temporary folder to the end; the last filter decides.
    warnings = [os.environ.get("PYTHONWARNINGS"), "ignore::ResourceWarning"]
    more = {"PYTHONPATH": files.first_in(ROOT, "PYTHONPATH"),
            "PYTHONWARNINGS": ",".join(filter(None, warnings))}  # fmt: skip

    def stop(*_):
        stopped.append(True)
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGINT if len(stopped) == 1 else signal.SIGKILL)

    # Before Snakemake starts, since it would inherit that a background job ignores SIGINT.
    caught = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else: under nohup
        caught.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in caught}
    try:
        child = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | more, stderr=messages or subprocess.PIPE,
            pass_fds=[lock.fileno()],
            start_new_session=True,  # a group of its own: a signal reaches all of it, once
        )  # fmt: skip
        teller = threading.Thread(target=_tell, args=(child.stderr, stopped), daemon=True)
        teller.start()
        status = child.wait()
        teller.join(2)  # longer, if somebody lives on who could still say something
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if status and stopped:
        return 130
    return status if status >= 0 else 1


def _tell(messages, stopped):
    """Pass on messages as they come, up to an interrupt: everybody would complain of it at length.

    Parameters
    ----------
    messages : binary stream or None
    stopped : list
        No longer empty once there was an interrupt.
    """
    parts = iter(lambda: messages.read1(), b"") if messages else ()
    for part in codecs.iterdecode(parts, "utf-8", errors="replace"):
        if not stopped:
            sys.stderr.write(part)
            sys.stderr.flush()


def _explain(messages):
    """Snakemake's message of a failure that no step has explained itself."""
    if found := _TRACEBACK.search(messages):
        lines = found[0].splitlines()[-_SHOWN_LINES:]
    elif _EXPLAINED.search(messages):
        lines = []
    else:
        found = _FAILURE.search(messages)
        lines = messages[found.start() if found else 0 :].splitlines()[:_SHOWN_LINES]
    return "".join(f"{line}\n" for line in lines)
