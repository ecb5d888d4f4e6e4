"""One fit judged on a split: the metrics with their intervals, and what they are made of for comparing fits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from app.factorization.arrays import Doubles, Floats
from app.factorization.evaluation.bootstrap import Interval, error_intervals, mean_intervals
from app.factorization.evaluation.calibration import calibrate, user_leanings
from app.factorization.evaluation.metrics import coverage, ranking_metrics, value_errors
from app.factorization.evaluation.ranking import fold_in_users, rank_items, score_pairs
from app.factorization.evaluation.splits import Split, keep_pairs
from app.factorization.fold_in import FoldIn
from app.factorization.objective import Factors
from app.factorization.row_blocks import threads

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # which serving does without

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Judging:
    """What to ask for and of whom; the same for all fits that are to be compared."""

    n: int = 10
    """Length of the lists."""

    relevant_from: float = 0.75
    """The least target that makes a held-out item relevant."""

    scale: float = 1.0
    """What a target of 1 more is on the rating scale."""

    seed: int = 0
    """Of the intervals' draws."""

    n_threads: int = 1
    """Threads to use."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good a fit is on what it has not seen."""

    metrics: dict[str, Interval]
    """By name; those of rankings end in `@n`. What could not be measured is missing."""

    by_user: dict[str, Doubles] = field(default_factory=dict)
    """The rankings' metrics of each user with a relevant held-out item, in the order of the users' rows."""

    errors: Doubles = field(default_factory=lambda: np.empty((0, 3)))
    """`value_errors` of each user with a held-out rating; empty for a fit that does not predict values."""

    scores: Floats = field(default_factory=lambda: np.empty(0, np.float32))
    """u·v of all held-out pairs, in the order of the test's data."""


def evaluate(factors: Factors, split: Split, judging: Judging) -> Evaluation:
    """Judge a fit by the held-out ratings.

    Values are predicted by the scores themselves where w0 = 0, and where w0 lies between 0 and 1 by a calibration
    that was fitted on the other half of the users.

    Parameters
    ----------
    factors : Factors
        A fit on `split.train`.
    split : Split
        What was held out.
    judging : Judging
        What to measure.

    Returns
    -------
    Evaluation
        Without metrics where nothing was held out.
    """
    fold_in, rng = FoldIn.of(factors), np.random.default_rng(judging.seed)
    testers = np.flatnonzero(np.diff(split.test.indptr))
    train, test = split.train[testers], split.test[testers]
    relevant = keep_pairs(test, test.data >= judging.relevant_from - _ROUNDING)
    is_judged = np.diff(relevant.indptr) > 0
    with threads(judging.n_threads) as rows:
        U = fold_in_users(fold_in, train, rows)
        scores = score_pairs(U, factors.item_factors, test, rows)
        lists = rank_items(U[is_judged], factors.item_factors, train[is_judged], judging.n, rows)
    metrics: dict[str, Interval] = {}
    by_user: dict[str, Doubles] = {}
    if len(lists):
        n_users, n_items = split.train.shape
        n_raters = np.bincount(split.train.indices, minlength=n_items)
        found = ranking_metrics(lists, relevant[is_judged], n_raters, n_users)
        by_user = {f"{name}@{judging.n}": values for name, values in found.items()}
        intervals = mean_intervals(np.stack(list(by_user.values()), axis=1), rng)
        metrics |= dict(zip(by_user, intervals, strict=True))
        metrics[f"coverage@{judging.n}"] = coverage(lists, n_items)
    predicted = predicted_targets(scores, train, test, factors.hyperparameters.unobserved_weight, rng)
    errors = np.empty((0, 3)) if predicted is None else value_errors(predicted, test)
    if len(errors):
        metrics["rmse"], metrics["mae"] = error_intervals(errors, judging.scale, rng)
    return Evaluation(metrics, by_user, errors, scores)


def predicted_targets(
    scores: Floats, train: csr_array, test: csr_array, unobserved_weight: float, rng: np.random.Generator
) -> Doubles | None:
    """Predict the targets of held-out pairs, none with the help of its own user's held-out ratings.

    Parameters
    ----------
    scores : ndarray of shape (n_pairs,), float32
        u·v in the order of `test.data`.
    train : csr_array of shape (n_users, n_items), float32
        The same users' targets in training.
    test : csr_array of shape (n_users, n_items), float32
        The targets.
    unobserved_weight : float
        w0: at 0 a score is a predicted target, at 1 it is none.
    rng : numpy.random.Generator
        Divides the users into halves.

    Returns
    -------
    ndarray of shape (n_pairs,), float64, or None
        None where values are not predicted, or the pairs are too few to calibrate on.
    """
    if unobserved_weight == 0.0:
        return np.clip(scores.astype(np.float64), 0.0, 1.0)
    if unobserved_weight == 1.0:
        return None
    n_held_out = np.diff(test.indptr)
    in_first_half = np.repeat(rng.random(test.shape[0]) < 0.5, n_held_out)
    mean = float(train.data.mean(dtype=np.float64)) if train.nnz else 0.0
    leanings = np.repeat(user_leanings(train, mean), n_held_out)
    predicted = np.empty(len(scores))
    for half in (in_first_half, ~in_first_half):
        plane = calibrate(scores[~half], test.data[~half], leanings[~half], mean)
        if plane is None:
            return None
        predicted[half] = np.clip(plane.predict(scores[half], leanings[half]), 0.0, 1.0)
    return predicted
