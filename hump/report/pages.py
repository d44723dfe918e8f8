"""A finished study -> one page that opens anywhere, and a record of what made it.

The page needs no network: no script, no font, no image but those beside it.
"""

import json
import os
import platform
import shlex
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import jinja2
import nbformat
import pandas as pd
import yaml
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

from hump import results
from hump.params import ROOT, Params
from hump.util import device, files, text

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# Figures that answer the study's questions come before those of single notebooks.
_LEADING = (
    "fractions", "systems", "claims", "transfer_curves_unseen", "transfer", "speaker_overlap",
    "few_shot", "strategies", "fusion_differences", "fusion_cost", "layer_pairs", "layer_curves",
    "layer_differences", "architecture", "encoders", "protocols", "source_learning",
    "source_confusion",
)  # fmt: skip
_SHOWN = ("torch", "transformers", "librosa", "disvoice", "scikit-learn", "numpy", "pandas")


def write(params: Params, *, params_file=None) -> Path:
    """Write ``index.html``, ``provenance.json`` and the notebooks as HTML of a study.

    Parameters
    ----------
    params : Params
        Whose ``results`` folder holds ``notebooks/``, ``tables/`` (with ``main.csv``) and
        ``figures/`` (PNG files, each with its caption in a text file of the same name).
    params_file : str or Path or None
        Shown in the command that makes the page; None: no command is shown.

    Returns
    -------
    pathlib.Path
        The page.
    """
    folder, record = params.results, provenance(params)
    files.write_text(folder / "provenance.json", json.dumps(record, indent=2) + "\n")
    page = _TEMPLATES.get_template("index.html").render(
        params=params,
        banners=results.banners(params),
        warnings=_warnings(params),
        # As text, so that numbers appear as they are written there.
        main=pd.read_csv(results.table(params, "main"), dtype=str, keep_default_na=False),
        figures=_figures(folder / "figures"),
        tables=sorted(path.name for path in (folder / "tables").glob("*.csv")),
        notebooks=_notebooks(folder / "notebooks"),
        settings=yaml.safe_dump(record["parameters"], sort_keys=False, allow_unicode=True),
        record=record,
        shown={name: record["packages"][name] for name in _SHOWN if name in record["packages"]},
        command=_command(params_file),
    )
    files.write_text(folder / "index.html", page)
    return folder / "index.html"


def provenance(params: Params) -> dict:
    """What a study was computed from and with.

    Parameters
    ----------
    params : Params

    Returns
    -------
    dict
        ``study, seed, corpora`` (name to fingerprint), ``fingerprint`` (of them all),
        ``parameters, commit, uncommitted_changes, python, packages, platform, cores, device``; the
        commit is None where the project is no git checkout.
    """
    commit = _git("rev-parse", "HEAD")
    return {
        "study": params.study,
        "seed": params.seed,
        "corpora": dict(results.corpora(params)[["corpus", "fingerprint"]].to_numpy().tolist()),
        "fingerprint": results.fingerprint(params),
        "parameters": params.model_dump(mode="json"),
        "commit": commit,
        "uncommitted_changes": bool(_git("status", "--porcelain")) if commit else None,
        "python": platform.python_version(),
        "packages": _packages(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "device": device.describe(params.device),
    }


def _packages():
    found = {d.metadata["Name"].lower(): d.version for d in metadata.distributions()}
    return dict(sorted(found.items()))


def _git(*arguments):
    """Output of git on this project; None without git, or if the project is no checkout."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        return None
    done = subprocess.run(
        ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def _warnings(params):
    table = results.corpora(params)
    told = table[table["remark"] != ""]
    return list(told["corpus"] + ": " + told["remark"])


def _figures(folder):
    """Figures with their captions (the text file beside each), the study's answers first."""
    drawn = sorted(folder.glob("*.png"), key=lambda path: (_rank(path.stem), path.stem))
    captions = {path.stem: path.with_suffix(".txt") for path in drawn}
    return [
        {"name": name, "caption": file.read_text(encoding="utf-8") if file.is_file() else name}
        for name, file in captions.items()
    ]


def _rank(name):
    return _LEADING.index(name) if name in _LEADING else len(_LEADING)


def _notebooks(folder):
    """Render every executed notebook as HTML beside it."""
    # "basic" is the bare cells, without the scripts of the other templates.
    exporter = HTMLExporter(template_name="basic", mathjax_url="", require_js_url="", jquery_url="")
    rendered = []
    for path in sorted(folder.glob("[!.]*.ipynb")):
        node = nbformat.read(path, as_version=4)
        body, _ = exporter.from_notebook_node(node)
        page = _TEMPLATES.get_template("notebook.html").render(
            name=path.stem, body=body, highlighting=HtmlFormatter().get_style_defs(".highlight")
        )
        files.write_text(path.with_suffix(".html"), page)
        duration = node.metadata.get("papermill", {}).get("duration")
        took = "" if duration is None else text.duration(duration)
        rendered.append({"name": path.stem, "took": took})
    return rendered


def _command(params_file):
    if params_file is None:
        return None
    return f"./run_all.sh {shlex.quote(str(params_file))}"
