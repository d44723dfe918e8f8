"""What the pages of the site show of a study: answers, captions, and tables of few columns."""

import re
import shutil

import nbformat
import pandas as pd
import yaml

from hump.params import folders
from hump.report import leads
from hump.report.tables import compact
from hump.run import steps
from hump.run.publish import MANIFEST
from hump.util import files


class Study:
    """A folder of results, and the parameters that they were made with."""

    def __init__(self, folder, params):
        self.folder, self.params, self.name = folder, params, params.study
        self.figures = {file.stem: file for file in sorted(folder.glob("figures/*.png"))}
        # Not what an experiment made that the study now leaves out.
        made = {folder / name for step in steps.plan(params) for name in step.makes}
        self.tables, self.notebooks = (
            {file.stem: file for file in sorted(folder.glob(pattern)) if file in made}
            for pattern in ("tables/*.csv", "notebooks/[!.]*.ipynb")
        )

    @property
    def files(self):
        """Names of files to download, by kind."""
        kinds = ("tables", "figures", "notebooks", "audio", "cards")
        found = {kind: sorted(self.folder.glob(f"{kind}/[!.]*.*")) for kind in kinds}
        return {kind: [path.name for path in paths] for kind, paths in found.items()}

    def cards(self, topic):
        """Cards of corpora, for the page of data; of models, for that of calibration."""
        wanted = {"data": False, "calibration": True}
        return [card for card in self.files["cards"]
                if topic in wanted and card.startswith("model_") == wanted[topic]]  # fmt: skip

    @property
    def corpora(self):
        """The corpora, a dict each."""
        return self.read("corpora").fillna("").to_dict("records")

    @property
    def banners(self):
        """What must be known of every number, apart from what concerns one corpus."""
        table = self.read("main")
        note = table["note"].fillna("").iloc[0] if "note" in table else ""
        starts = tuple(f"{name}:" for name in self.params.corpus_names)
        told = [part for part in note.split("; ") if part]
        first = next((k for k, part in enumerate(told) if part.startswith(starts)), len(told))
        return told[:first]

    def read(self, name):
        """Read a table."""
        return pd.read_csv(self.tables[name])

    def named(self, pattern):
        """Names that a pattern stands for: one a target, or itself."""
        every = self.params.targets if "*" in pattern else ["*"]
        return [pattern.replace("*", target) for target in every]

    def leads(self):
        """Questions of the front page with their answers, as far as the study has them."""
        found = []
        for question, table, about, page in leads.QUESTIONS:
            if table in self.tables and len(rows := self.read(table)):
                found.append((question, about(rows, self.params), page))
        return found

    def tests(self):
        """What the comparisons of all targets together allow one to say."""
        return leads.about_tests(self.read("comparisons"), self.params)

    @property
    def published(self):
        """What is recorded of published results beside them; empty if they are not published."""
        return files.read_json(self.folder / MANIFEST) or {}

    @property
    def settings(self):
        """All parameters, as a parameter file has them; empty if they lie with no results."""
        if not any((self.folder / name).is_file() for name in (MANIFEST, "params.yaml")):
            return ""
        return yaml.safe_dump(self.params.model_dump(mode="json"), sort_keys=False)

    def caption(self, figure):
        """A figure's caption; what it is made of is said once, on the first page."""
        file = self.figures[figure].with_suffix(".txt")
        said = file.read_text(encoding="utf-8").strip() if file.is_file() else figure
        return folders.title(re.sub(r" \(corpora [0-9a-f]{16}.*\)$", "", said, flags=re.DOTALL))

    def compact(self, name, columns, valued=False):
        """A table of few columns, for a page; perhaps only its rows with a value."""
        rows = self.read(name)
        return compact(rows[rows["value"].notna()] if valued else rows, self.params, columns)

    def copy(self, source):
        """Copy what can be downloaded, and the notebooks with their code folded."""
        for kind, found in self.files.items():
            place = source / "extra" / "files" / self.name / kind
            place.mkdir(parents=True)
            for name in found:
                shutil.copy(self.folder / kind / name, place)
        (source / self.name).mkdir()
        for card in self.files["cards"]:
            words = (self.folder / "cards" / card).read_text(encoding="utf-8")
            page = source / self.name / f"card_{card}"
            page.write_text(f"---\norphan: true\n---\n{words}", encoding="utf-8")
        for name, file in self.notebooks.items():
            node = _folded(nbformat.read(file, as_version=4), self.name)
            nbformat.write(node, source / self.name / f"{name}.ipynb")


def _folded(node, study):
    """A notebook whose code is folded and whose images say what they show."""
    before, node.metadata["orphan"] = "", True
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]
            images = [o for o in cell.outputs if "image/png" in o.get("data", {})]
            said = [o.metadata.get("image/png", {}).get("alt") for o in images]
            alt = next(filter(None, said), before)
            cell.metadata["mystnb"] = {"image": {"alt": alt}}
        else:
            place = f"../extra/files/{study}/figures/"
            cell.source = cell.source.replace("../figures/", place)
            before = " ".join(cell.source.split())
    return node
