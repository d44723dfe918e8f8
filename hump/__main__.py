"""The command line, which run_all.sh calls: ``python -m hump COMMAND``, see its ``--help``."""

import argparse
import contextlib
import os
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
    passed_on = []
    if "--" in own:
        cut = own.index("--")
        own, passed_on = own[:cut], own[cut + 1 :]
    options = _parser().parse_args(own)
    options.passed_on = passed_on
    # Steps run in the project's folder, where a relative path would mean something else.
    if data := os.environ.get("HUMP_DATA"):
        os.environ["HUMP_DATA"] = str(Path(data).expanduser().absolute())
    try:
        with files.writing():
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
    for name, function, about in (
        ("check", _check, "say what is missing, before anything is computed"),
        ("run", _study, "run a study: run PARAMS [-- snakemake arguments]"),
        ("publish", _publish, "copy a finished study's results to results/published"),
        ("report", _report, "write the pages and provenance.json of a finished study"),
        ("step", _step, "run one step of a study, unless it is up to date"),
    ):
        command = commands.add_parser(name, help=about)
        command.add_argument("params_file", metavar="PARAMS")
        command.set_defaults(command=function)
        if name == "step":
            command.add_argument("step", metavar="STEP")
            command.add_argument("--workers", type=int, help="processes; default: one a core")

    site = commands.add_parser("site", help="build results/site from all published studies")
    site.set_defaults(command=_site)

    verify = commands.add_parser("verify", help="run a study anew, compare with published results")
    verify.add_argument("folder", metavar="FOLDER", nargs="?", default="results/published/demo")
    verify.add_argument("--seeds", type=int, nargs="+", help="measure the noise of these seeds")
    verify.set_defaults(command=_verify)

    notebook = commands.add_parser("notebook", help="execute one notebook")
    notebook.add_argument("notebook", metavar="NOTEBOOK")
    notebook.add_argument("output", metavar="OUTPUT")
    notebook.add_argument("--params-file", required=True)
    notebook.add_argument("--corpus")
    notebook.add_argument("--workers", type=int, help="processes; default: one a core")
    notebook.set_defaults(command=_notebook)

    fetch = commands.add_parser("fetch", help="download corpora that anybody may have")
    fetch.add_argument("corpora", metavar="NAME", nargs="*", help="without: list all")
    fetch.set_defaults(command=_fetch)

    predict = commands.add_parser("predict", help="emotions in recordings, by a trained model")
    predict.add_argument("recordings", metavar="FILE", nargs="+", help="or a folder, or a pattern")
    predict.add_argument("--model", required=True, help="such as results/demo/models/source")
    predict.add_argument("--timeline", action="store_true", help="a row for every window")
    predict.add_argument("--abstain-below", type=float, default=0.0, help="least probability (0)")
    predict.add_argument("--device", default="auto", help="auto, cpu or cuda")
    predict.add_argument("--csv", action="store_true", help="print CSV")
    predict.set_defaults(command=_predict)

    encoder = commands.add_parser("encoder", help="train a small encoder (00_mini_hubert)")
    encoder.add_argument("--scale", type=float, default=1.0, help="share of the real run (1)")
    encoder.add_argument("--seed", type=int, default=1)
    encoder.add_argument("--device", default="auto", help="auto, cpu or cuda")
    encoder.add_argument("--folder", default="cache/hubert-mini", help="results go here")
    encoder.add_argument("--teacher", default="hump/assets/whisper-base-3", help="encoder")
    encoder.add_argument("--speech", required=True, help="recorded speech with a manifest.csv")
    encoder.add_argument(
        "--start", default="hump/assets/hubert-mini", help="HuBERT that it starts from"
    )
    encoder.set_defaults(command=_encoder)
    return parser


def _check(options):
    _preflight(options)
    return 0


def _preflight(options):
    params, faults = load_params(options.params_file), []
    for check in (_check_corpora, _check_demo, _check_encoder):
        try:
            check(params, options.params_file)
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

    encoders.check_layers(encoders.find(params.features.encoder), params.features.layers)


def _notebook(options):
    _execute(options, Path(options.notebook), Path(options.output), options.corpus, None)
    return 0


def _execute(options, notebook, output, corpus, progress):
    from hump.run.notebooks import execute

    parameters = {"params_file": name_of(options.params_file)}
    parameters |= {"corpus": corpus} if corpus else {}
    with _announced(progress, output.stem):
        bar = progress is None and sys.stderr.isatty()
        execute(notebook, output, parameters, workers=options.workers, progress=bar)


def _step(options):
    from hump import results
    from hump.run import steps

    params = load_params(options.params_file)
    plan = steps.plan(params)
    number = [step.name for step in plan].index(options.step)
    step, progress = plan[number], f"{number + 1}/{len(plan)}"
    read = steps.read_by(step, params)
    if steps.is_current(step, params):
        print(f"[{progress}] {step.name}  up to date", flush=True)
        return 0
    if step.notebook:
        output = results.notebook(params, step.name)
        _execute(options, steps.notebook(step), output, step.corpus, progress)
    else:
        with _announced(progress, step.name):
            _report(options)
    steps.remember(step, params, read)
    return 0


def _publish(options):
    from hump.run.publish import publish

    print(f"Published: {publish(load_params(options.params_file))}")
    return 0


def _verify(options):
    from hump.run.verify import verify

    folder = Path(options.folder)
    return verify(folder if folder.is_dir() else ROOT / folder, seeds=options.seeds or ())


def _encoder(options):
    from hump.run.notebooks import execute

    folder = Path(options.folder).resolve()
    parameters = {name: getattr(options, name) for name in ("scale", "seed", "device", "start")}
    parameters |= {"folder": str(folder), "speech": str(Path(options.speech).resolve())}
    teacher = Path(options.teacher)  # a folder, or a name on the hub
    parameters["teacher"] = str(teacher.resolve() if teacher.is_dir() else options.teacher)
    notebook = ROOT / "notebooks" / "00_mini_hubert.ipynb"
    with _announced(None, notebook.stem):
        execute(notebook, folder / notebook.name, parameters, progress=False, echo=sys.stdout)
    print(f"The encoder: {folder}")
    return 0


def _fetch(options):
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


def _predict(options):
    from hump import predict

    names = ("recordings", "model", "timeline", "abstain_below", "device")
    table = predict(**{name: getattr(options, name) for name in names})
    if options.csv:
        print(table.to_csv(index=False, float_format="%.4f"), end="")
    else:
        print(table.to_string(index=False, float_format="{:.2f}".format, na_rep=""))
    return int(table["start_s"].isna().any())


def _report(options):
    from hump.report import provenance, site

    params = load_params(options.params_file)
    provenance.write(params)
    site.build({params.results: params}, params.results / "site", api=False)
    return 0


def _site(options):
    from hump.report import site
    from hump.run import publish

    folders = sorted((ROOT / "results" / "published").glob("[!.]*/tables"))
    studies = {folder.parent: publish.parameters(folder.parent) for folder in folders}
    with _announced(None, "site"):
        page = site.build(studies, ROOT / "results" / "site")
    print(f"Open {page}")
    return 0


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


def _study(options):
    from hump.run import study

    params = _preflight(options)
    return study.run(params, options.params_file, options.passed_on)


if __name__ == "__main__":
    sys.exit(main())
