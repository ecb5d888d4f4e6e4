"""Importing ratings and items from files, a chunk a transaction; a bad row stops it and undoes nothing before it.

Repeating an import changes nothing, so one that was stopped is begun again when the file is corrected.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from app.config import Settings
from app.errors import InvalidInputError
from app.services.clock import now_microseconds
from app.services.file_layouts import ColumnNames, FileFormat, item_format
from app.services.item_files import read_items
from app.services.rating_files import BLOCK_BYTES, BadRowError, RatingBlock, RatingRules
from app.services.rating_sources import first_line, opened, read_source
from app.storage.bulk import BulkWriter
from app.storage.catalogue import Item, upsert_items
from app.storage.engine import Store
from app.storage.rating_table import TableBuilder
from app.storage.ratings import Rating
from app.storage.upserts import WriteCounts

_ITEMS_A_CHUNK = 10_000
_BLOCKS_A_CHUNK = 4


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What a person says of the files; what is None is recognized.

    Attributes
    ----------
    file_format : FileFormat or None
        How they are laid out.
    columns : ColumnNames
        Names of columns.
    encoding : str or None
        By default UTF-8, and Latin-1 for MovieLens' own layouts of items.
    """

    file_format: FileFormat | None = None
    columns: ColumnNames = field(default_factory=ColumnNames)
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import has come: rows committed of all files, and about how many bytes of this one they took."""

    path: Path
    n_rows: int
    n_bytes: int


@dataclass(slots=True)
class ImportSummary:
    """What an import did; ``ignored`` were older than what is stored, or given twice."""

    n_rows: int = 0
    created: int = 0
    updated: int = 0
    ignored: int = 0

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
    store: Store,
    settings: Settings,
    paths: Sequence[Path],
    options: FileOptions | None = None,
    *,
    on_progress: OnProgress | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> ImportSummary:
    """Import files of ratings.

    Parameters
    ----------
    store : Store
        Where they go.
    settings : Settings
        The rating scale.
    paths : sequence of Path
        The files, read in this order.
    options : FileOptions, optional
        How to read them.
    on_progress : callable, optional
        Told after every commit.
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
            n_bytes = 0
            for table, n_bytes_read in _chunks_of(_blocks(path, rules, options, block_bytes), block_bytes):
                with store.write() as connection:
                    summary.add(writer.write(connection, table))
                n_bytes += n_bytes_read
                if on_progress:
                    on_progress(ImportProgress(path, summary.n_rows, n_bytes))
    return summary


def _chunks_of(blocks: Iterator[RatingBlock], block_bytes: int) -> Iterator[RatingBlock]:
    # Few large transactions: in a file in no order, each writes a good part of the table's pages anew.
    builder, n_bytes = TableBuilder(), 0
    refused: Exception | None = None
    while refused is None:
        try:
            block = next(blocks, None)
        except BadRowError as error:  # what stands before it is stored
            block, refused = None, error
        if block is not None:
            builder.add(block.table)
            n_bytes += block.n_bytes
        if n_bytes and (block is None or n_bytes >= _BLOCKS_A_CHUNK * block_bytes):
            yield RatingBlock(builder.take(), n_bytes)
            n_bytes = 0
        if block is None:
            break
    if refused is not None:
        raise refused


def import_items(
    store: Store, paths: Sequence[Path], options: FileOptions | None = None, *, on_progress: OnProgress | None = None
) -> ImportSummary:
    """Import files of items; a title or categories that are stored already are replaced.

    Parameters
    ----------
    store : Store
        Where they go.
    paths : sequence of Path
        The files, read in this order.
    options : FileOptions, optional
        How to read them; ``columns`` does not matter.
    on_progress : callable, optional
        Told after every commit.

    Returns
    -------
    ImportSummary
        Only ``n_rows`` is counted.

    Raises
    ------
    InvalidInputError
        At the first row or file that cannot be accepted; chunks before it stay committed.
    """
    options = options or FileOptions()
    summary = ImportSummary()
    for path in paths:
        with _explained(path, summary, "items"), opened(path) as file:
            line = first_line(file, options.encoding or "latin-1")
            file_format = options.file_format or item_format(line)
            if file_format in {"csv", "tsv"}:
                line = first_line(file, options.encoding)
            found = read_items(file, file_format, line, encoding=options.encoding)
            for batch in _chunks(found):
                with store.write() as connection:
                    summary.n_rows += upsert_items(connection, batch)
                if on_progress:
                    on_progress(ImportProgress(path, summary.n_rows, file.tell()))
    return summary


def ratings_in_file(path: Path, settings: Settings, options: FileOptions) -> Iterator[list[Rating]]:
    """Read a file of ratings without storing them.

    Parameters
    ----------
    path : Path
        The file.
    settings : Settings
        The rating scale.
    options : FileOptions
        How to read it.

    Yields
    ------
    list of Rating
        Never empty; in the order of the file.

    Raises
    ------
    InvalidInputError
        At the first row that cannot be accepted.
    """
    rules = RatingRules(settings.rating_min, settings.rating_max, now_microseconds())
    try:
        for block in _blocks(path, rules, options, BLOCK_BYTES):
            yield block.table.rows()
    except BadRowError as error:
        raise InvalidInputError(f"{path}, line {error.line}: {error.reason}") from error
    except (ValueError, LookupError) as error:
        raise InvalidInputError(f"{path}: {error}") from error
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}") from error


def _blocks(path: Path, rules: RatingRules, options: FileOptions, block_bytes: int) -> Iterator[RatingBlock]:
    return read_source(
        path,
        rules,
        file_format=options.file_format,
        columns=options.columns,
        encoding=options.encoding,
        block_bytes=block_bytes,
    )


@contextmanager
def _explained(path: Path, summary: ImportSummary, what: str) -> Iterator[None]:
    try:
        yield
    except BadRowError as error:
        raise InvalidInputError(
            f"{path}, line {error.line}: {error.reason}. The import stopped there; {summary.n_rows:,} {what} before it "
            "are stored. Correct the file and import it again: what is stored already stays as it is"
        ) from error
    except (ValueError, LookupError) as error:
        raise InvalidInputError(f"{path}: {error}") from error
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}") from error


def _chunks(found: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(found)
    while chunk := list(islice(rest, _ITEMS_A_CHUNK)):
        yield chunk
