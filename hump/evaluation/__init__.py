"""Metrics, their intervals over speakers, paired tests, and where the variance comes from.

WA is the share of utterances that are right; UAR the mean of the classes' recalls; macro F1 the
mean of their F1. Utterances of one speaker are alike, so speakers, not utterances, are what
intervals and tests count; tables give their number. `benchmarks/intervals.py` simulates corpora
whose truth is known and publishes how often intervals hold it and tests err.
"""

from hump.evaluation.components import variance
from hump.evaluation.intervals import average, summarise
from hump.evaluation.metrics import METRICS, confusions, scores, speaker_uar, uar
from hump.evaluation.paired import compare, compare_families, verdict

__all__ = [
    "METRICS",
    "average",
    "compare",
    "compare_families",
    "confusions",
    "scores",
    "speaker_uar",
    "summarise",
    "uar",
    "variance",
    "verdict",
]
