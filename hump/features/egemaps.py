"""eGeMAPSv02: 88 acoustic parameters of an utterance, the field's common baseline.

Eyben et al. (2016), doi:10.1109/TAFFC.2015.2457417, by openSMILE. A baseline, no stream of the
model.
"""

import functools

import numpy as np

from hump.audio import SAMPLING_RATE
from hump.features.base import Stream, check_signal

WIDTH = 88
# openSMILE's pitch frames last 60 ms; below one frame it fills the vector with NaN.
MIN_SAMPLES = 960


def extract(signal) -> np.ndarray:
    """eGeMAPSv02 functionals of one utterance.

    Parameters
    ----------
    signal : array_like, shape (samples,)
        16 kHz, full scale 1.

    Returns
    -------
    numpy.ndarray, shape (88,), float32
        Columns as `feature_names`; units as in the paper.

    Raises
    ------
    FeatureError
        Shorter than 60 ms.
    """
    signal = check_signal(signal, stream="egemaps", min_samples=MIN_SAMPLES)
    return np.asarray(_smile()(signal, SAMPLING_RATE), dtype=np.float32).reshape(WIDTH)


def feature_names() -> tuple[str, ...]:
    """Names of the 88 columns of `extract`, as openSMILE gives them."""
    return tuple(_smile().feature_names)


@functools.cache
def _smile():
    import opensmile  # here, so that reading stored features does not pay for it

    return opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=opensmile.FeatureLevel.Functionals,
    )


STREAM = Stream("egemaps", __name__, extract)
