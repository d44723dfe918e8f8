"""What the demo actors say: everyday statements without emotional content.

Every sentence is spoken in every emotion, so that the words tell nothing about the label, as in
acted corpora since Burkhardt et al. (2005, "A database of German emotional speech", Interspeech).
The source and the English target have different sentences.
"""

from pathlib import Path

import yaml

from hump.errors import ParameterError

_TEXT = Path(__file__).with_name("scripts.yaml").read_text(encoding="utf-8")
SENTENCES = {script: tuple(lines) for script, lines in yaml.safe_load(_TEXT).items()}


def sentences(script: str) -> tuple[str, ...]:
    """Sentences of one script.

    Parameters
    ----------
    script : str
        A key of `SENTENCES`: ``english`` (the source), ``english_target``, ``german``,
        ``italian``, ``spanish`` or ``mandarin``.

    Returns
    -------
    tuple of str
        In the order of the sentence numbers in file names.

    Raises
    ------
    ParameterError
        There is no such script.
    """
    if script not in SENTENCES:
        raise ParameterError(
            f"script={script!r}: no such script; allowed are {', '.join(SENTENCES)}"
        )
    return SENTENCES[script]
