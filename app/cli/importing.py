"""``foldin import``: ratings and items out of files."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.rejected import RejectedRows
from app.cli.settings import read_settings
from app.cli.stores import opened_store
from app.cli.terminal import print_json, progress_bar
from app.services.files.file_layouts import ColumnNames, FileFormat

if TYPE_CHECKING:
    from rich.progress import Progress

    from app.services.files.import_files import ImportProgress, ImportSummary, OnProgress


def _existing(files: list[Path]) -> list[Path]:
    for file in files:
        if str(file) != "-" and not file.is_file():
            raise typer.BadParameter(f"{file} is no file; what comes through a pipe is read from -")
    return files


def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", callback=_existing, show_default=False)],
    items: Annotated[bool, typer.Option("--items", help="The files hold items: titles and categories.")] = False,
    file_format: Annotated[
        FileFormat | None, typer.Option("--format", help="How the files are laid out; recognized if not given.")
    ] = None,
    user_column: Annotated[str | None, typer.Option(help="The header's name for the user.")] = None,
    item_column: Annotated[str | None, typer.Option(help="The header's name for the item.")] = None,
    value_column: Annotated[str | None, typer.Option(help="The header's name for the rating's value.")] = None,
    timestamp_column: Annotated[str | None, typer.Option(help="The header's name for the time.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the text; UTF-8 if not given.")] = None,
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="Leave out bad rows and list them in rejected-FILE.csv, here."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the files and store nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Read ratings, or items, from files; importing a file twice changes nothing.

    CSV and TSV with a header (userId,movieId,rating,timestamp and other usual names), MovieLens' ratings.dat,
    movies.dat, u.data and u.item, NDJSON, packed with gzip or not; Parquet; - for stdin.

    Times are seconds since 1970 or such as 2024-05-06T07:08:09Z; a rating without one counts as the oldest.
    Files without a header are read as user, item, value and time.

    A bad row stops the import and is named. An import that was stopped goes on from there when it is given again.

    Example: foldin import ratings.csv

    Example: foldin import --items movies.csv

    Example: foldin import sales.csv --user-column buyer --item-column sku --value-column grade

    Example: foldin import --skip-bad --dry-run ratings.csv.gz
    """
    settings = read_settings()
    import pyarrow as pa

    from app.freed_memory import give_memory_back
    from app.services.files.file_layouts import FileOptions
    from app.services.files.import_files import import_items, import_ratings

    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own keeps 20 MB more of what it does not need
    give_memory_back()
    columns = ColumnNames(user_column, item_column, value_column, timestamp_column)
    options = FileOptions(file_format, columns, encoding)
    with ExitStack() as stack:
        paths = [stack.enter_context(_stdin_as_file(settings.data_dir)) if str(file) == "-" else file for file in files]
        bar = stack.enter_context(progress_bar("items" if items else "ratings"))
        follow = _follow(bar, paths)
        rejected = stack.enter_context(RejectedRows(paths)) if skip_bad else None
        store = stack.enter_context(nullcontext() if dry_run else opened_store(settings))
        if items:
            summary = import_items(store, paths, options, on_progress=follow, on_bad_row=rejected)
        else:
            summary = import_ratings(store, settings, paths, options, on_progress=follow, on_bad_row=rejected)
    _print_summary(summary, items=items, dry_run=dry_run, as_json=json)
    if rejected and summary.n_bad:
        typer.echo(f"{summary.n_bad:,} bad rows left out; see {rejected.path}.", err=True)


@contextmanager
def _stdin_as_file(data_dir: Path) -> Iterator[Path]:
    # gone through more than once, and on disk: where temporary files lie in memory, it might not fit
    import shutil
    import sys
    import tempfile

    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=data_dir) as folder:
        path = Path(folder) / "stdin"
        with path.open("wb") as out:
            shutil.copyfileobj(sys.stdin.buffer, out, 1 << 20)
        yield path


def _follow(bar: "Progress", files: list[Path]) -> "OnProgress":
    sizes = {path: path.stat().st_size for path in files}
    task = bar.add_task("Importing", total=sum(sizes.values()), n_done=0)
    read_before: dict[Path, int] = {}

    def follow(progress: "ImportProgress") -> None:
        read_before[progress.path] = progress.n_bytes
        bar.update(
            task,
            completed=sum(read_before.values()),
            n_done=progress.n_rows,
            n_before=progress.n_before,
            description=f"Importing {progress.path.name}",
        )

    return follow


def _print_summary(summary: "ImportSummary", *, items: bool, dry_run: bool, as_json: bool) -> None:
    from dataclasses import asdict

    what = "items" if items else "ratings"
    if as_json:
        counts = {"n_items": summary.n_rows, "n_bad": summary.n_bad, "n_before": summary.n_before}
        print_json((counts if items else asdict(summary)) | {"dry_run": dry_run})
        return
    if summary.n_before:
        typer.echo(f"The first {summary.n_before:,} rows were imported before.")
    if dry_run:
        typer.echo(f"{summary.n_rows:,} {what} can be imported; nothing was stored.")
    elif items:
        typer.echo(f"{summary.n_rows:,} items imported.")
    else:
        typer.echo(
            f"{summary.n_rows:,} ratings imported: {summary.created:,} new, {summary.updated:,} in place of stored "
            f"ones, {summary.ignored:,} left out for newer ones."
        )
