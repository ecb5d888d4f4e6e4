"""Reading a request's body: its type, its size, and what is in it."""

import json
import re
from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar

import orjson
from fastapi import Request
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from app.api.limits import BodyRoom
from app.api.problems import rejected_values
from app.errors import InvalidInputError

MAX_BODY_BYTES = 8_000_000
MAX_VALUES = 200_000
_TOO_LARGE = f"a body may have {MAX_BODY_BYTES:,} bytes; send several smaller ones"
SMALL_BYTES = 16_384  # of which every connection may send as many
_SHORT_BYTES = 65_536  # that take less than a millisecond or two to parse
_STRING_OR_MARK = re.compile(rb'"(?:[^"\\]|\\.)*+"|[,\[{]', re.DOTALL)
_QUOTE = ord('"')
T = TypeVar("T")


async def read_json(request: Request, read: Callable[[bytes], T]) -> T:
    """Read a JSON body; a large one is taken apart beside the event loop, so that others need not wait.

    Parameters
    ----------
    request : Request
        Whose body has not been read.
    read : callable
        Makes something of the body.

    Returns
    -------
    object
        What ``read`` made.

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
    body, n_taken = bytearray(), 0
    try:
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY_BYTES:
                raise HTTPException(413, _TOO_LARGE)
            if len(body) > SMALL_BYTES:
                room.take(len(body) - n_taken)
                n_taken = len(body)
        content = bytes(body)
        body.clear()
        return read(content) if len(content) <= _SHORT_BYTES else await run_in_threadpool(_read_limited, content, read)
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


def _read_limited(body: bytes, read: Callable[[bytes], T]) -> T:
    # A few bytes of JSON can become a hundred in memory; what stands within strings does not count.
    if _n_marks(body) > MAX_VALUES and _has_too_many_values(body):
        raise HTTPException(413, f"a body may hold {MAX_VALUES:,} values; send several smaller ones")
    return read(body)


def _n_marks(body: bytes) -> int:
    # in parts, since nobody else can work while one call goes through all of it
    parts = range(0, len(body), _SHORT_BYTES)
    return sum(body.count(mark, start, start + _SHORT_BYTES) for start in parts for mark in (b",", b"[", b"{"))


def _has_too_many_values(body: bytes) -> bool:
    marks = (found for found in _STRING_OR_MARK.finditer(body) if body[found.start()] != _QUOTE)
    return next(islice(marks, MAX_VALUES, None), None) is not None


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
    if request.headers.get("content-encoding", "identity") != "identity":
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
    if _has_repeated_names(body):
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
