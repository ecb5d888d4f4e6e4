"""Reading ratings from a body: a whole column at a time when all is well, by the schema when anything is not.

The fast way accepts a part of what the schema accepts and says nothing about what it does not: that is then read again,
row by row, by ``RatingIn``, which accepts it or names what is wrong. A test holds the two to each other.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from fastapi.concurrency import run_in_threadpool
from pydantic import TypeAdapter

from app.api.bodies import parse
from app.api.problems import MOST_ERRORS
from app.api.schemas import RatingIn, Timestamp
from app.config import Settings
from app.errors import InvalidInputError
from app.services.clock import now_microseconds
from app.services.event_loop import give_way
from app.services.policy import MAX_ID_BYTES, check_id, check_value, is_plain
from app.storage.ratings import Rating

MAX_BATCH = 10_000
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BETWEEN = re.compile(rb"}\s*,")
_SPACE = b" \t\r\n"
_PART_BYTES = 65_536
_MOST_NAMED = 100
_SHORT = 64  # characters, which are at most 256 bytes

_one = TypeAdapter(RatingIn)
_many = TypeAdapter(list[RatingIn])
_times: TypeAdapter[list[int | None]] = TypeAdapter(list[Timestamp])


def read_ratings(body: bytes, settings: Settings) -> list[Rating]:
    """Read one rating or an array of them.

    Parameters
    ----------
    body : bytes
        JSON.
    settings : Settings
        With the scale.

    Returns
    -------
    list of Rating
        Valid.

    Raises
    ------
    InvalidInputError
        With every value that is rejected.
    """
    ratings: list[Rating] = []
    for part in _parts(body):
        read = _read_part(part, settings, is_all=part is body)
        if read is None or len(ratings) + len(read) > MAX_BATCH:
            return _all_by_schema(body, settings)
        ratings += read
    return ratings


async def read_many_ratings(body: bytes, settings: Settings) -> list[Rating]:
    """Read a long array on the event loop's thread, which does something else after each part.

    In a thread of its own this would take the GIL from the loop again and again, and each time the loop would wait
    longer for it than for a part.

    Parameters
    ----------
    body : bytes
        JSON.
    settings : Settings
        With the scale.

    Returns
    -------
    list of Rating
        As from ``read_ratings``.

    Raises
    ------
    InvalidInputError
        With every value that is rejected.
    """
    ratings: list[Rating] = []
    for part in _parts(body):
        if part is body:  # it cannot be cut
            return await run_in_threadpool(read_ratings, body, settings)
        read = _read_part(part, settings, is_all=False)
        if read is None or len(ratings) + len(read) > MAX_BATCH:
            return await run_in_threadpool(_all_by_schema, body, settings)
        ratings += read
        await give_way()
    return ratings


def read_lines(lines: Sequence[bytes], settings: Settings) -> tuple[list[Rating], InvalidInputError | None]:
    """Read ratings from lines of NDJSON, up to the first that is rejected.

    Parameters
    ----------
    lines : sequence of bytes
        One JSON object each.
    settings : Settings
        With the scale.

    Returns
    -------
    ratings : list of Rating
        Of the lines before the rejected one.
    error : InvalidInputError or None
        What is wrong with the line after them; None when all are valid.
    """
    if all(line.startswith(b"{") and line.endswith(b"}") for line in lines):
        body = b"[" + b",".join(lines) + b"]"
        entries = _load(body)
        if entries is not None and len(entries) == len(lines):
            ratings = _by_columns(entries, settings)
            if ratings is not None and not _may_repeat_keys(body, entries):
                return ratings, None
    accepted: list[Rating] = []
    for line in lines:
        try:
            accepted += _by_schema(line, settings, is_array=False)
        except InvalidInputError as error:
            return accepted, error
    return accepted, None


def _parts(body: bytes) -> Iterator[bytes]:
    # A parser lets nobody else work until it has come to its end, so a long array is cut into several. Where a cut
    # falls into a string or a deeper object, the part before it is no JSON; one without entries is a part of no array.
    start, end = len(body) - len(body.lstrip(_SPACE)) + 1, len(body.rstrip(_SPACE)) - 1
    if end <= _PART_BYTES or body[start - 1 : start] != b"[" or body[end : end + 1] != b"]":
        yield body
        return
    while start <= end:
        found = _BETWEEN.search(body, start + _PART_BYTES, end)
        yield b"[" + body[start : found.start() + 1 if found else end] + b"]"
        start = found.end() if found else end + 1


def _read_part(part: bytes, settings: Settings, *, is_all: bool) -> list[Rating] | None:
    entries = _load(part)
    if entries is None or not (entries or is_all) or len(entries) > MAX_BATCH:
        return None
    ratings = _by_columns(entries, settings)
    return None if ratings is None or _may_repeat_keys(part, entries) else ratings


def _load(body: bytes) -> list[Any] | None:
    try:
        loaded = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return loaded if isinstance(loaded, list) else [loaded]


def _may_repeat_keys(body: bytes, entries: list[dict[str, Any]]) -> bool:
    # a parser keeps the last of equal keys, while each has a colon of its own
    n_keys = sum(map(len, entries))
    return body.count(b":") != n_keys and _STRING.sub(b"", body).count(b":") != n_keys


def _refuse_unread(body: bytes, *, is_array: bool) -> None:
    # arrays that are too long, before each entry is looked at, and objects that name a field twice
    repeated = object()

    def judge(pairs: list[tuple[str, Any]]) -> object:
        return repeated if len({key for key, _ in pairs}) < len(pairs) else None

    try:
        found = json.loads(body, object_pairs_hook=judge, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return  # what is no JSON is refused as such
    if is_array and len(found) > MAX_BATCH:
        raise InvalidInputError(f"a batch may have {MAX_BATCH:,} ratings; this one has {len(found):,}")
    objects = found if is_array else [found]
    rows = [row for row, entry in enumerate(objects) if entry is repeated]
    if rows:
        rejected = [(f"/{row}" if is_array else "", "must not name a field twice") for row in rows[:_MOST_NAMED]]
        raise InvalidInputError("see errors for each object that names a field twice", rejected)


def _by_columns(entries: list[Any], settings: Settings) -> list[Rating] | None:
    try:
        user_ids = _decimal_strings([entry["user_id"] for entry in entries])
        item_ids = _decimal_strings([entry["item_id"] for entry in entries])
        values = [entry["value"] for entry in entries]
        times = [entry.get("timestamp") for entry in entries]
        has_others = any(len(entry) != 3 + ("timestamp" in entry) for entry in entries)
    except (KeyError, TypeError, AttributeError):
        return None
    if has_others or not _are_ids(user_ids) or not _are_ids(item_ids) or not set(map(type, values)) <= {float, int}:
        return None
    if values and not settings.rating_min <= min(values) <= max(values) <= settings.rating_max:
        return None
    timestamps = _timestamps(times)
    return None if timestamps is None else list(map(Rating, user_ids, item_ids, map(float, values), timestamps))


def _decimal_strings(ids: list[Any]) -> list[Any]:
    return [str(outside_id) if type(outside_id) is int else outside_id for outside_id in ids]


def _are_ids(ids: list[Any]) -> bool:
    if not ids:
        return True
    if set(map(type, ids)) != {str} or "" in ids or (longest := max(map(len, ids))) > MAX_ID_BYTES:
        return False
    try:
        for start in range(0, len(ids), 128):  # joined, since a check costs more than what it checks
            text = "".join(ids[start : start + 128])
            if not is_plain(text):
                if longest > _SHORT:  # then its bytes have to be counted
                    return False
                _check_characters(text)
    except ValueError:
        return False
    return True


def _check_characters(text: str) -> None:
    for start in range(0, len(text), _SHORT):
        check_id(text[start : start + _SHORT])


def _timestamps(times: list[Any]) -> list[int | None] | None:
    kinds = set(map(type, times))
    if kinds <= {type(None)}:
        return times
    if kinds == {int}:
        now = now_microseconds()
        if min(times) >= 0 and max(times) * 1_000_000 <= now:
            return [time * 1_000_000 for time in times]
    try:
        return _times.validate_python(times)
    except ValueError:
        return None


def _all_by_schema(body: bytes, settings: Settings) -> list[Rating]:
    return _by_schema(body, settings, is_array=body.lstrip()[:1] == b"[")


def _by_schema(body: bytes, settings: Settings, *, is_array: bool) -> list[Rating]:
    _refuse_unread(body, is_array=is_array)
    entries = _parse_array(body) if is_array else [parse(_one, body)]
    rejected = []
    for row, entry in enumerate(entries):
        try:
            check_value(entry.value, settings.rating_min, settings.rating_max)
        except ValueError as error:
            rejected.append((f"/{row}/value" if is_array else "/value", str(error)))
    if rejected:
        raise InvalidInputError("see errors for each rejected value", rejected)
    return [Rating(entry.user_id, entry.item_id, entry.value, entry.timestamp) for entry in entries]


def _parse_array(body: bytes) -> list[RatingIn]:
    # in the same parts as above, for the same reason, and no further than errors are named
    n_in_parts = [len(_load(part) or ()) for part in _parts(body)]
    if 0 in n_in_parts:
        return parse(_many, body)
    entries: list[RatingIn] = []
    rejected: list[tuple[str, str]] = []
    n_before = 0
    for part, n_in_part in zip(_parts(body), n_in_parts, strict=True):
        try:
            its_entries = parse(_many, part)
            entries += its_entries
        except InvalidInputError as error:
            if "" in dict(error.errors):  # what is no JSON for this parser, such as a number of 5,000 digits
                return parse(_many, body)
            rejected += [(_moved(pointer, n_before), reason) for pointer, reason in error.errors]
        n_before += n_in_part
        if len(rejected) >= MOST_ERRORS:
            break
    if rejected:
        raise InvalidInputError("see errors for each rejected value", rejected[:MOST_ERRORS])
    return entries


def _moved(pointer: str, n_rows: int) -> str:
    row, slash, rest = pointer[1:].partition("/")
    return f"/{int(row) + n_rows}{slash}{rest}"
