"""A voice: eSpeak NG's, with formants, tremor, roughness, breath and slope, which it cannot set."""

import numpy as np
from scipy import fft, ndimage
from scipy import signal as dsp

from hump.demo import espeak
from hump.demo.recording import SAMPLING_RATE, coloured_noise

_OVERSAMPLING = 2  # makes the cubic interpolation of `_warp` exact enough below 7 kHz
_MODAL_ROUGHNESS = 0.5  # per cent; an ordinary voice's jitter
_MODAL_BREATH_DB = -32.0  # aspiration of an ordinary voice relative to its level, dB
_TIMBRE_HZ = np.geomspace(62.5, 8000, 8)


def speak(text, *, voice, pitch_st, rate_wpm, formants, cues, rng, lowest_st=-np.inf):
    """Speech of one sentence by a voice with other formants, tremor and roughness.

    Parameters
    ----------
    text, voice : str
        As in `hump.demo.espeak.speak`.
    pitch_st : float
        F0 relative to the voice's own, before the cues, semitones.
    rate_wpm : float
        Rate of speech before the cues, words per minute.
    formants : float
        Formant frequencies relative to the voice's own.
    cues : dict of str to float
        ``pitch_st``, ``range_oct``, ``rate_oct``, ``tremor_st``, ``roughness`` are used; units as
        in `hump.demo.acting.CUES`.
    rng : numpy.random.Generator
    lowest_st : float
        F0 relative to the voice's own that eSpeak NG is never asked to go below, semitones.

    Returns
    -------
    numpy.ndarray, shape (samples,), float64
        At 16 kHz.
    """
    plain = espeak.speak(
        text,
        voice=voice,
        # `_warp` raises F0 and rate with the formants: take off beforehand what it will add.
        pitch_st=max(lowest_st, pitch_st + cues["pitch_st"] - 12 * np.log2(formants)),
        range_oct=cues["range_oct"],
        rate_wpm=rate_wpm * 2 ** cues["rate_oct"] / formants,
    )
    return _warp(plain, formants=formants, cues=cues, rng=rng)


def _warp(signal, *, formants, cues, rng):
    """Read the signal at a varying speed, which moves formants, F0 and time together."""
    fine_rate = _OVERSAMPLING * espeak.SAMPLING_RATE
    taps = dsp.firwin(127, min(7600, 7600 / formants), fs=fine_rate)
    fine = dsp.upfirdn(_OVERSAMPLING * taps, signal, up=_OVERSAMPLING)
    time = np.arange(int(len(fine) / fine_rate * SAMPLING_RATE / formants)) / SAMPLING_RATE
    phase, frequency = rng.uniform(0, 2 * np.pi), rng.uniform(5, 7)
    depth = max(cues["tremor_st"], 0) / 12 * np.log(2)
    tremor = depth * np.sin(2 * np.pi * frequency * time + phase)
    speed = formants * np.exp(tremor + _irregularity(time, cues, rng))
    return ndimage.map_coordinates(
        fine, [np.cumsum(speed) * fine_rate / SAMPLING_RATE], order=3, prefilter=True
    )


def colour(signal, *, timbre_db, cues: dict, rng):
    """Give a voice its timbre and the quality of an emotion.

    Parameters
    ----------
    signal : numpy.ndarray, shape (samples,), float64
        At 16 kHz.
    timbre_db : numpy.ndarray, shape (8,), float64
        Gains from 62.5 to 8000 Hz, evenly spaced in octaves, dB.
    cues : dict of str to float
        ``tilt_db``, ``breath_db``, ``roughness``, ``emphasis`` and ``fall_db`` are used; units as
        in `hump.demo.acting.CUES`.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, shape (samples,), float64
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
    shimmer = _irregularity(time, cues, rng) * 5
    contrast = np.maximum(envelope / envelope.max(), 0.03) ** np.clip(cues["emphasis"], -0.5, 1)
    fall = 10 ** (-cues["fall_db"] * time / time[-1] / 20)
    return voice * np.exp(shimmer) * contrast * fall


def _irregularity(time, cues, rng):
    """Random changes about as fast as the periods of a voice, as shares of one."""
    knots = np.arange(0, time[-1] + 0.02, 0.006)
    noise = np.interp(time, knots, rng.standard_normal(len(knots)))
    return noise * max(_MODAL_ROUGHNESS + cues["roughness"], 0.1) / 100


def _envelope(signal):
    """Root mean square over 40 ms."""
    return np.sqrt(ndimage.uniform_filter1d(signal**2, int(0.04 * SAMPLING_RATE)))
