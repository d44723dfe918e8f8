"""What a study survives: signals at random moments, full disks, edits, damaged caches and others.

    python benchmarks/faults.py FOLDER [--trials 20] [--phases PHASE ...] [--faults NAME ...]

The smoke study is run once in FOLDER/reference. A trial takes a copy that was stopped before
a phase, has a fault happen, and gives the same command again. Right is a study whose tables and
models are then those of the reference, byte for byte; and of a command that stops, an exit status
other than 0 and a message without a traceback. What was finished before must be there and the
same directly after the fault. Mounts need root.
"""

import argparse
import contextlib
import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import psutil

ROOT = Path(__file__).resolve().parents[1]
STUDY = "params/smoke.yaml"
LEFT_OUT = (".venv", ".git", "cache", "data", "results", "__pycache__", ".pytest_cache")
# Phase -> the rule that it runs, and the parts of the cache that it finds.
PHASES = {
    "data": ("01_data", ()),
    "extraction": ("02_features", ("demo",)),
    "training": ("03_pretrain", ("demo", "features")),
    "fine-tuning": ("04_finetune", ("demo", "features")),
    "figures": ("09_figures", ("demo", "features")),
    "report": ("report", ("demo", "features")),
}
SIGNALS = ("SIGKILL of one", "SIGKILL of all", "SIGTERM", "SIGHUP", "SIGINT")
# A lock of two packages instead of 240: the same set-up, in seconds.
SMALL_LOCK = ("six==1.17.0", "setuptools==80.10.2")


def command(project, *arguments):
    return [str(project / "run_all.sh"), *(arguments or (STUDY,))]


def start(project, *arguments, before=(), **variables):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {**os.environ, "PATH": path, "PYTHONPATH": "", "HUMP_DATA": "nowhere", **variables}
    return subprocess.Popen(
        [*before, *command(project, *arguments)], cwd=project,
        env={name: value for name, value in own.items() if value is not None},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        preexec_fn=as_in_a_terminal,
    )  # fmt: skip


