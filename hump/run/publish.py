"""Published results: what of a study's results is kept in the repository, to read."""

import json
import os
import platform
import shutil
from pathlib import Path

from pydantic import ValidationError

from hump import results
from hump.errors import HumpError
from hump.params import ROOT, Params, folders, load_params
from hump.run import steps
from hump.util import device, files
from hump.util.parallel import SAME_EVERYWHERE

# Hashes of the published files, the parameters, and the machine that made them.
MANIFEST = "published.json"
# How far other seeds move the tables, if it was measured: see `hump.run.verify`.
NOISE = "noise.csv"
# One line an utterance: not published; predictions, a line for each training too, as Parquet.
_PREDICTIONS = "*predictions*.csv"
_LEFT_OUT = ("manifest.csv", _PREDICTIONS)
# These show recordings, which are published only where they are ours.
_SHOWS_RECORDINGS = (
    "01_data.ipynb", "02_features.ipynb", "10_try_it.ipynb", "data_spectrograms.*", "streams.*",
)  # fmt: skip
_KINDS = {"tables": "*.csv", "notebooks": "*.ipynb", "figures": "*.*", "audio": "*.mp3",
          "cards": "*.md"}  # fmt: skip


def publish(params: Params) -> Path:
    """Copy the tables, figures and executed notebooks of a finished study to the published ones.

    With them go ``predictions/``, what every training of every system said of every test utterance,
    and ``published.json``: a hash of every file, the parameters, the machine, and the minutes that
    each step has run for. What no step of the study makes, as a table of an earlier
    version, stays behind.

    Parameters
    ----------
    params : Params

    Returns
    -------
    Path
        ``results/published/<study>``; what lay there is replaced.

    Raises
    ------
    HumpError
        The study is not finished, or something that it depends on has changed since.
    """
    plan = steps.plan(params)
    for step in plan:
        if not steps.is_current(step, params):
            raise HumpError(
                f"study={params.study}: {step.name} is not up to date; run "
                f"./run_all.sh params/{params.study}.yaml first"
            )
    ours = set(params.corpus_names) <= set(folders.DEMO)
    left_out = _LEFT_OUT + (() if ours else _SHOWS_RECORDINGS)
    made = {params.results / name for step in plan for name in step.makes}
    target = results.published(params)
    draft = target.with_name(f".{params.study}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    for kind, pattern in _KINDS.items():
        (draft / kind).mkdir(parents=True)
        for file in sorted((params.results / kind).glob(pattern)):
            if kind in ("tables", "notebooks") and file not in made:
                continue
            if not any(file.match(name) for name in left_out) and not file.name.startswith("."):
                shutil.copyfile(file, draft / kind / file.name)
    (draft / "predictions").mkdir()
    for file in sorted(path for path in made if path.match(_PREDICTIONS)):
        rows = results.read(params, file.stem, notes=True)
        # In this order, and as categories, they take a hundredth of the space.
        rows = rows.sort_values("utterance_id", kind="stable")
        texts = rows.select_dtypes("string").astype("category")
        place = draft / "predictions" / f"{file.stem}.parquet"
        rows.assign(**texts).to_parquet(place, index=False, compression="zstd")
    for card in sorted(params.results.glob("models/*/README.md")):
        shutil.copyfile(card, draft / "cards" / f"model_{card.parent.name}.md")
    files.write_text(draft / MANIFEST, json.dumps(_statement(params, draft), indent=1) + "\n")
    if (target / NOISE).is_file():  # not among the hashes, since it may be measured anew
        shutil.copyfile(target / NOISE, draft / NOISE)
    shutil.rmtree(target, ignore_errors=True)  # not before the new ones are there
    draft.rename(target)
    return target


def parameters(folder: Path) -> Params:
    """Parameters of published results, whose files are compared with what was published.

    Parameters
    ----------
    folder : Path
        ``results/published/<study>``.

    Returns
    -------
    Params
        Where the results do not say, those of the parameter file of that name.

    Raises
    ------
    HumpError
        There are no results, or a file is not as it was published.
    """
    if not (folder / "tables").is_dir():
        raise HumpError(
            f"{folder}: no results; give a folder with tables/, as results/published/demo"
        )
    if not (folder / MANIFEST).is_file():
        return load_params(ROOT / "params" / f"{folder.name}.yaml")
    published = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    for name, digest in published["files"].items():
        if not (folder / name).is_file() or files.sha256(folder / name) != digest:
            raise HumpError(
                f"{folder / name}: missing or changed since it was published; restore it"
            )
    try:
        return Params.model_validate_json(json.dumps(published["parameters"]))
    except ValidationError as error:
        keys = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
        raise HumpError(
            f"{folder}: was published by another version, with other parameters ({keys}); read it "
            "with that version, or run and publish the study anew"
        ) from error


def _statement(params, folder):
    made = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        "machine": {
            "processor": device.processor(), "system": platform.platform(),
            "python": platform.python_version(), "cores": os.cpu_count(),
            "device": device.describe(params.device),
            "settings": {name: os.environ.get(name, value)
                         for name, value in SAME_EVERYWHERE.items()},
        },
        "minutes": steps.spent(params),
        "parameters": params.model_dump(mode="json"),
        "files": {path.relative_to(folder).as_posix(): files.sha256(path) for path in made},
    }  # fmt: skip
