"""Audio players for notebooks that somebody looks at; executed copies embed no audio."""

import os

from IPython.display import HTML, Audio, display

from hump import audio

__all__ = ["play"]


def play(rows, root) -> None:
    """Show a player for each utterance, unless the notebook is being run headlessly.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows.
    root : Path
        The corpus folder.
    """
    if os.environ.get("HUMP_HEADLESS"):
        print(f"{len(rows)} players, shown in JupyterLab only: executed copies embed no audio")
        return
    for row in rows.itertuples():
        display(HTML(f"<b>{row.emotion}</b>, {row.corpus}, speaker {row.speaker}"))
        display(Audio(audio.load(root / row.path), rate=audio.SAMPLING_RATE))
