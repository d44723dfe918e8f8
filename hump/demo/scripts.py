"""What the demo actors say: everyday statements without emotional content.

Every sentence is spoken in every emotion, so that the words tell nothing about the label, as in
acted corpora since Burkhardt et al. (2005, "A database of German emotional speech", Interspeech).
The source and the English target have different sentences.
"""

from pathlib import Path

import yaml

_TEXT = Path(__file__).with_name("scripts.yaml").read_text(encoding="utf-8")
# Script -> its sentences, in the order of their numbers in file names.
SENTENCES = {script: tuple(lines) for script, lines in yaml.safe_load(_TEXT).items()}
