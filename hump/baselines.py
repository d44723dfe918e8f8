"""What always stands beside HuMP-CAT, trained and tested on the same rows.

Scalers are part of each pipeline, so they are fitted on its training rows.
"""

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hump.data import Data

__all__ = ["BASELINES", "fit_predict", "linear_svm"]

BASELINES = {
    "majority class": lambda data: np.zeros((len(data.rows), 1)),
    "SVM on eGeMAPS": lambda data: data.egemaps,
    "linear probe on HuBERT": lambda data: data.pooled,
}


def fit_predict(name: str, data: Data, train, test_data: Data, test) -> np.ndarray:
    """Train a baseline on some rows and predict others.

    Parameters
    ----------
    name : str
        Key of `BASELINES`: the class that is most frequent in the training rows; `linear_svm` on
        the 88 eGeMAPS functionals (Eyben et al. 2016); or on mean and deviation over time of the
        HuBERT layers.
    data, test_data : Data
    train, test : numpy.ndarray of int

    Returns
    -------
    numpy.ndarray of int
        Predicted classes.
    """
    features, test_features = (BASELINES[name](d) for d in (data, test_data))
    if name == "majority class":
        model = DummyClassifier(strategy="most_frequent")
    else:
        model = linear_svm(features.shape[1])
    model.fit(features[train], data.classes[train])
    return model.predict(test_features[test])


def linear_svm(width: int):
    """A linear SVM, classes balanced, on features scaled to unit variance.

    C is 1 for a kernel divided by the number of features, as the usual RBF width is: with hundreds
    of features an undivided kernel is hardly regularised.

    Parameters
    ----------
    width : int
        Number of features.

    Returns
    -------
    sklearn.pipeline.Pipeline
    """
    svm = SVC(kernel="linear", C=1 / width, class_weight="balanced")
    return make_pipeline(SimpleImputer(), StandardScaler(), svm)
