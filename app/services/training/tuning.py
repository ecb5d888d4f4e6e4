"""``foldin tune``: a search for the hyper-parameters that suit the stored ratings best.

The ratings that ``foldin evaluate`` tests on are put aside first and never looked at. The rest is divided once more:
candidates are fitted on one part and compared by the other.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
import optuna

from app.config import Settings
from app.errors import InvalidInputError
from app.factorization.evaluation import Evaluation, Interval, Judging, Split, evaluate, held_out, keep_pairs
from app.factorization.objective import Factors
from app.services.clock import now_microseconds
from app.services.training.arranging import Arranged
from app.services.training.configuring import Configuration, configuration_of
from app.services.training.evaluating import load_arranged
from app.services.training.gate import refusal_of_factors
from app.services.training.search_space import FEWEST_EPOCHS, MOST_EPOCHS, drawn_values, searched_names, suggest
from app.services.training.trials import hold_out_some, judging_of, try_out
from app.storage import tuning
from app.storage.engine import Store

EPOCHS_PER_STEP = 2
CURVE = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Unobserved weights of the curve, beside the winner's."""

_SEARCH_SHARE = 0.6  # of the time; the rest goes to the finalists and the curve
_FINALISTS = 4
_FINAL_SEEDS = 3
_LARGEST_FACTORS = 256


Point = dict[str, float]
"""Of the curve: ``unobserved_weight``, and the metric's ``mean``, ``low`` and ``high``."""


@dataclass(frozen=True, slots=True)
class TuningProgress:
    """How far a search has come; ``best`` is the best score yet, higher is better."""

    step: str
    n_trials: int
    seconds: float
    best: float


@dataclass(frozen=True, slots=True)
class Found:
    """A configuration and its score on the validation part, higher is better."""

    configuration: Configuration
    score: float


