"""May results be believed? Attention, calibration, bias and embeddings of fine-tuned models."""

from hump.diagnostics.attention import ONE_KEY, UNIFORM, collapse, entropy, measure, summarise
from hump.diagnostics.bias import label_rates
from hump.diagnostics.calibration import BINS, ece, ece_by_chance, fit_temperature, scale
from hump.diagnostics.remarks import about_attention, remarks
from hump.diagnostics.target import Diagnosis, diagnose_target

__all__ = [
    "BINS",
    "ONE_KEY",
    "UNIFORM",
    "Diagnosis",
    "about_attention",
    "collapse",
    "diagnose_target",
    "ece",
    "ece_by_chance",
    "entropy",
    "fit_temperature",
    "label_rates",
    "measure",
    "remarks",
    "scale",
    "summarise",
]
