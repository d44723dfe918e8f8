"""Make the lists of originals that `hump.corpora.originals` compares copies with.

    python benchmarks/originals.py NAME LIST

LIST is a table, ``path<TAB>sha256<TAB>size`` with these names in its first line (it may be
compressed), of every audio file of the original corpus NAME. Each file gets the name that the
corpus's recipe gives its utterance, since folders differ between copies. What is written, beside
the recipe, is names, shortened hashes and sizes: facts about the files, and none of their audio.
"""

import re
import sys
from pathlib import Path

import pandas as pd

from hump.corpora import RECIPES
from hump.corpora.originals import DIGITS, place

# A layout of CASIA that its recipe does not read: angry/201-angry-wangzhe.wav.
_CASIA = re.compile(r".*/(\d{3})-([a-z]+)-([A-Za-z]+)(?=\.wav)")


def main(name, source):
    table = pd.read_csv(source, sep="\t")
    paths = table["path"].str.replace(_CASIA, r"\3/\2/\1", regex=True)
    lines = pd.DataFrame({
        "utterance_id": [_utterance(RECIPES[name], path) for path in paths],
        "file_sha256": table["sha256"].str[:DIGITS],
        "file_size": table["size"],
    }).sort_values("utterance_id")  # fmt: skip
    if lines["utterance_id"].duplicated().any():
        raise SystemExit(f"{source}: an utterance is listed twice; expected one file of each")
    lines.to_csv(place(name), index=False)
    print(f"{place(name)}: {len(lines)} files, {place(name).stat().st_size} bytes")


def _utterance(recipe, path):
    decoded = recipe.decode(recipe.said(path.removesuffix(".wav")))
    return decoded.get("utterance_id", Path(path).stem)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
