"""Tables of figures: printed, and kept in benchmarks/README.md between markers, so that none is typed by hand.

    with measured("training-threads", header=("factors", "one", "two")) as row:
        row(64, 1.9, 1.0)

writes below `<!-- training-threads -->`, which the README must hold. A row replaces the one with the same first cell,
so that a long table can be made piece by piece. BENCH=quick only prints.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

README = Path(__file__).with_name("README.md")
IS_QUICK = os.environ.get("BENCH") == "quick"


@contextmanager
def measured(name: str, header: tuple[str, ...]) -> Iterator[Callable[..., None]]:
    """Print rows as they come, then write them with the day, the processors and what others took of their time."""
    rows: dict[str, str] = {}
    before = processor_ticks()
    print(f"\n{line(header)}\n|{'---|' * len(header)}", flush=True)

    def row(*cells: Any) -> None:
        rows[text(cells[0])] = line(cells)
        print(line(cells), flush=True)

    yield row
    stolen = text(100 * stolen_share(before))
    note = (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} processors, {stolen} % of their time stolen by other machines"
    )
    print(f"\n{note}\n", flush=True)
    if not IS_QUICK:
        README.write_text(replaced(README.read_text(), name, header, rows, note))


def replaced(page: str, name: str, header: tuple[str, ...], rows: dict[str, str], note: str) -> str:
    """Put rows into a page, after or in place of those that are there."""
    found = re.search(f"(?s)<!-- {name} -->\n(.*?)<!-- end -->", page)
    if not found:
        raise ValueError(f"benchmarks/README.md needs <!-- {name} --> and <!-- end --> where this table belongs")
    top = f"{line(header)}\n|{'---|' * len(header)}\n"
    kept = {}
    if found[1].startswith(top):
        kept = {old.split("|")[1].strip(): old for old in found[1].removeprefix(top).splitlines() if old[:1] == "|"}
    body = "\n".join((kept | rows).values())
    return page[: found.start(1)] + f"{top}{body}\n\n{note}\n" + page[found.end(1) :]


def line(cells: tuple[Any, ...]) -> str:
    """Write a row in Markdown."""
    return f"| {' | '.join(map(text, cells))} |"


def text(cell: Any) -> str:
    """Write a number with three digits, and nothing as a dash."""
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"
    return "–" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)


def processor_ticks() -> list[int]:
    """Read what all processors did so far; empty where the system does not say."""
    counts = Path("/proc/stat")
    return [int(count) for count in counts.read_text().split("\n", 1)[0].split()[1:9]] if counts.exists() else []


def stolen_share(before: list[int]) -> float:
    """Compute which share of the processors' time went to other machines since."""
    spent = [now - then for now, then in zip(processor_ticks(), before, strict=True)]
    return spent[7] / max(sum(spent), 1) if spent else 0.0
