"""Importing ratings and items from files, a chunk a transaction; a bad row stops it and undoes nothing before it.

How far a file came is stored with its rows, so that an import that was stopped goes on from there.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from app.config import Settings
from app.errors import InvalidInputError
from app.services.clock import now_microseconds
from app.services.files.bad_rows import BadRow, BadRowError, OnBadRow
from app.services.files.file_layouts import FileOptions
from app.services.files.item_files import read_item_batches, read_items
from app.services.files.item_layouts import item_format, item_layout
from app.services.files.parquet_files import ParquetRows, header_of, is_parquet
from app.services.files.rating_blocks import RatingRules
from app.services.files.rating_files import BLOCK_BYTES, RatingBlock
from app.services.files.rating_sources import first_line, opened, read_source, readable
from app.services.files.resuming import FileProgress
from app.storage.bulk import BulkWriter
from app.storage.catalogue import Item, upsert_items
from app.storage.engine import Store
from app.storage.rating_table import TableBuilder
from app.storage.upserts import WriteCounts

_ITEMS_A_CHUNK = 10_000
_BLOCKS_A_CHUNK = 4


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import has come: rows committed of all files, and about how many bytes of this one they took.

    ``n_before`` of the rows were committed when the import of the same file was stopped.
    """

    path: Path
    n_rows: int
    n_bytes: int
    n_before: int = 0


@dataclass(slots=True)
class ImportSummary:
    """What an import did; ``ignored`` were older than what is stored, or given twice.

    ``n_bad`` rows were skipped, and ``n_before`` rows had been stored when the import of the same file was stopped.
    """

    n_rows: int = 0
    created: int = 0
    updated: int = 0
    ignored: int = 0
    n_bad: int = 0
    n_before: int = 0

    def add(self, counts: WriteCounts) -> None:
        """Count another chunk.

        Parameters
        ----------
        counts : WriteCounts
            What it did.
        """
        self.n_rows += counts.accepted
        self.created += counts.created
        self.updated += counts.updated
        self.ignored += counts.ignored


OnProgress = Callable[[ImportProgress], None]


