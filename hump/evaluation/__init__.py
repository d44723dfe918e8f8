"""Metrics, their intervals over speakers, paired tests, and components of variance.

Weighted accuracy (WA) is the share of correct utterances; unweighted average recall (UAR) is the
mean of the classes' recalls; macro F1 is the mean of the classes' F1 scores. Utterances of one
speaker are alike, so intervals and tests count speakers, not utterances. The simulation in
`benchmarks/intervals.py` measures how often intervals contain the true value and how often tests
report a difference where there is none.
"""

from hump.evaluation.choice import nested
from hump.evaluation.components import variance
from hump.evaluation.differences import against, cells, differences, resampled, with_average
from hump.evaluation.intervals import average, interval_columns, mean_over_speakers, summarise
from hump.evaluation.metrics import METRICS, chance, confusions, scores, speaker_uar, uar
from hump.evaluation.outside import score
from hump.evaluation.paired import compare, compare_families, verdict
