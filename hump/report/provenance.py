"""A record of what a study was computed from and with."""

import json
import os
import platform
import shutil
import subprocess
from importlib import metadata

from hump import results
from hump.params import ROOT, Params
from hump.util import device, files


def write(params: Params) -> None:
    """Write ``provenance.json`` of a study; see `provenance`.

    Parameters
    ----------
    params : Params
    """
    text = json.dumps(provenance(params), indent=2) + "\n"
    files.write_text(params.results / "provenance.json", text)


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
    packages = {d.metadata["Name"].lower(): d.version for d in metadata.distributions()}
    return {
        "study": params.study,
        "seed": params.seed,
        "corpora": dict(results.corpora(params)[["corpus", "fingerprint"]].to_numpy().tolist()),
        "fingerprint": results.fingerprint(params),
        "parameters": params.model_dump(mode="json"),
        "commit": commit,
        "uncommitted_changes": bool(_git("status", "--porcelain")) if commit else None,
        "python": platform.python_version(),
        "packages": dict(sorted(packages.items())),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "device": device.describe(params.device),
    }


def _git(*arguments):
    """Output of git on this project; None without git, or if the project is no checkout."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        return None
    done = subprocess.run(
        ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None
