"""DisVoice's prosody module, alone and without its side effects.

Importing the package `disvoice` 0.1.10 runs all of its parts, which fails on SciPy >= 1.14 and
wants TensorFlow and Kaldi; its prosody module appends to ``sys.path``, imports its neighbours as
top-level modules and sets matplotlib's font. Here the two files that compute prosody are loaded
by path, under private names, with stand-ins for what they import but do not use.
"""

import contextlib
import functools
import importlib.util
import sys
import threading
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np

from hump.errors import FeatureError

# Imported by DisVoice for plots, other formats and another pitch tracker: never called from here.
_UNUSED = {
    "matplotlib": {},
    "matplotlib.cm": {},
    "matplotlib.pyplot": {"rcParams": {}},
    "script_mananger": {"script_manager": None},
    "disvoice_utils": {"save_dict_kaldimat": None, "get_dict": None},
    "praat": {},
    "praat.praat_functions": {},
}
_LOADING = threading.Lock()


@functools.cache
def load():
    """Load ``disvoice/prosody/prosody.py``.

    Returns
    -------
    module
        With the class `Prosody`. Not in ``sys.modules``.

    Raises
    ------
    FeatureError
        DisVoice is not installed.
    """
    package = importlib.util.find_spec("disvoice")
    if package is None:
        raise FeatureError("disvoice: is not installed; run ./run_all.sh setup")
    folder = Path(package.submodule_search_locations[0]) / "prosody"
    with _LOADING, _stand_ins():
        functions = sys.modules["prosody_functions"] = _execute("prosody_functions", folder)
        prosody = _execute("prosody", folder)
    functions.st = SimpleNamespace(skew=skew, kurtosis=kurtosis)
    functions.mean_squared_error = mean_squared_error
    return prosody


def _execute(name, folder):
    spec = importlib.util.spec_from_file_location(f"_hump_disvoice_{name}", folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _stand_ins():
    """Put stand-ins in the place of `_UNUSED`; modules and search path are restored at the end."""
    path, modules = list(sys.path), {name: ModuleType(name) for name in _UNUSED}
    for name, attributes in _UNUSED.items():
        vars(modules[name]).update(attributes)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, modules[name])
    with warnings.catch_warnings():
        # pysptk 1.0.1 imports pkg_resources, which warns that it is deprecated, and adds a path.
        warnings.simplefilter("ignore")
        # What DisVoice does use is imported first, so that none of it meets a stand-in.
        import pandas, pysptk, scipy.io.wavfile, scipy.stats  # noqa: E401, F401, I001
        import sklearn.metrics, torch, tqdm  # noqa: E401, F401

        before = {name: sys.modules.get(name) for name in (*modules, "prosody_functions")}
        sys.modules.update(modules)
        try:
            yield
        finally:
            sys.path[:] = path
            for name, module in before.items():
                sys.modules.pop(name, None)
                if module is not None:
                    sys.modules[name] = module


# DisVoice's own statistics, without the checks that SciPy and scikit-learn put before them. They
# are called some hundred times an utterance, on short one-dimensional arrays that DisVoice made:
# the checks take half of its time and change no value.


def skew(values):
    """Skewness of a one-dimensional array, as `scipy.stats.skew`, to the last bit."""
    mean, centred, variance = _moments(values)
    if variance <= (np.finfo(variance.dtype).eps * mean) ** 2:
        return np.nan
    return np.mean(centred**2 * centred) / variance**1.5


def kurtosis(values):
    """Excess kurtosis of a one-dimensional array, as `scipy.stats.kurtosis`, to the last bit."""
    mean, centred, variance = _moments(values)
    if variance <= (np.finfo(variance.dtype).eps * mean) ** 2:
        return np.nan
    return np.mean((centred**2) ** 2) / variance**2.0 - 3


def mean_squared_error(true, predicted):
    """As `sklearn.metrics.mean_squared_error` of one-dimensional arrays, to the last bit."""
    return np.mean((true - predicted) ** 2)


def _moments(values):
    mean = np.mean(values)
    centred = values - mean
    return mean, centred, np.mean(centred**2)
