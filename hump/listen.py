"""Audio players for notebooks that somebody looks at; executed copies embed no audio."""

import os

from IPython.display import HTML, Audio, display

from hump import audio

__all__ = ["play", "play_takes"]


def play(rows, root) -> None:
    """Show a player for each utterance, unless the notebook is being run headlessly.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows.
    root : Path
        The corpus folder.
    """
    _show(
        (f"<b>{row.emotion}</b>, {row.corpus}, speaker {row.speaker}", audio.load(root / row.path))
        for row in rows.itertuples()
    )


def play_takes(takes) -> None:
    """Show a player for each piece of random speech, unless the notebook is run headlessly.

    Parameters
    ----------
    takes : list of hump.babble.Take
    """
    _show((f"{take.language}, voice {take.variant}: {take.text}", take.signal) for take in takes)


def _show(players):
    if os.environ.get("HUMP_HEADLESS"):
        print("Players are shown in JupyterLab only: executed copies embed no audio")
        return
    for title, signal in players:
        display(HTML(title))
        display(Audio(signal, rate=audio.SAMPLING_RATE))
