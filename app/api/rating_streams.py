"""Ratings as a stream of lines (NDJSON): any number, in constant memory, stored a part at a time.

A part is read while the one before it is written, and no further, so a fast sender waits for a slow disk.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

from app.api.bodies import refuse_encoding
from app.api.problems import PROBLEMS, problem_response
from app.api.rating_bodies import MAX_BATCH, read_lines
from app.api.state import ApiState, json_response
from app.errors import FoldinError, InvalidInputError
from app.storage.upserts import WriteCounts

NDJSON = "application/x-ndjson"
MAX_LINE_BYTES = 65_536
_PART_BYTES = 1_000_000


@dataclass(slots=True)
class _Progress:
    """How far a stream has come: lines and ratings that are stored."""

    n_lines: int = 0
    accepted: int = 0
    created: int = 0
    updated: int = 0
    ignored: int = 0

    def add(self, counts: WriteCounts) -> None:
        self.accepted += counts.accepted
        self.created += counts.created
        self.updated += counts.updated
        self.ignored += counts.ignored


async def write_stream(request: Request, state: ApiState) -> Response:
    """Store a stream of ratings, up to the first line that is rejected.

    Parameters
    ----------
    request : Request
        Whose body has not been read.
    state : ApiState
        The services.

    Returns
    -------
    Response
        What was stored; where it stopped, if it did, and why.
    """
    refuse_encoding(request)
    progress = _Progress()
    try:
        await _store_parts(request, state, progress)
    except FoldinError as error:
        rejected = error.errors if isinstance(error, InvalidInputError) else ()
        return problem_response(PROBLEMS[type(error)], str(error), rejected, members=asdict(progress))
    return json_response(asdict(progress))


async def _store_parts(request: Request, state: ApiState, progress: _Progress) -> None:
    writing: asyncio.Task[None] | None = None
    try:
        async for lines in _parts(request):
            filled = [line for line in lines if line]
            ratings, error = await run_in_threadpool(read_lines, filled, state.settings)
            if writing:
                await writing
            n_lines = len(lines) if error is None else _position(lines, len(ratings))
            writing = asyncio.create_task(_store(state, ratings, n_lines, progress))
            if error is not None:
                await writing
                raise _at_line(progress.n_lines + 1, error)
    finally:
        if writing:
            await writing


async def _store(state: ApiState, ratings: list, n_lines: int, progress: _Progress) -> None:  # type: ignore[type-arg]
    if ratings:
        with state.metrics.store_writes.time():
            counts = await state.ingester.rate(ratings)
        state.metrics.ratings.inc(counts.accepted)
        progress.add(counts)
    progress.n_lines += n_lines


async def _parts(request: Request) -> AsyncIterator[list[bytes]]:
    rest = b""
    async for received in request.stream():
        rest += received
        if len(rest) < _PART_BYTES and rest.count(b"\n") < MAX_BATCH // 2:
            continue
        *lines, rest = rest.split(b"\n")
        for start in range(0, len(lines), MAX_BATCH):
            yield _stripped(lines[start : start + MAX_BATCH])
        if len(rest) > MAX_LINE_BYTES:
            raise InvalidInputError(f"a line may have {MAX_LINE_BYTES:,} bytes; the one after these is longer")
    lines = rest.removesuffix(b"\n").split(b"\n") if rest else []
    for start in range(0, len(lines), MAX_BATCH):
        yield _stripped(lines[start : start + MAX_BATCH])


def _stripped(lines: list[bytes]) -> list[bytes]:
    return [line.strip() for line in lines]


def _position(lines: list[bytes], n_filled: int) -> int:
    """Count the lines before the filled one of a number."""
    filled = [number for number, line in enumerate(lines) if line]
    return filled[n_filled]


def _at_line(line: int, error: InvalidInputError) -> InvalidInputError:
    # a parser that is given one line calls it line 1
    rejected = [
        (f"/{line}{pointer}", reason.replace(" at line 1 column ", " at column ")) for pointer, reason in error.errors
    ]
    return InvalidInputError(f"line {line:,} is rejected; the lines before it are stored", rejected)
