"""A training's trial from the split to the verdict: what a configuration is compared with, and what is recorded."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from app.config import Settings
from app.factorization.evaluation import Evaluation, Judging, Split
from app.factorization.evaluation.bootstrap import error_intervals
from app.factorization.evaluation.metrics import value_errors
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import Epoch
from app.services.training.arranging import Arranged
from app.services.training.configuring import Configuration
from app.services.training.gate import Comparison, compare, refusal_of_factors
from app.services.training.trials import (
    FEWEST_JUDGED,
    Trial,
    calibration_of,
    described_metrics,
    hold_out_some,
    judging_of,
    try_out,
)

TOO_LITTLE = f"fewer than {FEWEST_JUDGED} users have a liked rating held out, so nothing was compared"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the held-out ratings say of a configuration.

    Attributes
    ----------
    trial : Trial or None
        None where nothing could be held out.
    comparison : Comparison or None
        None where there was too little to compare by, or nothing to compare with.
    metrics, calibration : dict
        JSON, for the run and the version.
    """

    trial: Trial | None = None
    comparison: Comparison | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    calibration: dict[str, float] | None = None

    @property
    def refusal(self) -> str | None:
        """Why nothing of this configuration is to be published; None when it may be."""
        if self.trial is not None and (reason := refusal_of_factors(self.trial.factors)):
            return reason
        return self.comparison.explained() if self.comparison and self.comparison.is_clearly_worse else None


def judge(
    configuration: Configuration,
    active: Configuration | None,
    arranged: Arranged,
    settings: Settings,
    *,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Verdict:
    """Try a configuration out on part of the ratings, and compare it.

    Parameters
    ----------
    configuration : Configuration
        What is to be trained.
    active : Configuration or None
        What the active version was trained with.
    arranged : Arranged
        All ratings.
    settings : Settings
        The rating scale.
    on_epoch : callable, optional
        Told after every epoch of the configuration's trial.

    Returns
    -------
    Verdict
        To be recorded.
    """
    split = hold_out_some(arranged, configuration.seed)
    if split.test.nnz == 0:
        return Verdict(metrics={"protocol": {"note": "nothing could be held out: no user has two ratings"}})
    judging = judging_of(settings, configuration)
    trial = try_out(configuration, arranged, split, judging, on_epoch=on_epoch)
    comparison = _compared(trial, active, arranged, split, judging)
    calibration = calibration_of(trial, split, settings)
    protocol = {
        "split": "time",
        "n": judging.n,
        "relevant_from": judging.relevant_from,
        "n_users": trial.n_judged,
        "n_held_out": split.test.nnz,
        "note": TOO_LITTLE if trial.n_judged < FEWEST_JUDGED else None,
    }
    metrics = described_metrics(trial.evaluation) | {
        "protocol": protocol,
        "compared_with": comparison and comparison.described(),
    }
    return Verdict(trial, comparison, metrics, asdict(calibration) if calibration else None)


def _compared(
    trial: Trial, active: Configuration | None, arranged: Arranged, split: Split, judging: Judging
) -> Comparison | None:
    configuration = trial.configuration
    # a method is chosen by its owner; within one, other hyper-parameters must prove themselves against the active ones
    if active and active.method == configuration.method and active.hyperparameters != configuration.hyperparameters:
        both_predict = active.predicts_values and configuration.predicts_values
        base = try_out(replace(active, n_threads=configuration.n_threads), arranged, split, judging).evaluation
        metric = "rmse" if both_predict else f"ndcg@{judging.n}"
        return compare(trial, base, "the active version's hyper-parameters", metric, judging.seed)
    if configuration.predicts_values:
        return compare(trial, _mean_rating(split, judging), "the mean rating", "rmse", judging.seed)
    if configuration.is_learned:
        popular = Configuration("popularity", Hyperparameters(), n_threads=configuration.n_threads)
        base = try_out(popular, arranged, split, judging).evaluation
        return compare(trial, base, "popularity", f"ndcg@{judging.n}", judging.seed)
    return None


def _mean_rating(split: Split, judging: Judging) -> Evaluation:
    test = split.test[np.flatnonzero(np.diff(split.test.indptr))]
    mean = split.train.data.mean(dtype=np.float64)
    errors = value_errors(np.full(test.nnz, mean), test)
    rmse, mae = error_intervals(errors, judging.scale, np.random.default_rng(judging.seed))
    return Evaluation({"rmse": rmse, "mae": mae}, errors=errors)
