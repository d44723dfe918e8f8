"""DisVoice's prosody module, alone and without its side effects.

Importing the package `disvoice` 0.1.10 runs all of its parts, which fails on SciPy >= 1.14 and
wants TensorFlow and Kaldi; its prosody module appends to ``sys.path``, imports its neighbours as
top-level modules and sets matplotlib's font. Here the two files that compute prosody are loaded
by path, under private names, with stand-ins for what they import but do not use.
"""

import contextlib
import functools
import importlib
import importlib.util
import sys
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np

from hump.errors import FeatureError

__all__ = ["kurtosis", "load", "mean_squared_error", "skew"]

# Imported by DisVoice for real: loaded first, so that none of them meets a stand-in.
_USED = ("numpy", "pandas", "pysptk", "scipy.io.wavfile", "scipy.stats", "sklearn.metrics",
         "torch", "tqdm")
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
    with warnings.catch_warnings(), _restored_path():
        # pysptk 1.0.1 imports pkg_resources, which warns that it is deprecated, and adds a path.
        warnings.simplefilter("ignore")
        for name in _USED:
            importlib.import_module(name)
        functions = _execute("prosody_functions", folder)
        with _modules({**_stand_ins(), "prosody_functions": functions}):
            prosody = _execute("prosody", folder)
    _lighten(functions)
    return prosody


def _execute(name, folder):
    spec = importlib.util.spec_from_file_location(f"_hump_disvoice_{name}", folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _stand_ins():
    modules = {name: ModuleType(name) for name in _UNUSED}
    for name, attributes in _UNUSED.items():
        vars(modules[name]).update(attributes)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, modules[name])
    return modules


@contextlib.contextmanager
def _modules(modules):
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@contextlib.contextmanager
def _restored_path():
    before = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = before


def _lighten(functions):
    """Give DisVoice's functions the same statistics without their checks.

    Skewness, kurtosis and squared error are called some hundred times an utterance, on short
    one-dimensional arrays that DisVoice made; the checks that SciPy and scikit-learn put before
    them take half of its time and change no value.
    """
    functions.st = SimpleNamespace(skew=skew, kurtosis=kurtosis)
    functions.mean_squared_error = mean_squared_error


def skew(values):
    """Skewness of a one-dimensional array, as `scipy.stats.skew`, to the last bit."""
    mean, off, variance = _moments(values)
    if variance <= (np.finfo(variance.dtype).eps * mean) ** 2:
        return np.nan
    return np.mean(off**2 * off) / variance**1.5


def kurtosis(values):
    """Excess kurtosis of a one-dimensional array, as `scipy.stats.kurtosis`, to the last bit."""
    mean, off, variance = _moments(values)
    if variance <= (np.finfo(variance.dtype).eps * mean) ** 2:
        return np.nan
    return np.mean((off**2) ** 2) / variance**2.0 - 3


def mean_squared_error(true, predicted):
    """Of one-dimensional arrays, as `sklearn.metrics.mean_squared_error`, to the last bit."""
    return np.mean((true - predicted) ** 2)


def _moments(values):
    mean = np.mean(values)
    off = values - mean
    return mean, off, np.mean(off**2)
