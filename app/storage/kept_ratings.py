"""The ratings that the last training loaded, kept on its disk, so that the next one loads only what changed since.

They are written as a model version's files are, under a random name that the store knows too, so that neither another
store nor an earlier state of this one, out of a backup, is ever mixed with them. Whatever is missing, damaged or not of
this store means no more than that everything is loaded once more.
"""

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import Connection

from app.errors import ArtifactError
from app.storage.artifacts import place_artifacts, read_artifacts, write_artifacts
from app.storage.engine import Store
from app.storage.keys import array_literal
from app.storage.rating_changes import Moment, ask_for_notes, kept_name, packed, read_changed_pairs, unpacked
from app.storage.sqlite_columns import RatingColumns

FEWEST_KEPT = 1_000_000
"""Fewer ratings are loaded in a moment."""

MOST_NOTED = 0.05
"""The share of the ratings whose changes are noted; with more, loading everything is as fast."""

_FIND = {
    "sqlite": """
        SELECT changed.key, ratings.value, ratings.timestamp FROM json_each(?) AS changed CROSS JOIN ratings
        ON ratings.user_key = changed.value >> 32 AND ratings.item_key = changed.value & 4294967295
        WHERE ratings.value IS NOT NULL ORDER BY changed.key""",
    # LATERAL keeps the planner from reading all ratings for the sake of a few
    "postgresql": """
        SELECT changed.place - 1, found.value, found.timestamp
        FROM unnest(%s::bigint[]) WITH ORDINALITY AS changed (pair, place), LATERAL (
            SELECT value, timestamp FROM ratings
            WHERE user_key = changed.pair >> 32 AND item_key = changed.pair & 4294967295 LIMIT 1
        ) AS found
        WHERE found.value IS NOT NULL ORDER BY changed.place""",
}
_AT_ONCE = 100_000
_UNUSABLE = (ArtifactError, LookupError, TypeError, ValueError)


_Columns = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]
_FOUND = np.dtype([("place", np.int64), ("value", np.float64), ("timestamp", np.int64)])


def load_kept(connection: Connection, folder: Path, moment: Moment) -> RatingColumns | None:
    """Bring kept ratings up to date.

    Parameters
    ----------
    connection : Connection
        Which shows one state of the store.
    folder : Path
        Where they are kept.
    moment : Moment
        Of that state.

    Returns
    -------
    RatingColumns or None
        All ratings of that state, in the order of their pairs; None where everything must be loaded.
    """
    if not moment.kept:
        return None
    try:
        kept = read_artifacts(folder / str(moment.kept), n_threads=2)
        if moment.n_changes - kept.description["n_changes"] != moment.n_noted:
            return None  # some changes were not noted
        columns = _columns(kept.arrays)
    except _UNUSABLE:
        return None
    changed = read_changed_pairs(connection)
    pairs, values, timestamps = _brought_up_to_date(columns, changed, _find(connection, changed))
    return *unpacked(pairs), values, timestamps


def keep_ratings(store: Store, folder: Path, columns: RatingColumns, moment: Moment) -> bool:
    """Keep ratings for the next training, in place of those of the last one.

    Parameters
    ----------
    store : Store
        Where they come from; it notes changes from then on.
    folder : Path
        Where to keep them; nothing else may lie there.
    columns : RatingColumns
        All ratings.
    moment : Moment
        Of the state that they were read in.

    Returns
    -------
    bool
        Not if there are few, or a user was erased meanwhile.

    Raises
    ------
    OSError
        If they cannot be written; then none are kept.
    """
    shutil.rmtree(folder, ignore_errors=True)
    pairs = packed(*columns[:2]) if len(columns[0]) >= FEWEST_KEPT else None
    if pairs is None:
        return False
    name, is_kept = 1 + secrets.randbelow((1 << 62) - 1), False
    try:
        written = write_artifacts(folder, _arrays(pairs, *columns[2:]), {"n_changes": moment.n_changes})
        with store.write() as connection:
            is_wanted = ask_for_notes(connection, moment, kept=name, n_wanted=round(MOST_NOTED * len(pairs)))
        if is_wanted:
            place_artifacts(written, folder, name)
            is_kept = True
    finally:
        if not is_kept:
            shutil.rmtree(folder, ignore_errors=True)
    return is_kept


