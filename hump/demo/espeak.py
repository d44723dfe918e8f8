"""Plain speech from the eSpeak NG library that the wheel `espeakng-loader` carries.

eSpeak NG keeps state between utterances (its pitch flutter runs on), so the same words would sound
different depending on what was said before. The library is therefore loaded anew for each
utterance, which costs less than a millisecond. Loading seeds the noise of breathy voices with the
time of day; `speak` seeds it anew, and so is a function of its arguments.

The calls are those of `speak_lib.h` (https://github.com/espeak-ng/espeak-ng).
"""

import atexit
import ctypes
import functools
import os
import shutil
import tempfile
import threading
from _ctypes import dlclose
from pathlib import Path

import espeakng_loader
import numpy as np

from hump.errors import HumpError, ParameterError

SAMPLING_RATE = 22050

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples go to the callback, no sound device
_DONT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT: report an error, do not end the process
_UTF8 = 1  # espeakCHARS_UTF8
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeakRATE, espeakPITCH, espeakRANGE
_SILENCE = 0.002  # of full scale
_LONGEST_DATA_PATH = 140  # the library cuts its data path, with what it appends, at 160 bytes

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
_one_at_a_time = threading.Lock()


def speak(text: str, *, voice: str, pitch_st: float, range_oct: float, rate_wpm: float):
    """Speech of one sentence.

    Parameters
    ----------
    text : str
        What is said.
    voice : str
        Language and voice variant, such as ``de+f3``.
    pitch_st : float
        F0 relative to the voice's own, in semitones; limited to -12 to +12.
    range_oct : float
        F0 range relative to the voice's own, as log2 of the ratio; at most 1.
    rate_wpm : float
        Rate of speech in words per minute; limited to 80 to 450.

    Returns
    -------
    numpy.ndarray, shape (samples,), float32
        Within -1 to 1, at 22 050 Hz, without the silence before and after it.

    Raises
    ------
    ParameterError
        eSpeak NG has no such voice.
    HumpError
        The library cannot be loaded, or cannot be loaded anew.
    """
    settings = {
        # The library scales F0 by half to double over its 0 to 100, 50 being the voice's own.
        _PITCH: np.clip(50 + pitch_st * 50 / 12, 0, 99),
        _RANGE: np.clip(50 * 2.0**range_oct, 0, 100),
        _RATE: np.clip(rate_wpm, 80, 450),
    }
    chunks = []

    @_Callback  # referenced until the library is gone, which keeps a bare pointer to it
    def collect(samples, count, _events):
        if samples and count:
            chunks.append(ctypes.string_at(samples, 2 * count))
        return 0

    with _one_at_a_time:
        library = _load()
        try:
            library.espeak_SetSynthCallback(collect)
            if library.espeak_SetVoiceByName(voice.encode()):
                raise ParameterError(f"voice={voice!r}: eSpeak NG has no such voice")
            for parameter, value in settings.items():
                library.espeak_SetParameter(parameter, round(float(value)), 0)
            library.espeak_ng_SetRandSeed(ctypes.c_long(1))
            size = ctypes.c_size_t(len(text.encode()) + 1)
            failed = library.espeak_Synth(text.encode(), size, 0, 1, 0, _UTF8, None, None)
            library.espeak_Synchronize()
        finally:
            _unload(library)
    signal = np.frombuffer(b"".join(chunks), dtype=np.int16).astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(signal) > _SILENCE)
    if failed or not len(loud):
        raise HumpError(f"text={text!r}, voice={voice!r}: eSpeak NG returned no speech")
    return signal[loud[0] : loud[-1] + 1]


def _load():
    path = espeakng_loader.get_library_path()
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise HumpError(
            f"{path}: cannot be loaded ({error}); install the wheel espeakng-loader again"
        ) from error
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(_data_path()), _DONT_EXIT)
    if rate != SAMPLING_RATE:
        _unload(library)
        raise HumpError(
            f"{_data_path()}: eSpeak NG answers {rate} Hz, expected {SAMPLING_RATE}; "
            "install the wheel espeakng-loader again"
        )
    return library


def _unload(library) -> None:
    library.espeak_Terminate()
    dlclose(library._handle)
    try:
        still = ctypes.CDLL(library._name, mode=os.RTLD_NOLOAD | os.RTLD_NOW)
    except OSError:
        return
    dlclose(still._handle)  # asking holds it, too
    raise HumpError(
        f"{library._name}: is held by something else in this process, so that its state would "
        "leak from one utterance into the next; build the demo corpora in a process of their own"
    )


@functools.cache
def _data_path() -> str:
    """Folder of eSpeak NG's data, behind a short link where its path is too long."""
    path = espeakng_loader.get_data_path()
    if len(os.fsencode(path)) <= _LONGEST_DATA_PATH:
        return path
    folder = tempfile.mkdtemp(prefix="espeak-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    link = Path(folder) / "espeak-ng-data"
    link.symlink_to(path, target_is_directory=True)
    return str(link)