def import_ratings(
    store: Store | None,
    settings: Settings,
    paths: Sequence[Path],
    options: FileOptions | None = None,
    *,
    on_progress: OnProgress | None = None,
    on_bad_row: OnBadRow | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> ImportSummary:
    """Import files of ratings; the import of a file that was stopped goes on behind its last chunk.

    Parameters
    ----------
    store : Store or None
        Where they go; None to check the files and store nothing.
    settings : Settings
        The rating scale.
    paths : sequence of Path
        The files, read in this order.
    options : FileOptions, optional
        How to read them.
    on_progress : callable, optional
        Told after every commit.
    on_bad_row : callable, optional
        Told of every row that cannot be accepted; without it the first one ends the import.
    block_bytes : int
        How much of a file makes a chunk.

    Returns
    -------
    ImportSummary
        What became of the rows.

    Raises
    ------
    InvalidInputError
        At the first row or file that cannot be accepted; chunks before it stay committed.
    """
    options = options or FileOptions()
    rules = RatingRules(settings.rating_min, settings.rating_max, now_microseconds())
    summary, writer = ImportSummary(), BulkWriter()
    for path in paths:
        with _explained(path, summary, "ratings"):
            on_bad = _counting(on_bad_row, summary, path)
            progress = FileProgress(store, path, f"ratings {options}") if store else None
            n_bytes, n_before = _begin(progress, summary)
            blocks = read_source(path, rules, options, block_bytes=block_bytes, n_passed=n_before, on_bad_row=on_bad)
            for block in _chunks_of(blocks):
                if progress:
                    write = partial(writer.write, table=block.table)
                    summary.add(progress.store(write, block.n_lines, block.n_bytes, forget=writer.forget))
                else:
                    summary.n_rows += len(block.table)
                n_bytes += block.n_bytes
                if on_progress:
                    on_progress(ImportProgress(path, summary.n_before + summary.n_rows, n_bytes, summary.n_before))
            if progress:
                progress.finish()
    return summary


def _begin(progress: FileProgress | None, summary: ImportSummary) -> tuple[int, int]:
    # bytes and rows of the file that were stored before
    if progress is None:
        return 0, 0
    summary.n_before += progress.position.n_lines
    return progress.position.n_bytes, progress.position.n_lines


def _counting(on_bad_row: OnBadRow | None, summary: ImportSummary, path: Path) -> OnBadRow | None:
    if on_bad_row is None:
        return None

    def count(bad: BadRow) -> None:
        summary.n_bad += 1
        on_bad_row(bad._replace(file=path.name))

    return count


def _chunks_of(blocks: Iterator[RatingBlock]) -> Iterator[RatingBlock]:
    # Few large transactions: in a file in no order, each writes a good part of the table's pages anew.
    refused: BadRowError | None = None
    while refused is None:
        builder, n_bytes, n_lines = TableBuilder(), 0, 0
        try:
            for block in islice(blocks, _BLOCKS_A_CHUNK):
                builder.add(block.table)
                n_bytes += block.n_bytes
                n_lines += block.n_lines
        except BadRowError as error:  # what stands before it is stored
            refused = error
        if n_lines:
            yield RatingBlock(builder.take(), n_bytes, n_lines)
        elif refused is None:
            return
    raise refused


def import_items(
    store: Store | None,
    paths: Sequence[Path],
    options: FileOptions | None = None,
    *,
    on_progress: OnProgress | None = None,
    on_bad_row: OnBadRow | None = None,
) -> ImportSummary:
    """Import files of items; a title or categories that are stored already are replaced.

    Parameters
    ----------
    store : Store or None
        Where they go; None to check the files and store nothing.
    paths : sequence of Path
        The files, read in this order.
    options : FileOptions, optional
        How to read them; ``columns`` does not matter.
    on_progress : callable, optional
        Told after every commit.
    on_bad_row : callable, optional
        Told of every row that cannot be accepted; without it the first one ends the import.

    Returns
    -------
    ImportSummary
        ``created``, ``updated`` and ``ignored`` are not counted.

    Raises
    ------
    InvalidInputError
        At the first row or file that cannot be accepted; chunks before it stay committed.
    """
    options = options or FileOptions()
    summary = ImportSummary()
    for path in paths:
        with _explained(path, summary, "items"), opened(path) as file:
            on_bad = _counting(on_bad_row, summary, path)
            progress = FileProgress(store, path, f"items {options}") if store else None
            _, n_before = _begin(progress, summary)
            for batch in _chunks(islice(_items(file, options, on_bad), n_before, None)):
                if progress:
                    progress.store(partial(upsert_items, batch=batch), len(batch), 0)
                summary.n_rows += len(batch)
                if on_progress:
                    n_bytes = getattr(file, "fileobj", file).tell()
                    on_progress(ImportProgress(path, summary.n_before + summary.n_rows, n_bytes, summary.n_before))
            if progress:
                progress.finish()
    return summary


def _items(file: BinaryIO, options: FileOptions, on_bad_row: OnBadRow | None) -> Iterator[Item]:
    if is_parquet(file):
        rows = ParquetRows(file)
        layout = item_layout(header_of(rows.names), "csv")
        batches = rows.batches(_ITEMS_A_CHUNK, layout.used)
        return read_item_batches(batches, layout.without_others(), on_bad_row=on_bad_row)
    line = first_line(file, options.encoding or "latin-1")
    file_format = options.file_format or item_format(line)
    if file_format in {"csv", "tsv"}:
        line = first_line(file, options.encoding)
    return read_items(file, file_format, line, encoding=options.encoding, on_bad_row=on_bad_row)


@contextmanager
def _explained(path: Path, summary: ImportSummary, what: str) -> Iterator[None]:
    with readable(path):
        try:
            yield
        except BadRowError as error:
            raise InvalidInputError(
                f"{path}, line {error.line}: {error.reason}. The import stopped there; {summary.n_rows:,} {what} "
                "before it are stored. Correct the file and import it again: what is stored already stays as it is. "
                "Or leave out bad rows with --skip-bad"
            ) from error


def _chunks(found: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(found)
    while chunk := list(islice(rest, _ITEMS_A_CHUNK)):
        yield chunk
