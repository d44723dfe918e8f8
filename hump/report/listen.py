"""Audio players for notebooks, left out where a notebook is run headlessly."""

import os

import soundfile
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


def keep(rows, root, folder) -> None:
    """Save utterances as small files, ``<corpus>-<emotion>.mp3``, for the site to play.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows, one of each emotion, of synthetic speech: no recording is to be passed on.
    root : Path
        The corpus's folder.
    folder : Path
        Where the files go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows.itertuples():
        file = folder / f"{row.corpus}-{row.emotion}.mp3"
        soundfile.write(file, audio.load(root / row.path), audio.SAMPLING_RATE)


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