def remove_outdated(store: Store, folder: Path) -> None:
    """Delete kept ratings that no training will use: after an erasure, or when another machine has trained.

    Parameters
    ----------
    store : Store
        Where they come from.
    folder : Path
        Where they are kept; no training may be at work in it.
    """
    names = {path.name for path in folder.glob("*") if path.name.isdigit()}
    if not names:
        return
    with store.read() as connection:
        names.discard(str(kept_name(connection)))
    for name in names:
        shutil.rmtree(folder / name, ignore_errors=True)


def _arrays(
    pairs: NDArray[np.int64], values: NDArray[np.float64], timestamps: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    if not (pairs[1:] > pairs[:-1]).all():  # PostgreSQL gives them in the order of its pages
        order = np.argsort(pairs)
        pairs, values, timestamps = pairs[order], values[order], timestamps[order]
    user_keys, item_keys = unpacked(pairs)
    begins = np.flatnonzero(np.diff(user_keys, prepend=-1))
    short = values.astype(np.float32)
    return {
        "user_keys": user_keys[begins],
        "n_ratings": np.diff(begins, append=len(pairs)),
        "item_keys": item_keys.astype(np.int32),
        "values": short if (short == values).all() else values,
        "timestamps": timestamps,
    }


def _columns(arrays: Mapping[str, NDArray[Any]]) -> _Columns:
    user_keys = np.repeat(arrays["user_keys"], arrays["n_ratings"])
    pairs = packed(user_keys, arrays["item_keys"].astype(np.int64))
    if pairs is None:
        raise ArtifactError("it holds keys that cannot have been kept")
    return pairs, arrays["values"].astype(np.float64), arrays["timestamps"].copy()


def _find(connection: Connection, pairs: NDArray[np.int64]) -> NDArray[Any]:
    # of those that are there the place among the pairs, the value and the time
    parts = [np.empty(0, _FOUND)]
    for start in range(0, len(pairs), _AT_ONCE):
        numbers = pairs[start : start + _AT_ONCE].tolist()
        dialect = connection.dialect.name
        argument = orjson.dumps(numbers).decode() if dialect == "sqlite" else array_literal(numbers)
        cursor: Any = connection.exec_driver_sql(_FIND[dialect], (argument,)).cursor
        found = np.array(cursor.fetchall(), _FOUND)
        found["place"] += start
        parts.append(found)
    return np.concatenate(parts)


def _brought_up_to_date(columns: _Columns, changed: NDArray[np.int64], found: NDArray[Any]) -> _Columns:
    pairs, values, timestamps = columns
    is_there = np.zeros(len(changed), bool)
    is_there[found["place"]] = True
    places, was_there = _places(pairs, changed)
    was_found = was_there[is_there]
    stayed = places[was_there & is_there]
    values[stayed], timestamps[stayed] = found["value"][was_found], found["timestamp"][was_found]
    result: list[Any] = [pairs, values, timestamps]
    if (is_gone := was_there & ~is_there).any():
        result = [np.delete(column, places[is_gone]) for column in result]
    if (is_new := is_there & ~was_there).any():
        added = (changed[is_new], found["value"][~was_found], found["timestamp"][~was_found])
        places, _ = _places(result[0], added[0])
        result = [np.insert(column, places, new) for column, new in zip(result, added, strict=True)]
    return result[0], result[1], result[2]


def _places(pairs: NDArray[np.int64], wanted: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    # where each stands or would stand, and whether it does
    places = np.searchsorted(pairs, wanted)
    is_there = np.zeros(len(wanted), bool)
    is_inside = places < len(pairs)
    is_there[is_inside] = pairs[places[is_inside]] == wanted[is_inside]
    return places, is_there
