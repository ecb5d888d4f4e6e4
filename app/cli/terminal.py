"""What commands write: tables and JSON to stdout, progress to stderr."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

_UNWRAPPED = 1_000


def print_json(described: object) -> None:
    """Write one JSON object, which is all that stdout gets.

    Parameters
    ----------
    described : object
        Dictionaries, lists, strings, numbers.
    """
    import sys

    import orjson

    sys.stdout.buffer.write(orjson.dumps(described, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table.

    Parameters
    ----------
    title : str
        Stands above it.
    columns : sequence of str
        Its header; what begins with ``#`` holds numbers, and is aligned to the right.
    rows : sequence of sequence of str
        Cells as they are: markup means nothing in them.
    """
    import os

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None,
        pad_edge=False,
        header_style="dim",
        show_header=any(columns),
    )
    _add_columns(table, columns)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False)
    if not (console.is_terminal or "COLUMNS" in os.environ):  # a file or another program: lines of any length
        console.width = _UNWRAPPED
    console.print(Text(title, style="bold"))
    console.print(table)


def _add_columns(table: "Table", columns: Sequence[str]) -> None:
    for column in columns:
        table.add_column(column.removeprefix("#"), justify="right" if column.startswith("#") else "left")


def progress_bar(unit: str) -> "Progress":
    """Make a progress bar on stderr, which is silent where stderr is no terminal.

    Parameters
    ----------
    unit : str
        What the task's ``n_done`` counts; a rate is shown of everything but ``%``.

    Returns
    -------
    Progress
        To be entered.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            n_done = task.fields["n_done"] - task.fields.get("n_before", 0)
            return Text(f"{n_done / task.elapsed:,.0f} {unit}/s" if task.elapsed and n_done > 0 else "")

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[n_done]:,} " + unit),
        *([] if unit == "%" else [RateColumn()]),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
