"""A process that writes ratings as the service does, and prints what it sends and what is acknowledged."""

import asyncio
import os
import sys
from itertools import count

from app.errors import StoreUnavailableError
from app.storage.bulk import BulkWriter
from app.storage.engine import Store
from app.storage.group_writer import GroupWriter
from app.storage.rating_table import RatingTable
from app.storage.ratings import Rating


def say(word: str, numbers: list[int]) -> None:
    """Print in one system call, so that a kill leaves no half of a line that looks whole."""
    os.write(1, "".join(f"{word} {number}.\n" for number in numbers).encode())


def ratings(numbers: list[int]) -> list[Rating]:
    """Ratings whose users are numbered."""
    return [Rating(f"u{number}", f"i{number % 50}", 3.0, number) for number in numbers]


async def write_for_ever(
    url: str, first: int, *, acknowledges_early: bool = False, most: int = 10**9, store: Store | None = None
) -> None:
    """Write singles and batches from several clients at once."""
    writer, numbers = GroupWriter(store or Store(url)), count(first)

    async def client(size: int) -> None:
        for _ in range(most):
            chosen = [next(numbers) for _ in range(size)]
            say("sent", chosen)
            if acknowledges_early:
                say("acknowledged", chosen)
            try:
                await writer.rate(ratings(chosen), now=1)
            except StoreUnavailableError:
                say("refused", chosen)
                await asyncio.sleep(0.01)
                continue
            if not acknowledges_early:
                say("acknowledged", chosen)

    await asyncio.gather(*(client(size) for size in (1, 1, 1, 1, 20, 200)))
    await asyncio.to_thread(writer.close)


def import_for_ever(url: str, first: int) -> None:
    """Write chunks as an import does."""
    store, writer = Store(url), BulkWriter()
    for start in count(first, 3_000):
        numbers = list(range(start, start + 3_000))
        say("sent", numbers)
        with store.write() as connection:
            writer.write(connection, RatingTable.of(ratings(numbers)))
        say("acknowledged", numbers)


if __name__ == "__main__":
    asyncio.run(write_for_ever(sys.argv[1], 0, most=int(sys.argv[2])))
