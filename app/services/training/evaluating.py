"""``foldin evaluate``: every method on the same honest split, so that their numbers can be laid side by side."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from app.config import Settings
from app.errors import InvalidInputError
from app.factorization.evaluation import SPLITS, Split, split_ratings
from app.factorization.fit import METHODS
from app.factorization.objective import Epoch
from app.services.training.arranging import Arranged, arrange
from app.services.training.configuring import configuration_of
from app.services.training.trials import described_metrics, judging_of, try_out
from app.storage import catalogue, tuning
from app.storage.engine import Store
from app.storage.training_data import load_training_data


@dataclass(frozen=True, slots=True)
class EvaluationQuery:
    """What to evaluate.

    Attributes
    ----------
    methods : sequence of str
        Some of ``METHODS``; none for all that the data allows.
    n : int
        Length of the lists.
    split : str
        One of ``SPLITS``.
    relevant_from : float
        The share of the rating scale from which a held-out rating is relevant.
    """

    methods: Sequence[str] = ()
    n: int = 10
    split: str = "time"
    relevant_from: float = 0.75

    def check(self) -> None:
        """Refuse what cannot be evaluated.

        Raises
        ------
        InvalidInputError
            If something is out of its range.
        """
        for name in self.methods:
            if name not in METHODS:
                raise InvalidInputError(f"unknown method {name!r}; choose from {', '.join(METHODS)}")
        if self.split not in SPLITS:
            raise InvalidInputError(f"unknown split {self.split!r}; choose from {', '.join(SPLITS)}")
        if not 0.0 <= self.relevant_from <= 1.0:
            raise InvalidInputError("what is relevant is a share of the rating scale, from 0 to 1; 4 of 5 stars is 0.8")
        if self.n < 1:
            raise InvalidInputError("a list has at least one place")


@dataclass(frozen=True, slots=True)
class EvaluationProgress:
    """How far an evaluation has come; ``epoch`` is None while a method begins."""

    method: str
    n_methods_done: int
    n_methods: int
    epoch: Epoch | None


def load_arranged(store: Store, settings: Settings) -> Arranged:
    """Read all ratings of the store.

    Parameters
    ----------
    store : Store
        Where they are.
    settings : Settings
        The rating scale.

    Returns
    -------
    Arranged
        Ready to be divided.

    Raises
    ------
    InvalidInputError
        If there are none.
    """
    with store.read() as connection:
        data = load_training_data(connection)
        rows = catalogue.items_by_key(connection)
    if len(data.values) == 0:
        raise InvalidInputError("there are no ratings yet; bring some in with `foldin import` or POST /ratings")
    return arrange(data, rows, settings)


def split_of(arranged: Arranged, kind: str, seed: int) -> Split:
    """Divide all ratings, always in the same way for one seed.

    Parameters
    ----------
    arranged : Arranged
        All ratings.
    kind : str
        One of ``SPLITS``.
    seed : int
        Decides what chance decides.

    Returns
    -------
    Split
        What to train on and what to test on.
    """
    return split_ratings(arranged.user_items, arranged.timestamps, np.random.default_rng(seed), kind=kind)


def evaluate_methods(
    store: Store,
    settings: Settings,
    query: EvaluationQuery,
    given: tuple[Arranged, Split] | None = None,
    *,
    on_progress: Callable[[EvaluationProgress], None] | None = None,
) -> dict[str, Any]:
    """Evaluate methods on one split of the stored ratings, or on a given one.

    Parameters
    ----------
    store : Store
        Where the ratings, and what was tuned, are.
    settings : Settings
        The rating scale and the seed; hyper-parameters that are set count for every method.
    query : EvaluationQuery
        What to evaluate.
    given : tuple of Arranged and Split, optional
        Another split than one of the stored ratings; ``query.split`` does not matter then.
    on_progress : callable, optional
        Told before every method and after every epoch.

    Returns
    -------
    dict
        JSON: ``protocol``, and ``methods`` with metrics, hyper-parameters and seconds.

    Raises
    ------
    InvalidInputError
        If the query cannot be answered, or nothing can be held out.
    """
    query.check()
    arranged = given[0] if given else load_arranged(store, settings)
    split = given[1] if given else split_of(arranged, query.split, settings.seed)
    if split.test.nnz == 0:
        raise InvalidInputError("nothing can be held out: no user has two ratings")
    names = _methods(query, arranged)
    evaluated = []
    for n_done, name in enumerate(names):

        def follow(epoch: Epoch | None, name: str = name, n_done: int = n_done) -> None:
            if on_progress:
                on_progress(EvaluationProgress(name, n_done, len(names), epoch))

        follow(None)
        evaluated.append(_evaluated(name, store, settings, query, arranged, split, follow))
    return {"protocol": _protocol(query, split, settings, is_given=given is not None), "methods": evaluated}


def _evaluated(
    name: str,
    store: Store,
    settings: Settings,
    query: EvaluationQuery,
    arranged: Arranged,
    split: Split,
    follow: Callable[[Epoch], None],
) -> dict[str, Any]:
    with store.read() as connection:
        tuned = tuning.find_tuned(connection, name)
    configuration = configuration_of(settings, tuned.hyperparameters if tuned else None, method=name)
    judging = judging_of(settings, configuration, n=query.n, relevant_from=query.relevant_from)
    trial = try_out(configuration, arranged, split, judging, on_epoch=follow)
    return {
        "method": name,
        "metrics": described_metrics(trial.evaluation),
        "hyperparameters": asdict(trial.factors.hyperparameters),
        "is_tuned": tuned is not None,
        "seconds": trial.fit_seconds,
    }


def _methods(query: EvaluationQuery, arranged: Arranged) -> list[str]:
    if query.methods:
        return list(dict.fromkeys(query.methods))
    has_content = arranged.item_categories.nnz > 0
    return [name for name in METHODS if has_content or name != "content"]


def _protocol(query: EvaluationQuery, split: Split, settings: Settings, *, is_given: bool) -> dict[str, Any]:
    is_relevant = split.test.data >= query.relevant_from - 1e-6
    owners = np.repeat(np.arange(split.test.shape[0]), np.diff(split.test.indptr))
    width = settings.rating_max - settings.rating_min
    return {
        "split": "given" if is_given else query.split,
        "n": query.n,
        "relevant_from": query.relevant_from,
        "relevant_rating_from": settings.rating_min + query.relevant_from * width,
        "candidates": "every item that the user did not rate in training",
        "seed": settings.seed,
        "n_train": split.train.nnz,
        "n_test": split.test.nnz,
        "n_relevant": int(is_relevant.sum()),
        "n_users": split.test.shape[0],
        "n_items": split.test.shape[1],
        "n_users_judged": len(np.unique(owners[is_relevant])),
        "confidence": 0.95,
    }
