"""Baselines that stand beside HuMP-CAT, trained and tested on the same rows."""

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hump.params import names
from hump.training.dataset import Data

# Name -> its features.
BASELINES = {
    names.MAJORITY: lambda data: np.zeros((len(data.rows), 1)),
    names.SVM: lambda data: data.egemaps,
    names.PROBE: lambda data: data.pooled,
}


def fit_predict(name: str, data: Data, train, test_data: Data, test) -> np.ndarray:
    """Train a baseline on some rows and predict others.

    Parameters
    ----------
    name : str
        Key of `BASELINES`: the most frequent class of the training rows; `linear_svm` on the 88
        eGeMAPS functionals (Eyben et al. 2016, doi:10.1109/TAFFC.2015.2457417); or on mean and
        standard deviation over time of the HuBERT layers.
    data, test_data : Data
    train, test : numpy.ndarray of int

    Returns
    -------
    numpy.ndarray, shape (test rows,), int64
        Predicted classes.
    """
    features, test_features = (BASELINES[name](d) for d in (data, test_data))
    if name == names.MAJORITY:
        model = DummyClassifier(strategy="most_frequent")
    else:
        model = linear_svm(features.shape[1])
    model.fit(features[train], data.classes[train])
    return model.predict(test_features[test])


def probabilities(data: Data, train, test, weight=None) -> np.ndarray:
    """Class probabilities by logistic regression on the probe's features, classes balanced.

    Parameters
    ----------
    data : Data
    train, test : numpy.ndarray of int
        Rows to train on and to predict.
    weight : numpy.ndarray, shape (train rows,), optional
        What each training row counts.

    Returns
    -------
    numpy.ndarray, shape (test rows, classes), float64
        0 for a class without training rows.
    """
    regression = LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000)
    model = make_pipeline(StandardScaler(), regression)
    model.fit(data.pooled[train], data.classes[train], logisticregression__sample_weight=weight)
    probability = np.zeros((len(test), len(data.labels)))
    probability[:, model.classes_] = model.predict_proba(data.pooled[test])
    return probability


def linear_svm(width: int) -> Pipeline:
    """A linear SVM with balanced classes, on features scaled to unit variance by training rows.

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
