"""The command line, which run_all.sh calls: ``python -m hump COMMAND``, see its ``--help``."""

import argparse
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from hump.errors import CorpusError, HumpError
from hump.params import ROOT, folders, load_params
from hump.params.load import name_of
from hump.util import files, text


def main(arguments=None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : list of str or None
        None: those of this process.

    Returns
    -------
    int
        0: done; 1: a step failed, or a recording cannot be read; 2: nothing was begun, since
        something must be put right first; 130: interrupted.
    """
    own = list(sys.argv[1:] if arguments is None else arguments)
    cut = own.index("--") if "--" in own else len(own)
    options = _PARSER.parse_args(own[:cut])
    options.passed_on = own[cut + 1 :]
    # Steps run in the project's folder, where a relative path would mean something else.
    if data := os.environ.get("HUMP_DATA"):
        os.environ["HUMP_DATA"] = str(Path(data).expanduser().absolute())
    try:
        with files.writing():
            return options.command(options) or 0
    except HumpError as error:
        # A step of a study tells its story on one stream, in order.
        stream = sys.stdout if getattr(options, "step", None) else sys.stderr
        print(error, file=stream, flush=True)
        return getattr(error, "exit_status", 2)
    except KeyboardInterrupt:
        if not getattr(options, "step", None):  # the study has a word for all of its steps
            print("Interrupted. Run the same command again.", file=sys.stderr, flush=True)
        return 130


_PARSER = argparse.ArgumentParser(prog="python -m hump", description=__doc__)
_COMMANDS = _PARSER.add_subparsers(required=True, metavar="COMMAND")


def _command(*arguments):
    """Make a function the command of its name; its docstring is the help."""

    def add(function):
        about = function.__doc__.partition("\n")[0]
        command = _COMMANDS.add_parser(function.__name__[1:], help=about, description=about)
        command.set_defaults(command=function)
        for names, settings in arguments:
            command.add_argument(*names, **settings)
        return function

    return add


def _argument(*names, **settings):
    return names, settings


_PARAMS = _argument("params_file", metavar="PARAMS")
_WORKERS = _argument("--workers", type=int, help="processes; default: one a core")
_DEVICE = _argument("--device", default="auto", help="auto, cpu or cuda")


@_command(_PARAMS)
def _check(options):
    """Say what is missing, before anything is computed."""
    _preflight(options.params_file)


def _preflight(params_file):
    params, faults = load_params(params_file), []
    for check in (_check_corpora, _check_demo, _check_encoder):
        try:
            check(params, params_file)
        except HumpError as error:
            faults.append(str(error))
    if faults:
        raise HumpError("\n".join(faults))
    return params


def _check_corpora(params, params_file):
    from hump import corpora

    if messages := corpora.missing(params):
        listing = "\n".join(f"  - {message}" for message in messages)
        raise CorpusError(
            f"HUMP_DATA={params.data}: {len(messages)} missing; put each there as it says, or "
            f"take it out of {params_file}:\n{listing}"
        )


def _check_demo(params, params_file):
    from hump import demo

    for name in {*folders.DEMO}.intersection(params.corpus_names):
        demo.check(name, **params.demo.model_dump())


def _check_encoder(params, params_file):
    from hump.features import encoders

    wanted = [(params.features.encoder, params.features.layers)]
    if "11_encoders" not in params.leave_out:
        wanted += params.experiments.encoders.items()
    for name, layers in wanted:
        encoders.check_layers(encoders.find(name), layers)


@_command(_PARAMS)
def _run(options):
    """Run a study: run PARAMS [-- snakemake arguments]."""
    from hump.run import study

    params = _preflight(options.params_file)
    return study.run(params, options.params_file, options.passed_on)


@_command(_PARAMS)
def _publish(options):
    """Copy a finished study's results to results/published."""
    from hump.run.publish import publish

    print(f"Published: {publish(_preflight(options.params_file))}")


@_command(_PARAMS)
def _report(options):
    """Write the pages and provenance.json of a finished study."""
    from hump.report import provenance, site

    params = _preflight(options.params_file)
    provenance.write(params)
    site.build({params.results: params}, params.results / "site", api=False)


@_command(_PARAMS, _argument("step", metavar="STEP"), _WORKERS)
def _step(options):
    """Run one step of a study, unless it is up to date."""
    from hump import results
    from hump.run import steps

    params = load_params(options.params_file)
    plan = steps.plan(params)
    number = [step.name for step in plan].index(options.step)
    step, progress = plan[number], f"{number + 1}/{len(plan)}"
    read = steps.read_by(step, params)
    if steps.is_current(step, params):
        print(f"[{progress}] {step.name}  up to date", flush=True)
        return
    with steps.timed(step, params):
        if step.notebook:
            output = results.notebook(params, step.name)
            _execute(options, steps.notebook(step), output, step.corpus, progress)
        else:
            with _announced(progress, step.name):
                _report(options)
    steps.remember(step, params, read)


@_command()
def _site(options):
    """Build results/site from all published studies."""
    from hump.report import site
    from hump.run import publish

    folders = sorted((ROOT / "results" / "published").glob("[!.]*/tables"))
    studies = {folder.parent: publish.parameters(folder.parent) for folder in folders}
    with _announced(None, "site"):
        page = site.build(studies, ROOT / "results" / "site")
    print(f"Open {page}")


@_command(
    _argument("folder", metavar="FOLDER", nargs="?", default="results/published/demo"),
    _argument("--seeds", type=int, nargs="+", default=(), help="measure the noise of these seeds"),
)
def _verify(options):
    """Run a study anew, compare with published results."""
    from hump.run.verify import verify

    folder = Path(options.folder)
    return verify(folder if folder.is_dir() else ROOT / folder, seeds=options.seeds)


@_command(
    _argument("notebook", metavar="NOTEBOOK"),
    _argument("output", metavar="OUTPUT"),
    _argument("--params-file", required=True),
    _argument("--corpus"),
    _WORKERS,
)
def _notebook(options):
    """Execute one notebook."""
    _execute(options, Path(options.notebook), Path(options.output), options.corpus, None)


def _execute(options, notebook, output, corpus, progress):
    from hump.run.notebooks import execute

    parameters = {"params_file": name_of(options.params_file)}
    parameters |= {"corpus": corpus} if corpus else {}
    with _announced(progress, output.stem):
        bar = progress is None and sys.stderr.isatty()
        execute(notebook, output, parameters, workers=options.workers, progress=bar)


@_command(_argument("corpora", metavar="NAME", nargs="*", help="without: list all"))
def _fetch(options):
    """Download corpora that anybody may have."""
    from hump.corpora import fetch

    if not options.corpora:
        print(fetch.overview())
    root, status = os.environ.get("HUMP_DATA") or ROOT / "data", 0
    for name in options.corpora:
        try:
            print(fetch.fetch(name, root), flush=True)
        except HumpError as error:  # the others can still be had
            print(error, file=sys.stderr, flush=True)
            status = 1
    return status


@_command(
    _argument("recordings", metavar="FILE", nargs="+", help="or a folder, or a pattern"),
    _argument("--model", required=True, help="such as results/demo/models/source"),
    _argument("--timeline", action="store_true", help="a row for every window"),
    _argument("--abstain-below", type=float, default=0.0, help="least probability (0)"),
    _DEVICE,
    _argument("--csv", action="store_true", help="print CSV"),
)
def _predict(options):
    """Emotions in recordings, by a trained model."""
    from hump import predict

    names = ("recordings", "model", "timeline", "abstain_below", "device")
    table = predict(**{name: getattr(options, name) for name in names})
    if options.csv:
        print(table.to_csv(index=False, float_format="%.4f"), end="")
    else:
        print(table.to_string(index=False, float_format="{:.2f}".format, na_rep=""))
    return int(table["start_s"].isna().any())


@_command(
    _argument("--scale", type=float, default=1.0, help="share of the real run (1)"),
    _argument("--seed", type=int, default=1),
    _DEVICE,
    _argument("--folder", type=Path, default="cache/hubert-mini", help="results go here"),
    _argument("--teacher", default="hump/assets/whisper-base-3", help="encoder"),
    _argument("--speech", required=True, type=Path, help="recorded speech with a manifest.csv"),
    _argument("--start", default="hump/assets/hubert-mini", help="HuBERT that it starts from"),
)
def _encoder(options):
    """Train a small encoder (00_mini_hubert)."""
    from hump.run.notebooks import execute

    folder, teacher = options.folder.resolve(), Path(options.teacher)
    parameters = {name: getattr(options, name) for name in ("scale", "seed", "device", "start")}
    parameters |= {"folder": str(folder), "speech": str(options.speech.resolve())}
    # A folder, or a name on the hub.
    parameters["teacher"] = str(teacher.resolve() if teacher.is_dir() else options.teacher)
    notebook = ROOT / "notebooks" / "00_mini_hubert.ipynb"
    with _announced(None, notebook.stem):
        execute(notebook, folder / notebook.name, parameters, progress=False, echo=sys.stdout)
    print(f"The encoder: {folder}")


@contextlib.contextmanager
def _announced(progress, name):
    label = f"[{progress}] {name}" if progress else name
    started, outcome = time.monotonic(), "stopped after"
    print(f"{label}  started", flush=True)
    try:
        yield
        outcome = "done in"
    finally:
        print(f"{label}  {outcome} {text.duration(time.monotonic() - started)}", flush=True)


if __name__ == "__main__":
    # A step ends at once; the command that it is part of has the word.
    for number in () if sys.argv[1:2] == ["step"] else (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as a hang-up is under nohup
            signal.signal(number, signal.default_int_handler)
    sys.exit(main())
