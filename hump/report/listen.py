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


def play_synthetic(utterances) -> None:
    """Show a player for each synthetic utterance, unless the notebook is being run headlessly.

    Parameters
    ----------
    utterances : list of hump.encoder.speech.Utterance
    """
    _show((f"{one.language}, voice {one.variant}: {one.text}", one.signal) for one in utterances)


def _show(players):
    if os.environ.get("HUMP_HEADLESS"):
        print("Players are shown in JupyterLab only: headless runs embed no audio")
        return
    for title, signal in players:
        display(HTML(title))
        display(Audio(signal, rate=audio.SAMPLING_RATE))
