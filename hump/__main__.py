"""The command line: ``python -m hump check | run | notebook | report | encoder``.

run_all.sh calls it.
"""

import argparse
import contextlib
import os
import sys
import time
from pathlib import Path

from hump.errors import CorpusError, HumpError
from hump.params import ROOT, load_params

__all__ = ["main"]


def main(arguments=None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : list of str or None
        None: those of this process.

    Returns
    -------
    int
        0: done; 1: a step failed; 2: nothing was begun, since something must be put right first;
        130: interrupted.
    """
    own = list(sys.argv[1:] if arguments is None else arguments)
    passed_on = []
    if "--" in own:
        cut = own.index("--")
        own, passed_on = own[:cut], own[cut + 1 :]
    options = _parser().parse_args(own)
    options.passed_on = passed_on
    # Steps run in the project's folder, where a relative path would mean something else.
    if data := os.environ.get("HUMP_DATA"):
        os.environ["HUMP_DATA"] = os.path.abspath(os.path.expanduser(data))
    try:
        return options.command(options)
    except HumpError as error:
        # A step of a study tells its story on one stream, in order.
        stream = sys.stdout if getattr(options, "step", None) else sys.stderr
        print(error, file=stream, flush=True)
        return getattr(error, "exit_status", 2)
    except KeyboardInterrupt:
        return 130


def _parser():
    parser = argparse.ArgumentParser(prog="python -m hump", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="say what is missing, before anything is computed")
    check.set_defaults(command=_check)

    run = commands.add_parser("run", help="run a study: run PARAMS [-- snakemake arguments]")
    run.set_defaults(command=_study)

    report = commands.add_parser("report", help="write index.html and provenance.json")
    report.add_argument("--step", help=argparse.SUPPRESS)
    report.set_defaults(command=_report)

    for command in (check, run, report):
        command.add_argument("params_file", metavar="PARAMS")

    notebook = commands.add_parser("notebook", help="execute one notebook")
    notebook.add_argument("notebook", metavar="NOTEBOOK")
    notebook.add_argument("output", metavar="OUTPUT")
    notebook.add_argument("--params-file", required=True)
    notebook.add_argument("--corpus")
    notebook.add_argument("--workers", type=int, help="processes; default: one a core")
    notebook.add_argument("--step", help=argparse.SUPPRESS)
    notebook.set_defaults(command=_notebook)

    encoder = commands.add_parser("encoder", help="train a small encoder (00_mini_hubert)")
    encoder.add_argument("--scale", type=float, default=1.0, help="share of the real run (1)")
    encoder.add_argument("--seed", type=int, default=1)
    encoder.add_argument("--device", default="auto", help="auto, cpu or cuda")
    encoder.add_argument("--folder", default="cache/hubert-mini", help="what is made goes here")
    encoder.set_defaults(command=_encoder)
    return parser


def _check(options):
    _preflight(options)
    return 0


def _preflight(options):
    from hump import corpora

    params = load_params(options.params_file)
    if messages := corpora.missing(params):
        listing = "\n".join(f"  - {message}" for message in messages)
        raise CorpusError(
            f"HUMP_DATA={params.data}: {len(messages)} missing; put each there as it says, or "
            f"take it out of {options.params_file}:\n{listing}"
        )
    return params


def _notebook(options):
    from hump.execute import execute

    params_file = Path(options.params_file).resolve()
    if params_file.is_relative_to(ROOT):
        params_file = params_file.relative_to(ROOT)
    parameters = {"params_file": params_file.as_posix()}
    if options.corpus:
        parameters["corpus"] = options.corpus
    with _announced(options.step, Path(options.output).stem):
        bar = options.step is None and sys.stderr.isatty()
        execute(
            options.notebook, options.output, parameters, workers=options.workers, progress=bar
        )
    return 0


def _encoder(options):
    from hump.execute import execute

    folder = Path(options.folder).resolve()
    parameters = {"scale": options.scale, "seed": options.seed, "device": options.device,
                  "folder": str(folder)}  # fmt: skip
    notebook = ROOT / "notebooks" / "00_mini_hubert.ipynb"
    with _announced(None, notebook.stem):
        execute(notebook, folder / notebook.name, parameters, progress=False, echo=sys.stdout)
    print(f"The encoder: {folder}")
    return 0


def _report(options):
    from hump import report

    with _announced(options.step, "report"):
        report.write(load_params(options.params_file), params_file=options.params_file)
    return 0


@contextlib.contextmanager
def _announced(step, name):
    from hump.execute import timed

    label = f"[{step}] {name}" if step else name
    started, outcome = time.monotonic(), "stopped after"
    print(f"{label}  started", flush=True)
    try:
        yield
        outcome = "done in"
    finally:
        print(f"{label}  {outcome} {timed(time.monotonic() - started)}", flush=True)


def _study(options):
    from hump import workflow

    params = _preflight(options)
    return workflow.run(params, options.params_file, options.passed_on)


if __name__ == "__main__":
    sys.exit(main())