class Tuner:
    """One search; its steps in order are in ``run``.

    Parameters
    ----------
    store : Store
        Where the ratings are and the winner goes.
    settings : Settings
        The method; hyper-parameters that are set are not searched.
    seconds : float
        How long it may take.
    on_progress : callable, optional
        Told after every trial.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        seconds: float,
        on_progress: Callable[[TuningProgress], None] | None = None,
    ) -> None:
        self.store, self.settings, self.seconds = store, settings, seconds
        self.on_progress = on_progress or (lambda _: None)
        self.default = configuration_of(settings)
        self.names = searched_names(self.default.method, settings)
        self.found: list[Found] = []
        self.n_pruned, self.n_final_seeds = 0, _FINAL_SEEDS
        self._started = perf_counter()

    def run(self) -> dict[str, Any]:
        """Search, decide, draw the curve, and store the winner.

        Returns
        -------
        dict
            JSON: what was found, and how.

        Raises
        ------
        InvalidInputError
            If there are too few ratings to tune on.
        """
        arranged = _without_test(load_arranged(self.store, self.settings), self.settings.seed)
        split = hold_out_some(arranged, self.settings.seed)
        judging = judging_of(self.settings, self.default)
        if not np.any(split.test.data >= judging.relevant_from):
            raise InvalidInputError("too few ratings to tune on: nothing liked can be held out")
        self._search(arranged, split, judging)
        winner, base = self._decide(arranged, split, judging)
        curve = self._curve(winner.configuration, arranged, split, judging)
        winner = self._best_of_curve(winner, curve, arranged, split, judging)
        report = {
            "metric": self._metric(judging),
            "score": abs(winner.score),
            "default_score": abs(base.score),
            "n_trials": len(self.found) + self.n_pruned,
            "n_pruned": self.n_pruned,
            "n_ratings": arranged.user_items.nnz,
            "n_validation": split.test.nnz,
            "seconds": perf_counter() - self._started,
            "chosen_unobserved_weight": winner.configuration.hyperparameters.unobserved_weight,
            "curve": curve,
        }
        chosen = {name: getattr(winner.configuration.hyperparameters, name) for name in self.names}
        tuned = tuning.Tuned(winner.configuration.method, now_microseconds(), chosen, report)
        with self.store.write() as connection:
            tuning.store_tuned(connection, tuned)
        return {"method": tuned.method, "hyperparameters": chosen} | report

    def _search(self, arranged: Arranged, split: Split, judging: Judging) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=self.settings.seed, multivariate=True, n_startup_trials=12),
            pruner=optuna.pruners.PercentilePruner(40.0, n_startup_trials=4, n_warmup_steps=FEWEST_EPOCHS - 1),
        )
        most_factors = min(_LARGEST_FACTORS, *arranged.user_items.shape)
        first = replace(
            self.default.hyperparameters, n_factors=min(self.default.hyperparameters.n_factors, most_factors)
        )
        study.enqueue_trial(drawn_values(replace(self.default, hyperparameters=first), self.names))
        while not self.found or self._spent < _SEARCH_SHARE * self.seconds:
            trial = study.ask()
            candidate = suggest(trial, self.default, self.names, most_factors)
            best = self._best_epoch(trial, candidate, arranged, split, judging)
            if best is None:
                self.n_pruned += 1
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            else:
                self.found.append(best)
                study.tell(trial, best.score)
            self._tell("Searching")

    def _best_epoch(
        self, trial: optuna.Trial, candidate: Configuration, arranged: Arranged, split: Split, judging: Judging
    ) -> Found | None:
        # None when it was given up as worse than most before it at the same epoch
        if "n_epochs" not in self.names:
            return Found(candidate, self._score(candidate.fit(arranged, *split.to_fit), split, judging))
        factors: Factors | None = None
        best: Found | None = None
        for n_epochs in range(FEWEST_EPOCHS, MOST_EPOCHS + 1, EPOCHS_PER_STEP):
            n_more = EPOCHS_PER_STEP if factors else FEWEST_EPOCHS
            factors = candidate.fit(arranged, *split.to_fit, start=factors, n_epochs=n_more)
            score = self._score(factors, split, judging)
            trial.report(score, n_epochs)
            if best is None or score > best.score:
                hyperparameters = replace(candidate.hyperparameters, n_epochs=n_epochs)
                best = Found(replace(candidate, hyperparameters=hyperparameters), score)
            elif best.configuration.hyperparameters.n_epochs <= n_epochs - 2 * EPOCHS_PER_STEP:
                return best  # no better for twice in a row
            if self.found and trial.should_prune():
                return None
        return best

    def _decide(self, arranged: Arranged, split: Split, judging: Judging) -> tuple[Found, Found]:
        # the best few and the default once more, with other random starts: a search finds lucky draws too
        left, fit_seconds = self.seconds - self._spent, self._spent / (len(self.found) + self.n_pruned)
        n_fits = 2 * _FINALISTS + len(CURVE)
        self.n_final_seeds = int(np.clip(left / (fit_seconds * n_fits), 1, _FINAL_SEEDS))
        best = sorted(self.found, key=lambda found: -found.score)[:_FINALISTS]
        finalists = [self.default, *(found.configuration for found in best)]
        scored = [Found(one, self._mean_score(one, arranged, split, judging)) for one in finalists]
        return max(scored, key=lambda found: found.score), scored[0]

    def _mean_score(self, one: Configuration, arranged: Arranged, split: Split, judging: Judging) -> float:
        # all on the same seeds: fewer of them would be an advantage to whoever is lucky
        scores: list[float] = []
        for seed in range(self.n_final_seeds):
            factors = replace(one, seed=self.settings.seed + seed + 1).fit(arranged, *split.to_fit)
            scores.append(self._score(factors, split, judging))
            self._tell("Comparing the best")
        return float(np.mean(scores))

    def _curve(self, winner: Configuration, arranged: Arranged, split: Split, judging: Judging) -> list[Point]:
        if winner.method != "weighted":
            return []
        points: list[Point] = []
        for weight in sorted({*CURVE, winner.hyperparameters.unobserved_weight}):
            candidate = _with_weight(winner, weight)
            found = try_out(candidate, arranged, split, judging).evaluation
            points.append({"unobserved_weight": weight} | self._interval(found, judging)._asdict())
            self._tell("Drawing the curve")
        return points

    def _best_of_curve(
        self, winner: Found, curve: list[Point], arranged: Arranged, split: Split, judging: Judging
    ) -> Found:
        # the winner may yet be improved along the curve, if other random starts agree
        if not curve or "unobserved_weight" not in self.names:
            return winner
        weight = max(curve, key=lambda point: point["mean"])["unobserved_weight"]
        if weight == winner.configuration.hyperparameters.unobserved_weight:
            return winner
        moved = _with_weight(winner.configuration, weight)
        return max(winner, Found(moved, self._mean_score(moved, arranged, split, judging)), key=lambda one: one.score)

    def _score(self, factors: Factors, split: Split, judging: Judging) -> float:
        if refusal_of_factors(factors):
            return float("-inf")
        mean = self._interval(evaluate(factors, split, judging), judging).mean
        return -mean if self.default.predicts_values else mean

    def _interval(self, evaluation: Evaluation, judging: Judging) -> Interval:
        return evaluation.metrics[self._metric(judging)]

    def _metric(self, judging: Judging) -> str:
        return "rmse" if self.default.predicts_values else f"ndcg@{judging.n}"

    @property
    def _spent(self) -> float:
        return perf_counter() - self._started

    def _tell(self, step: str) -> None:
        best = max((found.score for found in self.found), default=float("nan"))
        self.on_progress(TuningProgress(step, len(self.found) + self.n_pruned, self._spent, abs(best)))


def _with_weight(one: Configuration, unobserved_weight: float) -> Configuration:
    return replace(one, hyperparameters=replace(one.hyperparameters, unobserved_weight=unobserved_weight))


def _without_test(arranged: Arranged, seed: int) -> Arranged:
    # what `foldin evaluate` trains on
    is_test = held_out(arranged.user_items, arranged.timestamps, np.random.default_rng(seed))
    return replace(
        arranged, user_items=keep_pairs(arranged.user_items, ~is_test), timestamps=arranged.timestamps[~is_test]
    )
