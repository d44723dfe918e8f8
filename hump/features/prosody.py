"""Prosody: 103 statistics of F0, energy and duration of an utterance, by DisVoice.

Dehak et al. (2007), doi:10.1109/TASL.2007.902758; Vasquez-Correa et al. (2018),
doi:10.1016/j.jcomdis.2018.08.002. The values are DisVoice's own, with two provisions:

* Its pitch tracker, RAPT in pysptk, adds noise from a generator that is seeded at each call but
  keeps half of a Box-Muller pair: after a signal with an odd number of samples the next one gets
  other noise, and F0 of real speech then changes by up to 200 Hz in single frames. `extract` resets
  the generator, so a value depends on its own signal alone and equals what DisVoice gives in a
  fresh process.
* `clean` is the one place that decides what DisVoice's undefined values become.
"""

import io
import threading
import warnings

import numpy as np

from hump.audio import SAMPLING_RATE
from hump.errors import FeatureError
from hump.features import disvoice
from hump.features.base import Stream, check_signal

FAMILIES = {
    "f0": slice(0, 30),
    "energy_voiced": slice(30, 54),
    "energy_unvoiced": slice(54, 78),
    "duration": slice(78, 103),
}
WIDTH = 103
# Where DisVoice has nothing to compute a group of statistics from, it writes 0 for all of them: no
# F0, or none long enough for a tilt; fewer than two segments, or no first or last one of a frame;
# fewer than two voiced, unvoiced or pause durations. True values are never all exactly 0.
_GROUPS = (
    FAMILIES["f0"], slice(6, 14), FAMILIES["energy_voiced"], slice(42, 48), slice(48, 54),
    FAMILIES["energy_unvoiced"], slice(66, 72), slice(72, 78), slice(78, 79), slice(79, 85),
    slice(85, 91), slice(91, 97), slice(97, 103),
)  # fmt: skip
# RAPT refuses less.
MIN_SAMPLES = 440
# DisVoice writes -1e30 dB for the energy of digital silence and averages it with true values, so
# any magnitude up to its square occurs; true values stay below 1e6 (squared Hz or dB).
UNDEFINED = 1e12

# The generator of the pitch tracker is shared by the whole process.
_LOCK = threading.Lock()


class NoProsody(FeatureError):
    """DisVoice finds nothing to describe in a signal."""


def extract(signal) -> np.ndarray:
    """DisVoice's 103 static prosody features of one utterance, as DisVoice gives them.

    Parameters
    ----------
    signal : array_like, shape (samples,)
        16 kHz, full scale 1. Rounded to 16 bit, which is exact for audio recorded so.

    Returns
    -------
    numpy.ndarray, shape (103,), float64
        Columns as `feature_names`: Hz, dB, seconds. 0, NaN or near -1e30 where undefined (`clean`).

    Raises
    ------
    FeatureError
        Shorter than 440 samples; or (`NoProsody`) DisVoice fails on it: no voiced stretch of two
        pitch frames, for instance.
    """
    signal = check_signal(signal, stream="prosody", min_samples=MIN_SAMPLES)
    prosody = disvoice.load().Prosody()
    with _LOCK, warnings.catch_warnings(), np.errstate(all="ignore"):
        # The warnings are of moments of too few values, which are NaN in the result: see `clean`.
        warnings.simplefilter("ignore")
        try:
            return np.asarray(prosody.prosody_static(_wav(signal), plots=False), dtype=np.float64)
        except (IndexError, ValueError) as error:
            raise NoProsody(
                f"prosody: DisVoice fails on a signal of {len(signal) / SAMPLING_RATE:.3f} s "
                f"({error}), as it does without two voiced pitch frames in a row; "
                "leave this recording out"
            ) from error
        finally:
            _rewind(signal)


def vector(signal) -> np.ndarray:
    """Prosody as a study uses it: `extract`, then `clean`.

    Where DisVoice finds nothing to describe, as without F0, nothing is defined: one such recording
    does not stop a corpus. The table of `02_features` counts these, and those without a family.

    Parameters
    ----------
    signal : array_like, shape (samples,)
        16 kHz, full scale 1.

    Returns
    -------
    numpy.ndarray, shape (103,), float32

    Raises
    ------
    FeatureError
        Shorter than 440 samples, or DisVoice is not installed.
    """
    try:
        return clean(extract(signal))
    except NoProsody:
        return np.full(WIDTH, np.nan, np.float32)


def feature_names() -> tuple[str, ...]:
    """DisVoice's names of the 103 columns of `extract`."""
    return tuple(disvoice.load().Prosody().head_st)


def clean(values) -> np.ndarray:
    """Mark what is undefined for an utterance as NaN.

    Skewness and kurtosis of a segment too short, and energies of digital silence, have no value.
    DisVoice gives NaN, infinity or numbers near -1e30, and 0 throughout a group of statistics that
    it has nothing to compute from: as an energy, 0 dB would be very loud. Here all become NaN, and
    nothing is filled in: the model replaces NaN by the mean of its training rows, which says
    "unknown" without letting test rows, or an arbitrary number, into the scale.

    Parameters
    ----------
    values : array_like, shape (..., 103)
        As `extract` returns them.

    Returns
    -------
    numpy.ndarray, same shape, float32
    """
    values = np.asarray(values, dtype=np.float64)
    defined = np.abs(values) < UNDEFINED
    for group in _GROUPS:
        defined[..., group] &= (values[..., group] != 0).any(axis=-1, keepdims=True)
    return np.where(defined, values, np.nan).astype(np.float32)


def undefined_families(values) -> np.ndarray:
    """Which families are undefined as a whole.

    Parameters
    ----------
    values : array_like, shape (..., 103)
        As `clean` returns them.

    Returns
    -------
    numpy.ndarray, shape (..., 4), bool
        In the order of `FAMILIES`.
    """
    unknown = np.isnan(values)
    return np.stack([unknown[..., part].all(axis=-1) for part in FAMILIES.values()], axis=-1)


def _wav(signal):
    from scipy.io import wavfile

    samples = np.clip(np.rint(signal * np.float32(32768)), -32768, 32767).astype(np.int16)
    file = io.BytesIO()
    wavfile.write(file, SAMPLING_RATE, samples)
    file.seek(0)
    return file


def _rewind(signal):
    """Leave the tracker's noise generator as it was before `signal`: it draws numbers in pairs."""
    import pysptk

    if len(signal) % 2:
        silence = np.zeros(MIN_SAMPLES + 1, dtype=np.float32)
        pysptk.sptk.rapt(silence, SAMPLING_RATE, SAMPLING_RATE // 100, min=60, max=350)


STREAM = Stream("prosody", __name__, vector, may_be_nan=True)
