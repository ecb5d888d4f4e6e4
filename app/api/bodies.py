"""Reading a request's body: its type, its size, and what is in it."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import orjson
from fastapi import Request
from numpy.typing import NDArray
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from app.api.limits import BodyRoom
from app.api.problems import rejected_values
from app.errors import InvalidInputError
from app.services.event_loop import give_way

MAX_BODY_BYTES = 8_000_000
MAX_VALUES = 200_000
_TOO_LARGE = f"a body may have {MAX_BODY_BYTES:,} bytes; send several smaller ones"
SMALL_BYTES = 16_384  # of which every connection may send as many
_SHORT_BYTES = 65_536  # that take less than a millisecond or two to parse
_QUICK_BYTES, _QUICK_VALUES, _QUICK_OTHERS = 262_144, 20_000, 300  # so do these, a list of ten thousand ids for one
_CASE = np.uint8(0x20)
T = TypeVar("T")


async def read_json(
    request: Request, read: Callable[[bytes], T], read_large: Callable[[bytes], Awaitable[T]] | None = None
) -> T:
    """Read a JSON body; a large one so that others need not wait for it.

    Parameters
    ----------
    request : Request
        Whose body has not been read.
    read : callable
        Makes something of the body.
    read_large : callable, optional
        Makes the same of a large body, a piece at a time on the event loop; of one after another. Without it, ``read``
        does so in a thread.

    Returns
    -------
    object
        What was made of the body.

    Raises
    ------
    HTTPException
        415 when it is of another type or compressed, 413 when it is too large, 503 when others are sending too much.
    """
    if content_type(request) != "application/json":
        raise HTTPException(415, "send the body as application/json")
    refuse_encoding(request)
    if int(request.headers.get("content-length", "0")) > MAX_BODY_BYTES:
        raise HTTPException(413, _TOO_LARGE)
    room: BodyRoom = request.app.state.body_room
    parts: list[bytes] = []
    values, n_bytes, n_taken = ValueCounter(), 0, 0
    try:
        async for part in request.stream():
            parts.append(part)
            n_bytes += len(part)
            if n_bytes > MAX_BODY_BYTES:
                raise HTTPException(413, _TOO_LARGE)
            if n_bytes > SMALL_BYTES:
                room.take(n_bytes - n_taken)
                n_taken = n_bytes
            if n_bytes > _SHORT_BYTES:
                await values.count(parts)
        if n_bytes <= SMALL_BYTES:
            return read(b"".join(parts))
        if n_bytes <= _SHORT_BYTES or (read_large is None and _is_quick(parts, n_bytes, values.n_marks)):
            async with room.short_turn:
                await give_way()  # or all that have come would be read in one turn of the loop
                made = read(b"".join(parts))
            if n_bytes > _SHORT_BYTES:
                await give_way()
            return made
        if read_large is None:
            return await run_in_threadpool(lambda: read(_joined(parts)))
        body = await run_in_threadpool(_joined, parts)
        async with room.long_turn:
            return await read_large(body)
    finally:
        room.give_back(n_taken)


async def read_as(request: Request, adapter: TypeAdapter[T]) -> T:
    """Read a JSON body by its schema.

    Parameters
    ----------
    request : Request
        Whose body has not been read.
    adapter : TypeAdapter
        Of the type that is wanted.

    Returns
    -------
    object
        Of that type.
    """
    return await read_json(request, lambda body: _parse_unrepeated(adapter, body))


class ValueCounter:
    """Counts the values of a body while it comes: a few bytes of JSON can become a hundred in memory.

    All marks that may stand between values are counted, and only where these are too many, those outside strings.

    Attributes
    ----------
    n_marks : int
        So many values at most are in what was counted.
    """

    def __init__(self) -> None:
        self._n_seen = self.n_marks = 0  # parts, and the marks in them
        self._n_read = self._n_values = 0  # parts, and the marks in them that stand outside strings
        self._is_in_string, self._rest = False, b""

    async def count(self, parts: Sequence[bytes]) -> None:
        """Count what has come since the last call, a piece at a time, since nobody else can work meanwhile.

        Parameters
        ----------
        parts : sequence of bytes
            All that has come.

        Raises
        ------
        HTTPException
            413 when these are too many values, whatever is still to come.
        """
        while self._n_seen < len(parts):
            self.n_marks += _n_marks(parts[self._n_seen])
            self._n_seen += 1
        while self.n_marks > MAX_VALUES and self._n_read < len(parts):
            part = parts[self._n_read]
            self._n_read += 1
            for start in range(0, len(part), _SHORT_BYTES):
                self._n_values += self._n_outside_strings(self._rest + part[start : start + _SHORT_BYTES])
                if self._n_values > MAX_VALUES:
                    raise HTTPException(413, f"a body may hold {MAX_VALUES:,} values; send several smaller ones")
                await give_way()

    def _n_outside_strings(self, piece: bytes) -> int:
        self._rest = b""
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2:  # the last one belongs to what comes behind it
            piece, self._rest = piece[:-1], piece[-1:]
        if not self._is_in_string and b'"' not in piece:
            return _n_marks(piece)
        text = np.frombuffer(piece.replace(rb"\\", b"..").replace(rb"\"", b".."), np.uint8)
        if not len(text):
            return 0
        is_inside = np.logical_xor.accumulate(text == ord('"')) ^ self._is_in_string
        self._is_in_string = bool(is_inside[-1])
        return int(np.count_nonzero(_are_marks(text) & ~is_inside))


def _is_quick(parts: Sequence[bytes], n_bytes: int, n_values: int) -> bool:
    # Hardly anything but plain strings is seen to be right all at once; one by one it takes a hundred times as long.
    if n_bytes > _QUICK_BYTES or n_values > _QUICK_VALUES:
        return False
    text = np.frombuffer(b"".join(parts), np.uint8)
    if (text > ord("~")).any() or (text == ord("\\")).any():
        return False
    is_quote = text == ord('"')
    n_empty, n_names = np.count_nonzero(is_quote[1:] & is_quote[:-1]), np.count_nonzero(text == ord(":"))
    n_strings = (int(np.count_nonzero(is_quote)) - 2 * int(n_names)) // 2
    return max(n_values - n_strings, 0) + int(n_empty) + int(n_names) <= _QUICK_OTHERS


def _n_marks(text: bytes) -> int:
    numbers = np.frombuffer(text, np.uint8)  # in a fifth of the time that bytes.count takes
    return int(np.count_nonzero(_are_marks(numbers)))


def _are_marks(text: NDArray[np.uint8]) -> NDArray[np.bool_]:
    are_marks: NDArray[np.bool_] = (text == ord(",")) | ((text | _CASE) == ord("{"))  # "[" is "{" without the bit
    return are_marks


def _joined(parts: list[bytes]) -> bytes:
    body = b"".join(parts)  # of more than a megabyte without the GIL
    parts.clear()
    return body


def json_body(schema: str) -> dict[str, Any]:
    """Say in the API's description what a route reads by itself.

    Parameters
    ----------
    schema : str
        The name of a schema.

    Returns
    -------
    dict
        A route's ``openapi_extra``.
    """
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"requestBody": {"required": True, "content": content}}


def content_type(request: Request) -> str:
    """Say what a body claims to be.

    Parameters
    ----------
    request : Request
        With its headers.

    Returns
    -------
    str
        Without parameters, in lower case.
    """
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def refuse_encoding(request: Request) -> None:
    """Take only bodies that are not compressed: a small one could unfold to any size.

    Parameters
    ----------
    request : Request
        With its headers.

    Raises
    ------
    HTTPException
        415.
    """
    if set(request.headers.getlist("content-encoding")) - {"identity"}:
        raise HTTPException(415, "send the body without a content encoding")


def parse(adapter: TypeAdapter[T], body: bytes) -> T:
    """Check a body against its schema.

    Parameters
    ----------
    adapter : TypeAdapter
        Of the type that is wanted.
    body : bytes
        JSON.

    Returns
    -------
    object
        Of that type.

    Raises
    ------
    InvalidInputError
        With every rejected value.
    """
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        raise InvalidInputError("see errors for each rejected value", rejected_values(error)) from None


def _parse_unrepeated(adapter: TypeAdapter[T], body: bytes) -> T:
    parsed = parse(adapter, body)
    # each name that was written has a colon of its own
    is_simple = isinstance(parsed, BaseModel) and body.count(b":") == len(parsed.model_fields_set)
    if not is_simple and _has_repeated_names(body):
        raise InvalidInputError("a name may stand only once in a JSON object; which of its values is meant?")
    return parsed


def _has_repeated_names(body: bytes) -> bool:
    try:
        kept = orjson.dumps(orjson.loads(body))
        if (
            body.count(b":") == kept.count(b":") and b"\\u003" not in body
        ):  # a name that was dropped took its colon along
            return False
        json.loads(body, object_pairs_hook=_unrepeated)
    except (ValueError, RecursionError):
        return True
    return False


def _unrepeated(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError
