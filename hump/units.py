"""What a small HuBERT predicts: the nearest of some cluster centres, for every frame.

Several codebooks describe a frame, each of its own subspace: the cluster ensembles with product
quantisation of Hsu et al. (2021, section II-C; doi:10.1109/TASLP.2021.3122291). The paper divides
MFCC. Here, since MFCC of a frame say next to nothing of pitch and manner of speaking, by which
emotions are told, a second codebook describes periodicity, and a third how spectrum and periodicity
lie and vary around the frame, as the long-term targets of PASE+ do (Ravanelli et al. 2020,
doi:10.1109/ICASSP40776.2020.9053569).
"""

import functools
from dataclasses import dataclass

import librosa
import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans
from torch.nn import functional as F
from transformers import HubertModel

__all__ = ["Codebook", "Units", "cluster", "in_bfloat16", "manner", "periodicity"]

RATE, HOP, RECEPTIVE = 16_000, 320, 400  # samples: a second, between frames, seen by a frame
WINDOW = 1024  # of periodicity, centred on a frame; holds four periods at 62.5 Hz
LOWEST_HZ, PER_OCTAVE, LAGS = 60.0, 12, 40  # a lag a semitone, from 60 to 571 Hz
BANDS = 20  # of the spectrum, on the mel scale
AROUND = 25  # frames of which `manner` is: half a second


@dataclass(frozen=True)
class Codebook:
    """Cluster centres of one view of a frame.

    Attributes
    ----------
    view : str
        ``mfcc``, ``pitch``, ``manner`` or ``layer``.
    centres : torch.Tensor, shape (units, width)
        In standardised coordinates.
    mean, deviation : torch.Tensor, shape (width,)
    """

    view: str
    centres: torch.Tensor
    mean: torch.Tensor
    deviation: torch.Tensor

    def nearest(self, frames):
        """Number of the centre next to each frame, (..., width) -> (...), int64."""
        scaled = (frames - self.mean) / self.deviation
        # |x - c|^2 less |x|^2, which is the same for all centres.
        distance = self.centres.square().sum(1) - 2 * scaled @ self.centres.T
        return distance.argmin(-1)


