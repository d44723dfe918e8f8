"""A finished study -> one page that opens anywhere, and a record of what made it.

The page needs no network: no script, no font, no image but those beside it.
"""

import json
import os
import platform
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

from hump import names, tables
from hump.execute import timed
from hump.params import ROOT

__all__ = ["provenance", "write"]

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# Figures that answer the study's questions come before those of single notebooks.
LEADING = (
    "fractions", "systems", "claims", "transfer_curves_unseen", "transfer", "speaker_overlap",
    "few_shot", "strategies", "fusion_differences", "fusion_cost", "layer_pairs", "layer_curves",
    "layer_differences", "architecture", "protocols", "source_learning", "source_confusion",
)  # fmt: skip
SHOWN = ("torch", "transformers", "librosa", "disvoice", "scikit-learn", "numpy", "pandas", "scipy")


def write(params, *, params_file=None) -> Path:
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
    results = params.results
    record = provenance(params)
    _replace(results / "provenance.json", json.dumps(record, indent=2) + "\n")
    page = TEMPLATES.get_template("index.html").render(
        params=params,
        banners=_banners(params),
        warnings=_warnings(params),
        main=_table(results / "tables" / "main.csv"),
        figures=_figures(results / "figures"),
        tables=sorted(path.name for path in (results / "tables").glob("*.csv")),
        notebooks=_notebooks(results / "notebooks"),
        settings=yaml.safe_dump(record["parameters"], sort_keys=False, allow_unicode=True),
        record=record,
        shown={name: record["packages"][name] for name in SHOWN if name in record["packages"]},
        command=_command(params_file),
    )
    _replace(results / "index.html", page)
    return results / "index.html"


def provenance(params) -> dict:
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
        "corpora": dict(tables.corpora(params)[["corpus", "fingerprint"]].to_numpy().tolist()),
        "fingerprint": tables.fingerprint(params),
        "parameters": params.model_dump(mode="json"),
        "commit": commit,
        "uncommitted_changes": bool(_git("status", "--porcelain")) if commit else None,
        "python": platform.python_version(),
        "packages": _packages(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "device": _device(params.device),
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


def _device(wanted):
    if wanted == "cpu":
        return "cpu"
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _banners(params):
    banners = []
    if params.synthetic:
        banners.append(names.SYNTHETIC)
    if remark := names.about_encoder(params.features.encoder):
        banners.append(remark)
    return banners


def _table(path):
    """A CSV file as text, so that numbers appear as they are written there."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _warnings(params):
    table = tables.corpora(params)
    told = table[table["remark"] != ""]
    return list(told["corpus"] + ": " + told["remark"])


def _figures(folder):
    """Figures with their captions (the text file beside each), the study's answers first."""
    drawn = sorted(folder.glob("*.png"), key=lambda path: (_rank(path.stem), path.stem))
    captions = {path.stem: path.with_suffix(".txt") for path in drawn}
    return [
        {"name": name, "caption": text.read_text(encoding="utf-8") if text.is_file() else name}
        for name, text in captions.items()
    ]


def _rank(name):
    return LEADING.index(name) if name in LEADING else len(LEADING)


def _notebooks(folder):
    """Render every executed notebook as HTML beside it."""
    # "basic" is the bare cells, without the scripts of the other templates.
    exporter = HTMLExporter(template_name="basic", mathjax_url="", require_js_url="", jquery_url="")
    rendered = []
    for path in sorted(folder.glob("[!.]*.ipynb")):
        node = nbformat.read(path, as_version=4)
        body, _ = exporter.from_notebook_node(node)
        page = TEMPLATES.get_template("notebook.html").render(
            name=path.stem, body=body, highlighting=HtmlFormatter().get_style_defs(".highlight")
        )
        _replace(path.with_suffix(".html"), page)
        duration = node.metadata.get("papermill", {}).get("duration")
        rendered.append({"name": path.stem, "took": "" if duration is None else timed(duration)})
    return rendered


def _command(params_file):
    if params_file is None:
        return None
    file = Path(params_file).resolve()
    return f"./run_all.sh {file.relative_to(ROOT) if file.is_relative_to(ROOT) else file.name}"


def _replace(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
