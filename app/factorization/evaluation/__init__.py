"""How good a fit is on ratings that it has not seen: splits, whole-catalogue rankings, metrics, intervals.

Arrays in, arrays out, like the rest of the mathematics; chance comes in as a generator.
"""

from app.factorization.evaluation.bootstrap import Interval, difference
from app.factorization.evaluation.calibration import Calibration, calibrate, user_leanings
from app.factorization.evaluation.evaluate import Evaluation, Judging, evaluate
from app.factorization.evaluation.splits import SPLITS, Split, held_out, keep_pairs, split_ratings

__all__ = [
    "SPLITS",
    "Calibration",
    "Evaluation",
    "Interval",
    "Judging",
    "Split",
    "calibrate",
    "difference",
    "evaluate",
    "held_out",
    "keep_pairs",
    "split_ratings",
    "user_leanings",
]
