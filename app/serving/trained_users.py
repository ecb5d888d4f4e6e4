"""The users of a version without their names, for answers while the store cannot be reached.

A version carries no ids of users, only keyed hashes of them: who does not have the store's secret can neither read ids
from it nor try out guesses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # which serving does without

_DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class TrainedUsers:
    """Who was trained on, and what they had rated.

    Attributes
    ----------
    user_digests : ndarray of shape (n_users,), uint64
        Keyed hashes of the users' ids, ascending.
    user_indices : ndarray of shape (n_users,), int32
        The user that each belongs to.
    history_offsets : ndarray of shape (n_users + 1,), int64
        Where each user's rated items begin.
    history_items : ndarray of shape (n_ratings,), int32
        Item indices, ascending within a user.
    """

    user_digests: NDArray[np.uint64]
    user_indices: NDArray[np.int32]
    history_offsets: NDArray[np.int64]
    history_items: NDArray[np.int32]

    @classmethod
    def of(cls, user_ids: Sequence[str], user_items: csr_array, secret: bytes) -> TrainedUsers:
        """Note the users of a new version.

        Parameters
        ----------
        user_ids : sequence of str
            In the order of the rows.
        user_items : csr_array of shape (n_users, n_items)
            What they had rated.
        secret : bytes
            The store's.

        Returns
        -------
        TrainedUsers
            Ready to be written.
        """
        digests = np.array([_digest(user_id, secret) for user_id in user_ids], np.uint64)
        order = np.argsort(digests).astype(np.int32)
        offsets, items = user_items.indptr.astype(np.int64), user_items.indices.astype(np.int32)
        return cls(digests[order], order, offsets, items)

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]]) -> TrainedUsers | None:
        """Find the users among a version's arrays.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            By the names of the attributes.

        Returns
        -------
        TrainedUsers or None
            None for a version that was made without them.
        """
        names = [field.name for field in fields(cls)]
        return cls(*(arrays[name] for name in names)) if all(name in arrays for name in names) else None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Name the arrays.

        Returns
        -------
        dict of str to ndarray
            For ``read``.
        """
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def find(self, user_id: str, secret: bytes) -> int | None:
        """Look a user up.

        Parameters
        ----------
        user_id : str
            The outside id.
        secret : bytes
            The store's.

        Returns
        -------
        int or None
            The user's index; None when the version was trained without that user.
        """
        digest = np.uint64(_digest(user_id, secret))
        place = int(np.searchsorted(self.user_digests, digest))
        is_there = place < len(self.user_digests) and self.user_digests[place] == digest
        return int(self.user_indices[place]) if is_there else None

    def history(self, user_index: int) -> NDArray[np.intp]:
        """Say what a user had rated when the version was trained.

        Parameters
        ----------
        user_index : int
            From ``find``.

        Returns
        -------
        ndarray of shape (n,), intp
            Item indices.
        """
        begin, end = self.history_offsets[user_index : user_index + 2]
        return self.history_items[begin:end].astype(np.intp)


def _digest(user_id: str, secret: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(user_id.encode(), key=secret, digest_size=_DIGEST_BYTES).digest(), "little")
