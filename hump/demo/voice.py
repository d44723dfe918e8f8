"""Voice quality that eSpeak NG has no setting for: formants, tremor, roughness, breath, slope."""

import numpy as np
from scipy import fft, ndimage
from scipy import signal as dsp

from hump.demo.recording import coloured_noise

__all__ = ["SAMPLING_RATE", "colour", "warp"]

SAMPLING_RATE = 16000

_OVERSAMPLING = 2  # makes the cubic interpolation of `warp` exact enough below 7 kHz
_MODAL_ROUGHNESS = 0.5  # per cent; an ordinary voice's jitter
_MODAL_BREATH_DB = -32.0  # aspiration of an ordinary voice relative to its level, dB
_TIMBRE_HZ = np.geomspace(62.5, 8000, 8)


def warp(signal, sampling_rate: int, *, formants: float, cues: dict, rng):
    """Read the signal at a varying speed, which moves formants, F0 and time together.

    Parameters
    ----------
    signal : numpy.ndarray [shape=(samples,)]
    sampling_rate : int
        Of the signal, Hz.
    formants : float
        Mean speed: how much all frequencies rise; the signal gets shorter by as much.
    cues : dict of str to float
        ``tremor_st`` and ``roughness`` are used; units as in `hump.demo.acting.CUES`.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray [shape=(samples / formants,)]
        At 16 kHz.
    """
    fine_rate = _OVERSAMPLING * sampling_rate
    taps = dsp.firwin(127, min(7600, 7600 / formants), fs=fine_rate)
    fine = dsp.upfirdn(_OVERSAMPLING * taps, signal, up=_OVERSAMPLING)
    time = np.arange(int(len(fine) / fine_rate * SAMPLING_RATE / formants)) / SAMPLING_RATE
    phase, frequency = rng.uniform(0, 2 * np.pi), rng.uniform(5, 7)
    depth = max(cues["tremor_st"], 0) / 12 * np.log(2)
    tremor = depth * np.sin(2 * np.pi * frequency * time + phase)
    # Knots about as far apart as periods of the voice: F0 changes from one to the next.
    jitter = _irregularity(time, rng) * max(_MODAL_ROUGHNESS + cues["roughness"], 0.1) / 100
    speed = formants * np.exp(tremor + jitter)
    return ndimage.map_coordinates(
        fine, [np.cumsum(speed) * fine_rate / SAMPLING_RATE], order=3, prefilter=True
    )


def colour(signal, *, timbre_db, cues: dict, rng):
    """Give a voice its timbre and the quality of an emotion.

    Parameters
    ----------
    signal : numpy.ndarray [shape=(samples,)]
        At 16 kHz.
    timbre_db : numpy.ndarray [shape=(8,)]
        Gains from 62.5 to 8000 Hz, evenly spaced in octaves, dB.
    cues : dict of str to float
        ``tilt_db``, ``breath_db``, ``roughness``, ``emphasis`` and ``fall_db`` are used.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray [shape=(samples,)]
    """
    time = np.arange(len(signal)) / SAMPLING_RATE
    length = fft.next_fast_len(len(signal), real=True)
    frequency = fft.rfftfreq(length, 1 / SAMPLING_RATE)
    octaves = np.log2(np.clip(frequency, 500, 6000) / 500)
    gain_db = cues["tilt_db"] * octaves
    gain_db += np.interp(np.log(frequency + 1), np.log(_TIMBRE_HZ), timbre_db)
    spectrum = fft.rfft(signal, length) * 10 ** (gain_db / 20)
    voice = fft.irfft(spectrum, length)[: len(signal)]

    envelope = np.maximum(_envelope(voice), 1e-4)
    # Aspiration is strongest at high frequencies, and follows the voice.
    breath = coloured_noise(len(voice), slope_db=3.0, rng=rng) * envelope
    voice = voice + 10 ** ((_MODAL_BREATH_DB + cues["breath_db"]) / 20) * breath
    shimmer = _irregularity(time, rng) * max(_MODAL_ROUGHNESS + cues["roughness"], 0.1) / 100 * 5
    contrast = np.maximum(envelope / envelope.max(), 0.03) ** np.clip(cues["emphasis"], -0.5, 1)
    fall = 10 ** (-cues["fall_db"] * time / time[-1] / 20)
    return voice * np.exp(shimmer) * contrast * fall


def _irregularity(time, rng):
    """Unit-variance noise that changes about as fast as the periods of a voice do."""
    knots = np.arange(0, time[-1] + 0.02, 0.006)
    return np.interp(time, knots, rng.standard_normal(len(knots)))


def _envelope(signal):
    """Root mean square over 40 ms."""
    return np.sqrt(ndimage.uniform_filter1d(signal**2, int(0.04 * SAMPLING_RATE)))
