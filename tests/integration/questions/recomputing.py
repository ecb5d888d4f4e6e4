"""What an answer must be, from a version's files in double precision, without the service's own mathematics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from app.storage.artifacts import read_artifacts

SCALE = 5.0  # ratings lie between 0 and this
TOLERANCE = 5e-5


@dataclass(frozen=True)
class Version:
    """A model version, as its files have it."""

    arrays: Mapping[str, Any]
    hyperparameters: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "Version":
        files = read_artifacts(folder)
        hyper = files.description["hyperparameters"]
        others = [name for name in ("has_biases", "has_selection", "recency") if hyper[name]]
        assert not others, "not what is recomputed here"
        return cls({name: np.array(array) for name, array in files.arrays.items()}, hyper)

    @cached_property
    def item_ids(self) -> list[str]:
        text, offsets = self.arrays["item_ids_text"].tobytes(), self.arrays["item_ids_offsets"].tolist()
        return [text[start:end].decode() for start, end in pairwise(offsets)]

    @cached_property
    def item_vectors(self) -> np.ndarray:
        residuals, steps = self.arrays["item_residuals"], self.arrays["item_steps"].reshape(-1)
        n_items, n_factors = residuals.shape
        levels = self.arrays["item_levels"].transpose(0, 2, 1).reshape(-1, self.arrays["item_levels"].shape[1])
        in_steps = levels[:n_items, :n_factors] + residuals / 2.0**16
        vectors: np.ndarray = in_steps * steps[:n_items, np.newaxis] * self.arrays["item_scales"]
        return vectors

    @cached_property
    def popularity(self) -> dict[str, float]:
        return dict(zip(self.item_ids, self.arrays["popularity"].tolist(), strict=True))

    def scores(self, ratings: Mapping[str, float]) -> dict[str, float]:
        """Score every item for someone with these ratings: the row of the normal equations, built and solved."""
        vectors, weights = self.item_vectors, self.arrays["item_weights"].astype(float)
        w0, mean = float(self.hyperparameters["unobserved_weight"]), self.arrays["mean_user"].astype(float)
        known = [item for item in ratings if item in self.popularity]
        rated = [self.item_ids.index(item) for item in known]
        targets = np.array([ratings[item] / SCALE for item in known])
        count = len(rated) + w0 * len(vectors)
        λ = self.hyperparameters["regularization"] * count ** self.hyperparameters["regularization_exponent"]
        of_rated = vectors[rated].T * weights[rated]
        system = w0 * (vectors.T * weights) @ vectors + (1 - w0) * of_rated @ vectors[rated] + λ * np.eye(len(mean))
        user_vector = np.linalg.solve(system, of_rated @ targets + λ * mean)
        return dict(zip(self.item_ids, (vectors @ user_vector).tolist(), strict=True))


def check_list(
    shown: Sequence[Mapping[str, Any]], scores: Mapping[str, float], left: set[str], n: int, *, is_exact: bool = False
) -> None:
    """Hold a list to the best n of what is left.

    Parameters
    ----------
    shown : sequence of mapping
        Items of an answer.
    scores : mapping of str to float
        Every item's.
    left : set of str
        The items that no filter took out.
    n : int
        How many were asked for.
    is_exact : bool
        Whether scores are whole numbers, so that ties are ties.
    """
    ids, tolerance = [item["item_id"] for item in shown], 0.0 if is_exact else TOLERANCE
    assert len(set(ids)) == len(ids) == min(n, len(left)), (ids, n, len(left))
    assert set(ids) <= left, set(ids) - left
    assert all(abs(item["score"] - scores[item["item_id"]]) <= tolerance for item in shown), (shown, scores)
    for one, other in pairwise(shown):
        assert (-one["score"], one["item_id"]) < (-other["score"], other["item_id"])
    missed = [scores[item] for item in left.difference(ids)]
    assert not missed or not shown or max(missed) <= shown[-1]["score"] + tolerance
    if is_exact:
        assert ids == sorted(left, key=lambda item: (-scores[item], item))[:n]