def as_in_a_terminal():
    """A command in the background, or under nohup, would ignore these."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def finish(process):
    text, _ = process.communicate(timeout=1800)
    return process.returncode, text


def call(project, *arguments, **more):
    return finish(start(project, *arguments, **more))


def contents(project, kinds=("tables", "models")):
    """Path -> bytes of a study's results."""
    folder = project / "results" / "smoke"
    files = (path for kind in kinds for path in (folder / kind).rglob("*"))
    files = [path for path in files if path.is_file() and path.suffix != ".html"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def copy_project(folder):
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    return folder


def stopped_before(reference, folder, rule, cached, *, rest=True):
    """A copy of the reference as if it had been stopped before a rule.

    Without the rest, what comes after the rule is there too, but for the report.
    """
    shutil.copytree(reference, folder, symlinks=True)
    for path in (folder / "cache").iterdir():
        if path.name not in cached:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    records = sorted((folder / "results/smoke/.steps").glob("[0-9r]*.json"))
    for record in records:
        # "report" comes after the numbers
        if record.stem >= rule if rest else record.stem in (rule, "report"):
            for name in json.loads(record.read_text())["makes"]:
                (folder / "results/smoke" / name).unlink()
            record.unlink()
    return folder


def family(process):
    try:
        me = psutil.Process(process.pid)
        return [me, *me.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(processes):
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def survivors(project):
    """Processes that run in a project."""
    left = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(project)) and process.status() != "zombie":
                left.append(process)
        except psutil.Error:
            continue
    return left


def strike(process, fault, rng):
    """Send a signal; the processes that it went to."""
    everybody = family(process)
    if fault == "SIGKILL of one":
        everybody = everybody and [rng.choice(everybody)]
    if fault.startswith("SIGKILL"):
        kill(everybody)
    elif everybody:
        os.killpg(process.pid, getattr(signal, fault))  # as a terminal does
    return everybody


def is_clear(status, text):
    """Whether a command has either succeeded or said what to do, without a traceback."""
    advice = ("same command", "goes on from here", "wait for it")
    return status == 0 or "Traceback (most" not in text and any(words in text for words in advice)


def outcome(project, reference, again, *, rule=None):
    """Whether the second command ended well, with the reference's results."""
    wanted, found = contents(reference), contents(project)
    records = (reference / "results/smoke/.steps").glob(f"{rule or '[0-9r]'}*.json")
    made = [name for record in records for name in json.loads(record.read_text())["makes"]]
    whole = all((project / "results/smoke" / name).is_file() for name in made)
    return again == 0 and whole and found.items() <= wanted.items()


def signal_trial(reference, folder, phase, fault, took, seed):
    """One signal at a random moment of a phase, then the same command to its end."""
    rng, (rule, cached) = random.Random(seed), PHASES[phase]
    project = stopped_before(reference, folder, rule, cached)
    finished = contents(project, ("tables", "models", "notebooks"))
    process = start(project, STUDY, "--", "--until", rule)
    time.sleep(rng.uniform(0, took))
    struck = strike(process, fault, rng)
    status, text = finish(process)
    after = contents(project, ("tables", "models", "notebooks"))
    if "KILL" not in fault:
        time.sleep(3)
    left = [] if "KILL" in fault else survivors(project)
    mute = "KILL" in fault and process.pid in [one.pid for one in struck]
    again, told = call(project, STUDY, "--", "--until", rule)
    return {"phase": phase, "fault": fault, "struck": len(struck), "status": status,
            "identical": outcome(project, reference, again, rule=rule),
            "stopped": status != 0,
            "clear": mute or is_clear(status, text),
            "lost": sum(after.get(name) != data for name, data in finished.items()),
            "left_behind": len(left), "text": text[-3000:], "told": told[-3000:]}  # fmt: skip


def setup_trial(folder, fault, took, seed):
    """One signal at a random moment of the set-up, by a lock of two packages, then again."""
    rng, project = random.Random(seed), copy_project(folder)
    lock, stamp = project / "requirements.lock", project / ".venv/hump-stamp"
    lock.write_text("\n".join(SMALL_LOCK) + "\n")
    process = start(project, "setup", PATH="/usr/local/bin:/usr/bin:/bin", VIRTUAL_ENV=None)
    time.sleep(rng.uniform(0, took))
    struck = strike(process, fault, rng)
    status, text = finish(process)
    again, told = call(project, "setup", PATH="/usr/local/bin:/usr/bin:/bin", VIRTUAL_ENV=None)
    ready = again == 0 and stamp.read_bytes() == lock.read_bytes()
    return {"phase": "set-up", "fault": fault, "struck": len(struck), "status": status,
            "identical": ready, "stopped": status != 0,
            "clear": "KILL" in fault or is_clear(status, text.lower()), "lost": 0,
            "left_behind": 0, "text": text[-3000:], "told": told[-3000:]}  # fmt: skip


def durations(phases, reference, folder):
    """Seconds that each phase takes undisturbed."""
    took = {}
    if "set-up" in phases:
        began = time.perf_counter()
        setup_trial(folder / "set-up", "SIGTERM", 0, 0)  # struck before it begins, then whole
        took["set-up"] = time.perf_counter() - began
    for phase, (rule, cached) in PHASES.items():
        if phase not in phases:
            continue
        project = stopped_before(reference, folder / phase, rule, cached)
        began = time.perf_counter()
        status, text = call(project, STUDY, "--", "--until", rule)
        took[phase] = time.perf_counter() - began
        if not outcome(project, reference, status, rule=rule):
            sys.exit(f"{phase}: undisturbed, it does not give the reference's results:\n{text}")
        shutil.rmtree(project)
        print(phase, round(took[phase], 1), "s", flush=True)
    return took


@contextlib.contextmanager
def mounted(folder, *, room=None):
    """A folder whose disk has `room` bytes left, or, if None, is read-only."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder.with_name(folder.name + " kept")
    shutil.copytree(folder, kept, symlinks=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", folder], check=True)
    try:
        shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
        if room is None:
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        else:
            free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
            with (folder / "filler").open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, free - room)
        yield
        if room is not None:
            (folder / "filler").unlink()
        shutil.rmtree(kept)
        shutil.copytree(folder, kept, symlinks=True)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        shutil.rmtree(folder)
        kept.rename(folder)


def disk_trial(reference, folder, phase, where, room):
    """A full or read-only disk while a phase runs; then one with room."""
    rule, cached = PHASES[phase]
    project = stopped_before(reference, folder, rule, cached)
    finished = contents(project, ("tables", "models", "notebooks"))
    temporary = project / "temporary files"
    temporary.mkdir()
    with mounted(project / where, room=room):
        status, text = call(project, TMPDIR=str(temporary))
    after = contents(project, ("tables", "models", "notebooks"))
    again, told = call(project, STUDY, "--", "--until", rule)
    return {"identical": outcome(project, reference, again, rule=rule), "stopped": status != 0,
            "status": status, "clear": is_clear(status, text),
            "lost": sum(after.get(name) != data for name, data in finished.items()),
            "text": text[-3000:], "told": told[-3000:]}  # fmt: skip


def place_trial(reference, folder, name="project", **variables):
    """A last phase in an odd place, or with odd variables; it needs no second command."""
    project = stopped_before(
        reference, folder / name, "09_figures", PHASES["figures"][1], rest=False
    )
    status, text = call(project, **variables)
    return simple(project, reference, status, text)


def simple(project, reference, status, text, *more):
    good = outcome(project, reference, status) and all(more)
    return {"identical": good, "stopped": status != 0, "status": status, "lost": 0,
            "clear": is_clear(status, text), "text": text[-3000:], "told": ""}  # fmt: skip


def dates_trial(reference, folder, when):
    """All files get one date: nothing runs; a new seed of an old date does."""
    project = shutil.copytree(reference, folder, symlinks=True)
    file = project / STUDY
    for path in project.rglob("*"):
        os.utime(path, (when, when), follow_symlinks=False)
    status, text = call(project)
    result = simple(project, reference, status, text, "started" not in text)
    file.write_text(file.read_text().replace("seed: 1", "seed: 2", 1))
    os.utime(file, (when, when))
    status, text = call(project, STUDY, "--", "--until", "01_data")
    result["identical"] &= status == 0 and "01_data  done" in text
    return result


def two_runs_trial(reference, folder):
    """A second run while the first is at work."""
    project = stopped_before(reference, folder, "09_figures", PHASES["figures"][1], rest=False)
    first = start(project)
    first.stdout.readline()
    status, text = call(project)
    return simple(project, reference, *finish(first), status == 2, is_clear(status, text))


def edits_trial(reference, folder):
    """A notebook and the seed change while the notebook's step runs."""
    project = stopped_before(reference, folder, "09_figures", PHASES["figures"][1], rest=False)
    process = start(project)
    first = process.stdout.readline()
    time.sleep(1)
    notebook, file = project / "notebooks/09_figures.ipynb", project / STUDY
    notebook.write_text(notebook.read_text().replace("Question", "EDITED question", 1))
    file.write_text(file.read_text().replace("seed: 1", "seed: 2", 1))
    status, text = finish(process)
    executed = (project / "results/smoke/notebooks/09_figures.ipynb").read_text()
    edited, said = "EDITED" in executed, "has changed meanwhile" in text
    return simple(project, reference, status, first + text, edited, said)


# Kind of cache -> the rule that reads it, what the trial keeps, and the files.
CACHES = {
    "demo speech": ("01_data", ("demo",), "cache/demo/**/*.wav"),
    "demo speech's record": ("01_data", ("demo",), "cache/demo/**/*.json"),
    "features": ("03_pretrain", ("demo", "features"), "cache/features/**/*.npy"),
    "features' index": ("03_pretrain", ("demo", "features"), "cache/features/**/*.json"),
    "jobs": ("03_pretrain", ("demo", "features", "jobs", "models"), "cache/jobs/*"),
    "models": ("03_pretrain", ("demo", "features", "jobs", "models"), "cache/models/*/*"),
    "records of steps": ("09_figures", ("demo", "features"), "results/smoke/.steps/*"),
    "marks and Snakemake's own": ("09_figures", ("demo", "features", "snakemake"),
                                  "cache/snakemake/**/*"),
}  # fmt: skip
DAMAGE = {
    "cut": lambda data: data[: len(data) // 2],
    "emptied": lambda data: b"",
    "noise": lambda data: random.Random(1).randbytes(len(data)),
}


def damage_trial(reference, folder, kind, damage):
    """All files of a kind are damaged; what reads them runs."""
    rule, cached, pattern = CACHES[kind]
    project = stopped_before(reference, folder, rule, cached)
    found = [path for path in project.glob(pattern) if path.is_file()]
    for path in found:
        path.write_bytes(DAMAGE[damage](path.read_bytes()))
    # Without records everything would run again: here it is enough that it begins to.
    rule = "01_data" if kind == "records of steps" else rule
    status, text = call(project, STUDY, "--", "--until", rule)
    return simple(project, reference, status, text, found) | {
        "identical": bool(found) and outcome(project, reference, status, rule=rule)
    }


def others():
    """Fault -> the trial, a function of the reference and a folder."""
    for phase, where, room in (
        ("data", "cache", 200_000), ("extraction", "cache", 200_000),
        ("training", "results", 20_000), ("figures", "results", 20_000),
        ("report", "results", 20_000), ("figures", "temporary files", 20_000),
    ):  # fmt: skip
        yield (
            f"full disk: {where} ({phase})",
            functools.partial(disk_trial, phase=phase, where=where, room=room),
        )
    for where in ("cache", "results", "temporary files"):
        yield (
            f"read-only: {where}",
            functools.partial(disk_trial, phase="figures", where=where, room=None),
        )
    yield "no HOME", functools.partial(place_trial, HOME=None)
    yield "HOME that cannot be written", functools.partial(place_trial, HOME="/proc/none")
    yield "POSIX locale", functools.partial(place_trial, LC_ALL="POSIX", LANG="POSIX")
    yield "long path", functools.partial(place_trial, name="/".join(["x" * 200] * 5))
    yield "odd path", functools.partial(place_trial, name="ü {b} 语 it's \"# $x")
    yield "dates of 1990", functools.partial(dates_trial, when=631152000)
    yield "dates of 2040", functools.partial(dates_trial, when=2208988800)
    yield "two runs at once", two_runs_trial
    yield "edits during a run", edits_trial
    for kind in CACHES:
        for damage in DAMAGE:
            yield f"{kind}: {damage}", functools.partial(damage_trial, kind=kind, damage=damage)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, default=20, help="signals of each phase")
    parser.add_argument("--phases", nargs="*", default=["set-up", *PHASES])
    parser.add_argument("--faults", nargs="*", help="beginnings of names; default: all; none: ''")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = options.folder.resolve()
    reference = folder / "reference"
    if options.faults != [] or set(options.phases) & set(PHASES):
        if not reference.exists():
            copy_project(reference)
        if call(reference)[0]:
            sys.exit("the undisturbed study fails")
    with tempfile.TemporaryDirectory(dir=folder) as work:
        for number, (phase, fault, trial) in enumerate(trials(options, reference, Path(work))):
            try:
                row = {"phase": phase, "fault": fault, **trial(folder=Path(work) / str(number))}
            except Exception as error:  # a fault of this script is none of the study's
                row = {"phase": phase, "fault": fault, "script": repr(error)}
            print(
                json.dumps({k: v for k, v in row.items() if k not in ("text", "told")}), flush=True
            )
            if not row.get("identical") or not row.get("clear") or row.get("lost"):
                print(row.get("text"), row.get("told"), sep="\n----\n", flush=True)
            shutil.rmtree(Path(work) / str(number), ignore_errors=True)
            with (folder / "trials.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")
    summarise(folder / "trials.jsonl")


def summarise(file):
    """Count the trials of each phase and fault."""
    rows = pd.DataFrame([json.loads(line) for line in file.read_text().splitlines()])
    rows["trials"], rows["stopped_clearly"] = 1, rows["stopped"] & rows["clear"]
    rows["at_work"] = rows.get("struck", pd.Series(1, rows.index)).fillna(1) > 0
    counted = [
        "trials",
        "at_work",
        "identical",
        "stopped",
        "stopped_clearly",
        "lost",
        "left_behind",
    ]
    rows["left_behind"] = rows.get("left_behind", pd.Series(0, rows.index)).fillna(0)
    table = rows.groupby(["phase", "fault"], sort=False)[counted].sum().astype(int).reset_index()
    text = table.to_json(orient="records", indent=1)
    (ROOT / "benchmarks" / "results" / "faults.json").write_text(text + "\n")
    print(table.to_string(index=False))


def trials(options, reference, work):
    """Phase, fault and trial, one after another."""
    for name, trial in others():
        if options.faults is None or name.startswith(tuple(options.faults)):
            yield "-", name, functools.partial(trial, reference)
    took = durations(options.phases, reference, work)
    seed = options.seed
    for _ in range(options.trials):
        for phase in options.phases:
            seed += 1
            fault = SIGNALS[seed % len(SIGNALS)]
            run = functools.partial(signal_trial, reference, phase=phase)
            run = functools.partial(setup_trial) if phase == "set-up" else run
            yield phase, fault, functools.partial(run, fault=fault, took=took[phase], seed=seed)


if __name__ == "__main__":
    main()
