"""A trial: a fit on part of the ratings, judged by the rest, before anything is published or believed."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from app.config import Settings
from app.factorization.evaluation import (
    Calibration,
    Evaluation,
    Judging,
    Split,
    calibrate,
    evaluate,
    split_ratings,
    user_leanings,
)
from app.factorization.objective import Epoch, Factors
from app.services.training.arranging import Arranged
from app.services.training.configuring import Configuration

MOST_JUDGED = 5000
"""Users whose ratings a training holds out, at most; with more, the intervals get narrower than anyone needs."""

FEWEST_JUDGED = 30
"""Users with something relevant held out, below which no model is refused for being worse."""

_MOST_SCORES = 200_000_000  # users times items: a second or two of ranking


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration's fit on the training part, and how it was judged.

    Attributes
    ----------
    configuration : Configuration
        What was fitted.
    factors : Factors
        The fit, which has not seen the held-out ratings.
    evaluation : Evaluation
        What they say of it.
    loss_per_rating : float or None
        None for methods without epochs.
    fit_seconds : float
        What the fit took, its losses included.
    """

    configuration: Configuration
    factors: Factors
    evaluation: Evaluation
    loss_per_rating: float | None
    fit_seconds: float

    @property
    def n_judged(self) -> int:
        """Users with something relevant held out."""
        return len(next(iter(self.evaluation.by_user.values()), ()))


def hold_out_some(arranged: Arranged, seed: int) -> Split:
    """Hold out the latest ratings of some users, so few that judging takes a small part of a training's time.

    Of each sampled user the same ratings are held out as ``foldin evaluate`` holds out with the same seed.

    Parameters
    ----------
    arranged : Arranged
        All ratings.
    seed : int
        Chooses the users.

    Returns
    -------
    Split
        What to fit, and what to judge by.
    """
    n_items = arranged.user_items.shape[1]
    eligible = np.flatnonzero(np.diff(arranged.user_items.indptr) >= 2)
    most = min(MOST_JUDGED, max(_MOST_SCORES // max(n_items, 1), 500))
    sampled = np.random.default_rng([seed, 1]).permutation(eligible)[:most]
    return split_ratings(arranged.user_items, arranged.timestamps, np.random.default_rng(seed), users=sampled)


def judging_of(
    settings: Settings, configuration: Configuration, *, n: int = 10, relevant_from: float = 0.75
) -> Judging:
    """Say what is measured.

    Parameters
    ----------
    settings : Settings
        The rating scale.
    configuration : Configuration
        Seed and threads.
    n : int
        Length of the lists.
    relevant_from : float
        The share of the scale from which a held-out rating is relevant.

    Returns
    -------
    Judging
        For ``evaluate``.
    """
    return Judging(
        n=n,
        relevant_from=relevant_from,
        scale=settings.rating_max - settings.rating_min,
        seed=configuration.seed,
        n_threads=configuration.n_threads,
    )


def try_out(
    configuration: Configuration,
    arranged: Arranged,
    split: Split,
    judging: Judging,
    *,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Trial:
    """Fit a configuration on the training part and judge it.

    Parameters
    ----------
    configuration : Configuration
        What to fit.
    arranged : Arranged
        Says what the items are.
    split : Split
        What to fit on, and what to judge by.
    judging : Judging
        What to measure.
    on_epoch : callable, optional
        Told after every epoch.

    Returns
    -------
    Trial
        The fit and its evaluation.
    """
    losses = [np.nan]

    def follow(epoch: Epoch) -> None:
        losses.append(epoch.loss)
        if on_epoch:
            on_epoch(epoch)

    started = perf_counter()
    factors = configuration.fit(arranged, *split.to_fit, on_epoch=follow)
    seconds = perf_counter() - started
    loss_per_rating = losses[-1] / max(split.train.nnz, 1) if len(losses) > 1 else None
    is_sound = bool(np.isfinite(factors.item_factors).all() and np.isfinite(factors.user_factors).all())
    evaluation = evaluate(factors, split, judging) if is_sound else Evaluation({})
    return Trial(configuration, factors, evaluation, loss_per_rating, seconds)


def calibration_of(trial: Trial, split: Split, settings: Settings) -> Calibration | None:
    """Fit predicted values to the held-out ratings.

    Parameters
    ----------
    trial : Trial
        Its scores.
    split : Split
        The held-out ratings.
    settings : Settings
        The rating scale.

    Returns
    -------
    Calibration or None
        From scores to the rating scale; None where too little was held out, or everyone gets the same scores.
    """
    if trial.configuration.method == "popularity" or not len(trial.evaluation.scores):
        return None
    lowest, width = settings.rating_min, settings.rating_max - settings.rating_min
    mean = float(split.train.data.mean(dtype=np.float64))
    leanings = np.repeat(user_leanings(split.train, mean), np.diff(split.test.indptr)) * width
    values = lowest + width * split.test.data.astype(np.float64)
    return calibrate(trial.evaluation.scores, values, leanings, lowest + width * mean)


def described_metrics(evaluation: Evaluation) -> dict[str, Any]:
    """Write metrics down.

    Parameters
    ----------
    evaluation : Evaluation
        Of a fit.

    Returns
    -------
    dict
        JSON: by name, ``mean``, ``low`` and ``high``.
    """
    return {name: interval._asdict() for name, interval in evaluation.metrics.items()}
