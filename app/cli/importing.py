"""``foldin import``: ratings and items out of files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.settings import read_settings
from app.cli.stores import opened_store
from app.cli.terminal import print_json, progress_bar
from app.services.file_layouts import ColumnNames, FileFormat

if TYPE_CHECKING:
    from rich.progress import Progress

    from app.services.import_files import ImportProgress, ImportSummary, OnProgress


def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, show_default=False)
    ],
    items: Annotated[bool, typer.Option("--items", help="The files hold items: titles and categories.")] = False,
    file_format: Annotated[
        FileFormat | None, typer.Option("--format", help="How the files are laid out; recognized if not given.")
    ] = None,
    user_column: Annotated[str | None, typer.Option(help="The header's name for the user.")] = None,
    item_column: Annotated[str | None, typer.Option(help="The header's name for the item.")] = None,
    value_column: Annotated[str | None, typer.Option(help="The header's name for the rating's value.")] = None,
    timestamp_column: Annotated[str | None, typer.Option(help="The header's name for the time.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the text; UTF-8 if not given.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Read ratings, or items, from files; importing a file twice changes nothing.

    CSV and TSV with a header (userId,movieId,rating,timestamp and other usual names), MovieLens' ratings.dat,
    movies.dat, u.data and u.item, packed with gzip or not; ratings also in Parquet. Times count seconds since 1970.
    A bad row stops the import and is named.

    Example: foldin import ratings.csv

    Example: foldin import --items movies.csv

    Example: foldin import sales.csv --user-column buyer --item-column sku --value-column grade
    """
    settings = read_settings()
    import pyarrow as pa

    from app.services.import_files import FileOptions, import_items, import_ratings

    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own keeps 20 MB more of what it does not need
    columns = ColumnNames(user_column, item_column, value_column, timestamp_column)
    options = FileOptions(file_format, columns, encoding)
    with opened_store(settings) as store, progress_bar("items" if items else "ratings") as bar:
        follow = _follow(bar, files)
        if items:
            summary = import_items(store, files, options, on_progress=follow)
        else:
            summary = import_ratings(store, settings, files, options, on_progress=follow)
    _print_summary(summary, items=items, as_json=json)


def _follow(bar: "Progress", files: list[Path]) -> "OnProgress":
    sizes = {path: path.stat().st_size for path in files}
    task = bar.add_task("Importing", total=sum(sizes.values()), n_done=0)
    read_before: dict[Path, int] = {}

    def follow(progress: "ImportProgress") -> None:
        read_before[progress.path] = progress.n_bytes
        description = f"Importing {progress.path.name}"
        bar.update(task, completed=sum(read_before.values()), n_done=progress.n_rows, description=description)

    return follow


def _print_summary(summary: "ImportSummary", *, items: bool, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        print_json({"n_items": summary.n_rows} if items else asdict(summary))
    elif items:
        typer.echo(f"{summary.n_rows:,} items imported.")
    else:
        typer.echo(
            f"{summary.n_rows:,} ratings imported: {summary.created:,} new, {summary.updated:,} known before, "
            f"{summary.ignored:,} older than what is stored."
        )
