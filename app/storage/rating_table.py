"""Ratings as columns, for those who have hundreds of thousands of them at hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.storage.ratings import Rating


@dataclass(frozen=True, slots=True)
class RatingTable:
    """Columns of ratings, ids as dictionaries: rating n is by ``user_ids[users[n]]`` of ``item_ids[items[n]]``.

    Attributes
    ----------
    user_ids, item_ids : list of str
        Distinct outside ids.
    users, items : ndarray of shape (n_ratings,), integers
        Indices into them.
    values : ndarray of shape (n_ratings,), float64
        On the rating scale.
    timestamps : ndarray of shape (n_ratings,), int64
        Microseconds.
    """

    user_ids: list[str]
    item_ids: list[str]
    users: NDArray[Any]
    items: NDArray[Any]
    values: NDArray[np.float64]
    timestamps: NDArray[np.int64]

    @classmethod
    def of(cls, ratings: Sequence[Rating]) -> "RatingTable":
        """Turn rows into columns.

        Parameters
        ----------
        ratings : sequence of Rating
            With timestamps.

        Returns
        -------
        RatingTable
            In the same order.
        """
        user_ids, users = _encode([rating.user_id for rating in ratings])
        item_ids, items = _encode([rating.item_id for rating in ratings])
        values = np.array([rating.value for rating in ratings], np.float64)
        timestamps = np.array([rating.timestamp for rating in ratings], np.int64)
        return cls(user_ids, item_ids, users, items, values, timestamps)

    def rows(self) -> list[Rating]:
        """Turn columns into rows.

        Returns
        -------
        list of Rating
            In the same order.
        """
        users = [self.user_ids[index] for index in self.users.tolist()]
        items = [self.item_ids[index] for index in self.items.tolist()]
        return list(map(Rating, users, items, self.values.tolist(), self.timestamps.tolist()))

    def __len__(self) -> int:
        return len(self.values)


@dataclass(slots=True)
class TableBuilder:
    """Puts small tables together into a large one, a few bytes for each rating."""

    _user_codes: dict[str, int] = field(default_factory=dict)
    _item_codes: dict[str, int] = field(default_factory=dict)
    _parts: list[tuple[NDArray[Any], ...]] = field(default_factory=list)

    def add(self, table: RatingTable) -> None:
        """Append ratings.

        Parameters
        ----------
        table : RatingTable
            With dictionaries of its own.
        """
        users = _recode(table.user_ids, self._user_codes)[table.users]
        items = _recode(table.item_ids, self._item_codes)[table.items]
        self._parts.append((users, items, table.values, table.timestamps))

    def take(self) -> RatingTable:
        """Hand over what was added, and begin anew.

        Returns
        -------
        RatingTable
            In the order in which it was added.
        """
        users, items, values, timestamps = (
            np.concatenate([_NOTHING[column], *(part[column] for part in self._parts)]) for column in range(4)
        )
        table = RatingTable(list(self._user_codes), list(self._item_codes), users, items, values, timestamps)
        self._user_codes, self._item_codes, self._parts = {}, {}, []
        return table


_NOTHING = tuple(np.empty(0, kind) for kind in (np.int32, np.int32, np.float64, np.int64))


def _recode(ids: list[str], codes: dict[str, int]) -> NDArray[np.int32]:
    return np.array([codes.setdefault(outside_id, len(codes)) for outside_id in ids], np.int32)


def _encode(ids: list[str]) -> tuple[list[str], NDArray[np.int64]]:
    codes = {outside_id: code for code, outside_id in enumerate(dict.fromkeys(ids))}
    return list(codes), np.array([codes[outside_id] for outside_id in ids], np.int64)
