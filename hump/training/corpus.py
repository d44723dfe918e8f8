"""A corpus of a study, ready for training: its manifest rows in use beside their features."""

from hump import corpora, results
from hump.features import extract_corpus
from hump.params import Params, names
from hump.training.dataset import Data


def load(corpus: str, params: Params) -> Data:
    """A corpus of the study, as `01_data` listed it; features are read, or extracted and stored.

    Parameters
    ----------
    corpus : str
    params : Params

    Returns
    -------
    Data
        Its labels are the study's four, or the corpus's own if the parameters say so and it is a
        target.

    Raises
    ------
    HumpError
        `01_data` has not been run.
    """
    manifest = results.read(params, "manifest")
    rows = corpora.used(manifest[manifest["corpus"] == corpus])
    native = params.labels == "native" and corpus != params.source
    labels = tuple(sorted(rows["emotion"].unique())) if native else names.EMOTIONS
    return Data(rows, extract_corpus(rows, params), labels)


def others(corpus: str, params: Params) -> list[Data]:
    """Corpora of the study that HuMP-CAT+ learns a target from beside the source.

    Parameters
    ----------
    corpus : str
        The target.
    params : Params

    Returns
    -------
    list of Data
        All other targets, or none if ``plus.sources`` is ``one``.
    """
    several = params.plus.sources == "others"
    return [load(name, params) for name in params.targets if several and name != corpus]
