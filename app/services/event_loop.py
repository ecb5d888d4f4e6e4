"""Sharing the event loop's thread between long work and short requests."""

import asyncio


async def give_way() -> None:
    """Let requests that came meanwhile be answered: the event loop reads them in one turn, and begins them in the next.

    With a single turn, the next piece of the work would come before them.
    """
    await asyncio.sleep(0)
    await asyncio.sleep(0)
