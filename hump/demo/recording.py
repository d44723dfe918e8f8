"""What lies between a voice and a corpus: distance, room, noise, bandwidth, gain."""

import dataclasses

import numpy as np
from scipy import fft
from scipy import signal as dsp

SAMPLING_RATE = 16_000

_CEILING = 0.97  # largest sample; louder takes are turned down, as by a careful engineer


@dataclasses.dataclass(frozen=True)
class Recording:
    """How a corpus was recorded.

    Attributes
    ----------
    band_hz : tuple of float
        Lower and upper cut-off, Hz; an upper one of 8000 leaves everything.
    noise_db : float
        Level of the background noise, dB relative to full scale.
    noise_slope_db : float
        Its spectral slope, dB per octave: 0 white, -3 pink, -6 brown.
    tone_db : float
        Slope of the microphone's response above 300 Hz, dB per octave.
    reverberation_s : float
        Time in which the room's sound decays by 60 dB.
    direct_db : float
        Level of the direct sound relative to the reverberation, dB.
    level_db : float
        Level of speech in the corpus, dB relative to full scale.
    distance_db : float
        Spread of the level from take to take (the actor's distance, the gain), dB.
    """

    band_hz: tuple[float, float]
    noise_db: float
    noise_slope_db: float
    tone_db: float
    reverberation_s: float
    direct_db: float
    level_db: float
    distance_db: float


def record(signal, *, recording: Recording, loudness_db: float, rng):
    """A voice as a corpus's recording has it.

    Parameters
    ----------
    signal : numpy.ndarray, shape (samples,), float64
        The voice, at `SAMPLING_RATE`.
    recording : Recording
    loudness_db : float
        How much louder than usual the actor speaks, dB.
    rng : numpy.random.Generator
        For the room's reflections, the noise and the distance.

    Returns
    -------
    numpy.ndarray, shape (samples,), float32
        Within -0.97 to 0.97, longer by a margin at either end.
    """
    margin = rng.uniform(0.08, 0.25, size=2) * SAMPLING_RATE
    voice = np.pad(signal, margin.astype(int))
    voice = voice + _reverberation(voice, recording, rng)
    level = recording.level_db + loudness_db + rng.normal(0, recording.distance_db)
    voice *= 10 ** (level / 20) / np.sqrt(np.mean(signal**2))
    noise_db = recording.noise_db + rng.normal(0, 1.5)
    noise = coloured_noise(len(voice), slope_db=recording.noise_slope_db, rng=rng)
    sound = _microphone(voice + 10 ** (noise_db / 20) * noise, recording.tone_db)
    sound = _limit_band(sound, *recording.band_hz)
    return (sound * min(1.0, _CEILING / np.abs(sound).max())).astype(np.float32)


def coloured_noise(samples: int, *, slope_db: float, rng):
    """Gaussian noise of unit power whose spectrum falls or rises evenly.

    Parameters
    ----------
    samples : int
    slope_db : float
        dB per octave.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, shape (samples,), float64
    """
    length = fft.next_fast_len(samples, real=True)
    spectrum = fft.rfft(rng.standard_normal(length))
    # Below 1/200 of the band the slope would blow up the mean: level off there.
    frequency = np.maximum(np.linspace(0, 1, len(spectrum)), 0.005)
    noise = fft.irfft(spectrum * frequency ** (slope_db / 20 / np.log10(2)), length)[:samples]
    return noise / noise.std()


def _reverberation(voice, recording, rng):
    """Exponentially decaying noise (Moorer 1979) as the tail of a small room."""
    samples = int(recording.reverberation_s * SAMPLING_RATE)
    decay = 10 ** (-3 * np.arange(samples) / samples)
    tail = rng.standard_normal(samples) * decay
    tail[: int(0.003 * SAMPLING_RATE)] = 0
    tail *= 10 ** (-recording.direct_db / 20) / np.sqrt(np.sum(tail**2))
    return dsp.oaconvolve(voice, tail)[: len(voice)]


def _microphone(sound, tone_db):
    """Colour sound as a dull or bright microphone does, at the same power."""
    length = fft.next_fast_len(len(sound), real=True)
    octaves = np.log2(np.maximum(fft.rfftfreq(length, 1 / SAMPLING_RATE), 300) / 300)
    coloured = fft.irfft(fft.rfft(sound, length) * 10 ** (tone_db * octaves / 20), length)
    coloured = coloured[: len(sound)]
    return coloured * np.sqrt(np.mean(sound**2) / np.mean(coloured**2))


def _limit_band(sound, low, high):
    edges, kind = ((low, high), "bandpass") if high < SAMPLING_RATE / 2 else (low, "highpass")
    return dsp.sosfilt(dsp.butter(6, edges, kind, fs=SAMPLING_RATE, output="sos"), sound)