@dataclass(frozen=True)
class Units:
    """What is predicted of a frame.

    Attributes
    ----------
    codebooks : tuple of Codebook
    teacher : transformers.HubertModel or None
        Whose last states are the view ``layer``.
    """

    codebooks: tuple[Codebook, ...]
    teacher: HubertModel | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of units of each codebook."""
        return tuple(len(codebook.centres) for codebook in self.codebooks)

    @torch.no_grad()
    def __call__(self, signals, frames):
        """Units of a batch.

        Parameters
        ----------
        signals : torch.Tensor, float32, shape (pieces, samples)
            16 kHz.
        frames : torch.Tensor, float32, shape (pieces, frames, 39)
            MFCC; not looked at without a codebook of them.

        Returns
        -------
        torch.Tensor of int64, shape (codebooks, pieces, frames)
        """
        views = {
            "mfcc": lambda: frames,
            "pitch": lambda: periodicity(signals),
            "manner": lambda: manner(signals),
            "layer": lambda: self._states(signals),
        }
        return torch.stack([book.nearest(views[book.view]()) for book in self.codebooks])

    def _states(self, signals):
        with in_bfloat16(signals.device.type):
            return self.teacher(signals).last_hidden_state.float()


def in_bfloat16(device: str):
    """Context in which matrix products round to bfloat16, where the device has instructions for it.

    Parameters
    ----------
    device : str
        ``cpu`` or ``cuda``.

    Returns
    -------
    torch.autocast
    """
    able = torch.cpu.get_capabilities()
    has = device == "cuda" or bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return torch.autocast(device, torch.bfloat16, enabled=has)


def cluster(view: str, frames, count: int, *, seed: int, device: str) -> Codebook:
    """Find the centres of a view, every dimension weighing the same.

    Parameters
    ----------
    view : str
        As in `Codebook`.
    frames : torch.Tensor, float32, shape (..., width)
    count : int
        Centres.
    seed : int
    device : str
        Where the codebook will be used.

    Returns
    -------
    Codebook
    """
    flat = frames.reshape(-1, frames.shape[-1]).double().cpu().numpy()
    mean, deviation = flat.mean(0), flat.std(0) + 1e-6
    found = MiniBatchKMeans(count, n_init=3, batch_size=4096, max_iter=100, random_state=seed)
    found.fit((flat - mean) / deviation)
    values = (found.cluster_centers_, mean, deviation)
    return Codebook(
        view, *(torch.tensor(value, dtype=torch.float32, device=device) for value in values)
    )


def periodicity(signals: torch.Tensor) -> torch.Tensor:
    """How much each frame repeats itself after a period, for periods a semitone apart.

    The autocorrelation of a Hann-windowed piece of 64 ms, divided by that of the window and by its
    value at lag 0 (Boersma 1993, Proc. IFA 17, pages 97 to 110): 1 at the period of a voice, about
    0 for noise. No F0 is decided on, so there is none to be wrong.

    Parameters
    ----------
    signals : torch.Tensor, float32, shape (pieces, samples)
        16 kHz.

    Returns
    -------
    torch.Tensor, float32, shape (pieces, frames, 40)
        Frames as HuBERT's; periods of 60, 63.6, ... 571 Hz.
    """
    return _periodicity(_power(signals))


def manner(signals: torch.Tensor) -> torch.Tensor:
    """How spectrum and periodicity lie and vary in the half second around each frame.

    Parameters
    ----------
    signals : torch.Tensor, float32, shape (pieces, samples)
        16 kHz.

    Returns
    -------
    torch.Tensor, float32, shape (pieces, frames, 120)
        Means of 40 periodicities and 20 log energies of mel bands, then their deviations.
    """
    power = _power(signals)
    energies = torch.log(power @ _tables()[3].to(power.device) + 1e-6)
    values = torch.cat([_periodicity(power), energies], dim=-1).transpose(1, 2)
    mean, square = (
        F.avg_pool1d(v, AROUND, stride=1, padding=AROUND // 2, count_include_pad=False)
        for v in (values, values.square())
    )
    deviation = (square - mean.square()).clamp(min=0).sqrt()
    return torch.cat([mean, deviation], dim=1).transpose(1, 2)


def _power(signals):
    """Power spectra of 64 ms around each frame, shape (pieces, frames, 1025)."""
    count = (signals.shape[1] - RECEPTIVE) // HOP + 1
    before = WINDOW // 2 - RECEPTIVE // 2
    needed = (count - 1) * HOP + WINDOW
    padded = F.pad(signals, (before, max(0, needed - before - signals.shape[1])))
    pieces = padded.unfold(1, WINDOW, HOP)[:, :count]
    pieces = (pieces - pieces.mean(-1, keepdim=True)) * _tables()[0].to(signals.device)
    spectrum = torch.fft.rfft(pieces, 2 * WINDOW)
    return spectrum.real.square() + spectrum.imag.square()


def _periodicity(power):
    _, lags, expected, _ = (table.to(power.device) for table in _tables())
    correlation = torch.fft.irfft(power)[..., :WINDOW]
    below = lags.floor().long()
    at_lag = torch.lerp(correlation[..., below], correlation[..., below + 1], lags - below)
    # Digital silence has no period.
    return at_lag / (correlation[..., :1] + 1e-6) / expected


@functools.cache
def _tables():
    """Window, lags in samples, the window's own autocorrelation there, and mel bands."""
    window = torch.hann_window(WINDOW, dtype=torch.float64)
    own = torch.fft.irfft(torch.fft.rfft(window, 2 * WINDOW).abs().square())
    hertz = LOWEST_HZ * 2.0 ** (np.arange(LAGS) / PER_OCTAVE)
    lags = torch.from_numpy(RATE / hertz)
    below = lags.floor().long()
    expected = torch.lerp(own[below], own[below + 1], lags - below) / own[0]
    bands = torch.from_numpy(librosa.filters.mel(sr=RATE, n_fft=2 * WINDOW, n_mels=BANDS).T.copy())
    return window.float(), lags.float(), expected.float(), bands
