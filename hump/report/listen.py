"""Audio players and a recorder for notebooks, left out where a notebook is run headlessly."""

import os
import tempfile
from pathlib import Path

import anywidget
import ipywidgets
import numpy as np
import soundfile
import traitlets
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
    play_pieces(
        (audio.load(root / row.path), f"<b>{row.emotion}</b>, {row.corpus}, speaker {row.speaker}")
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
    pieces : iterable of tuple of (numpy.ndarray, str)
        As `hump.encoder.Speech` gives them: signals and titles.
    """
    if os.environ.get("HUMP_HEADLESS"):
        print("Players are shown in JupyterLab only: headless runs embed no audio")
        return
    for signal, title in pieces:
        display(HTML(title), Audio(signal, rate=audio.SAMPLING_RATE))


class Recorder(anywidget.AnyWidget):
    """A button that records from the microphone; `samples` are float32 at 16 kHz, as bytes."""

    _esm = Path(__file__).with_name("recorder.js")
    samples = traitlets.Bytes().tag(sync=True, from_json=lambda sent, widget: bytes(sent))


class Choice:
    """Widgets to record or upload speech; nothing leaves the machine that runs the notebook.

    Parameters
    ----------
    example : str or Path
        What is chosen until then.

    Attributes
    ----------
    recording : str, Path or tuple
        For `hump.predict`.
    """

    def __init__(self, example):
        self.recording, self._folder = example, tempfile.TemporaryDirectory()
        if os.environ.get("HUMP_HEADLESS"):
            print("The recorder is shown in JupyterLab only")
            return
        recorder, upload = Recorder(), ipywidgets.FileUpload(description="Upload a file")
        self._told = ipywidgets.Label("The example is chosen.")
        recorder.observe(self._recorded, "samples")
        upload.observe(self._uploaded, "value")
        display(ipywidgets.HBox([recorder, upload, self._told]))

    def _recorded(self, change):
        self._take((np.frombuffer(change.new, np.float32), audio.SAMPLING_RATE), "Your recording")

    def _uploaded(self, change):
        for file in change.new:
            path = Path(self._folder.name) / Path(file["name"]).name
            path.write_bytes(file["content"])
            self._take(path, path.name)

    def _take(self, recording, name):
        self.recording, self._told.value = recording, f"{name} is chosen: run the cells below."
