"""Reading a request's body: its type, its size, and what is in it."""

from typing import TypeVar

from fastapi import Request
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException

from app.api.problems import rejected_values
from app.errors import InvalidInputError

MAX_BODY_BYTES = 8_000_000
T = TypeVar("T")


async def read_json(request: Request) -> bytes:
    """Read a JSON body.

    Parameters
    ----------
    request : Request
        Whose body has not been read.

    Returns
    -------
    bytes
        The body, not parsed.

    Raises
    ------
    HTTPException
        415 when it is of another type or compressed, 413 when it is too large.
    """
    if content_type(request) != "application/json":
        raise HTTPException(415, "send the body as application/json")
    refuse_encoding(request)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise HTTPException(413, f"a body may have {MAX_BODY_BYTES:,} bytes; send several smaller ones")
        parts.append(part)
    return b"".join(parts)


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
