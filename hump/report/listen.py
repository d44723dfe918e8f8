"""Audio players for notebooks, left out where a notebook is run headlessly."""

import os

from IPython.display import HTML, Audio, display

from hump import audio


def play(rows, root) -> None:
    """Show a player for each utterance, unless the notebook is being run headlessly.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows.
    root : Path
        The corpus's folder.
    """
    _show(
        (f"<b>{row.emotion}</b>, {row.corpus}, speaker {row.speaker}", audio.load(root / row.path))
        for row in rows.itertuples()
    )


def play_pieces(pieces) -> None:
    """Show a player for each piece of speech, unless the notebook is being run headlessly.

    Parameters
    ----------
    pieces : list of tuple of (numpy.ndarray, str)
        As `hump.encoder.Speech` gives them: signals and titles.
    """
    _show((title, signal) for signal, title in pieces)


def _show(players):
    if os.environ.get("HUMP_HEADLESS"):
        print("Players are shown in JupyterLab only: headless runs embed no audio")
        return
    for title, signal in players:
        display(HTML(title))
        display(Audio(signal, rate=audio.SAMPLING_RATE))
