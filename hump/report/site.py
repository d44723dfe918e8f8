"""The site of one or more studies: their results as pages that open from disk, without a network.

Pages are filled from tables, figures and executed notebooks, and made by Sphinx; nothing is run.
`topics.yaml` says which page shows what, and ``templates/`` holds pages, style and script.
"""

import pkgutil
import shutil
import tempfile
from pathlib import Path

import yaml

from hump.errors import HumpError
from hump.params import ROOT, Params
from hump.report.leads import templates
from hump.report.shown import Study
from hump.util import files

_HERE = Path(__file__).parent
_PAGES = _HERE / "templates"


def build(studies: dict[Path, Params], target: Path, *, api: bool = True) -> Path:
    """Build the site.

    Parameters
    ----------
    studies : dict of Path to Params
        Folders with ``tables/``, ``figures/`` and ``notebooks/``, and what each was run with.
        Studies of recorded speech come first.
    target : Path
        Folder of the site; what lies there is replaced once the new site is complete.
    api : bool
        Whether to describe the package's modules too, which takes most of the time.

    Returns
    -------
    Path
        The first page.

    Raises
    ------
    HumpError
        There is no study, or Sphinx has warned of something, which the message says.
    """
    if not studies:
        raise HumpError(f"{target}: no study to show; publish one, or run ./run_all.sh first")
    # People's speech first, with the labels that most corpora have, then the largest.
    places = {
        name: (one.synthetic, one.labels == "native", -len(one.targets))
        for name, one in studies.items()
    }
    shown = [Study(name, studies[name]) for name in sorted(studies, key=places.get)]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site-", dir=target.parent) as folder:
        source, built = Path(folder) / "source", Path(folder) / "built"
        _write(shown, source, api)
        _run_sphinx(source, built, Path(folder) / "doctrees")
        shutil.rmtree(target, ignore_errors=True)
        built.rename(target)
    return target / "index.html"


def _read(name):
    return yaml.safe_load((_HERE / name).read_text(encoding="utf-8"))


def _run_sphinx(source, built, doctrees):
    from sphinx.application import Sphinx  # a second to import, which nothing else needs
    from sphinx.util.docutils import docutils_namespace

    with tempfile.TemporaryFile("w+", encoding="utf-8") as said, docutils_namespace():
        Sphinx(source, None, built, doctrees, "html", _read("sphinx.yaml"), None, said).build()
        said.seek(0)
        if warnings := said.read():
            raise HumpError(f"The site has faults, which Sphinx names:\n{warnings}")
    for name in (".buildinfo", "objects.inv", "_static/webpack-macros.html"):
        (built / name).unlink(missing_ok=True)
    shutil.rmtree(built / "_sources", ignore_errors=True)


def _write(studies, source, api):
    """Write the pages that Sphinx reads."""
    shutil.copytree(_PAGES, source / "_static", ignore=shutil.ignore_patterns("*.md", "*.rst"))
    topics, parts = _read("topics.yaml"), _parts() if api else {}
    facts = {"studies": studies, "topics": topics, "modules": sorted(parts)}

    def write(page, template, **more):
        words = templates(_PAGES).get_template(template).render(facts, **more)
        files.write_text(source / page, words)

    for name in ("index", "reproduce", "downloads", *(["api"] if api else [])):
        write(f"{name}.md", f"{name}.md")
    for topic in topics:
        write(f"{topic['name']}.md", "topic.md", topic=topic)
    for part, modules in parts.items():
        write(f"api/{part}.rst", "part.rst", part=part, members=modules)
    shutil.copyfile(ROOT / "GLOSSARY.md", source / "glossary.md")
    for study in studies:
        study.copy(source)


def _parts():
    """The modules of each part of the package."""
    parts = {}
    for module in pkgutil.walk_packages([str(ROOT / "hump")], "hump."):
        parts.setdefault(module.name.split(".")[1], []).append(module)
    del parts["__main__"]
    return parts
