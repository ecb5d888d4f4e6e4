"""Files of ratings whatever they are wrapped in: text, text in gzip, or Parquet, told apart by their first bytes."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from app.config import Settings
from app.errors import InvalidInputError
from app.services.clock import now_microseconds
from app.services.files.bad_rows import BadRowError, OnBadRow
from app.services.files.cut_lines import LONGEST_LINE
from app.services.files.file_layouts import ColumnNames, FileOptions, is_json, rating_layout
from app.services.files.json_lines import read_json_ratings
from app.services.files.parquet_files import ParquetRows, header_of, is_parquet
from app.services.files.rating_blocks import RatingRules
from app.services.files.rating_files import BLOCK_BYTES, RatingBlock, read_batches, read_ratings
from app.storage.ratings import Rating

_GZIP = b"\x1f\x8b"
_BYTES_A_ROW = 32  # of a Parquet file's rows in memory


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, unpacked if it is in gzip.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    binary file
        At its beginning.

    Raises
    ------
    ValueError
        If what is in gzip is cut off or damaged.
    """
    with path.open("rb") as file:
        is_packed = file.read(2) == _GZIP
        file.seek(0)
        if not is_packed:
            yield file
            return
        try:
            with gzip.open(file) as unpacked:
                yield cast("BinaryIO", unpacked)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"the gzip file is cut off or damaged: {error}") from error


def first_line(file: BinaryIO, encoding: str | None) -> str:
    """Read a text file's first line, and go back to its beginning.

    Parameters
    ----------
    file : binary file
        Of text.
    encoding : str or None
        None for UTF-8.

    Returns
    -------
    str
        Without its end.

    Raises
    ------
    ValueError
        If it is empty, too long, or in another encoding.
    """
    file.seek(0)
    text = io.TextIOWrapper(file, encoding or "utf-8", "surrogateescape", newline="\n")
    try:
        line = text.readline(LONGEST_LINE + 1).removeprefix("\ufeff")
        line.encode()
    except UnicodeError:
        raise ValueError(f"its first line is not in {encoding or 'UTF-8'}; name its encoding with --encoding") from None
    finally:
        text.detach()
    file.seek(0)
    if len(line.rstrip("\r\n")) > LONGEST_LINE:
        raise ValueError(f"its first line has more than {LONGEST_LINE:,} characters; end each line with a line feed")
    if not line.strip():
        raise ValueError("the file is empty, or begins with an empty line")
    return line.rstrip("\r\n")


def read_source(
    path: Path,
    rules: RatingRules,
    options: FileOptions,
    *,
    block_bytes: int = BLOCK_BYTES,
    n_passed: int = 0,
    on_bad_row: OnBadRow | None = None,
) -> Iterator[RatingBlock]:
    """Read a file of ratings.

    Parameters
    ----------
    path : Path
        The file.
    rules : RatingRules
        What the rows are held to.
    options : FileOptions
        How to read it.
    block_bytes : int
        How much is read, and yielded, at a time.
    n_passed : int
        Rows at the beginning that are of no interest.
    on_bad_row : callable, optional
        Told of every row that cannot be accepted; without it the first one is an error.

    Yields
    ------
    RatingBlock
        In the order of the file; ``n_bytes`` add up to about the file's size.
    """
    with opened(path) as file:
        if is_parquet(file):
            blocks = _read_parquet(file, rules, options.columns, block_bytes // _BYTES_A_ROW, n_passed, on_bad_row)
        else:
            encoding, line = options.encoding or "utf-8", first_line(file, options.encoding)
            following: Any = {"block_bytes": block_bytes, "n_passed": n_passed, "on_bad_row": on_bad_row}
            if options.file_format == "ndjson" or (options.file_format is None and is_json(line)):
                blocks = read_json_ratings(file, rules, options.columns, encoding=encoding, **following)
            else:
                layout = rating_layout(line, options.file_format, options.columns)
                blocks = read_ratings(file, layout, rules, encoding=encoding, **following)
        packed = getattr(file, "fileobj", None)
        n_bytes = 0
        for block in blocks:
            if packed is None:
                yield block
            else:
                yield block._replace(n_bytes=packed.tell() - n_bytes)
                n_bytes = packed.tell()


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
    with readable(path):
        for block in read_source(path, rules, options):
            if len(block.table):
                yield block.table.rows()


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say which file it was that could not be read, where, and why.

    Parameters
    ----------
    path : Path
        The file that the block reads.

    Yields
    ------
    None
        Nothing.

    Raises
    ------
    InvalidInputError
        For what the block raises about a row or the whole file.
    """
    try:
        yield
    except BadRowError as error:
        raise InvalidInputError(f"{path}, line {error.line}: {error.reason}") from error
    except (ValueError, LookupError) as error:
        raise InvalidInputError(f"{path}: {error}") from error
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}") from error


def _read_parquet(
    file: BinaryIO,
    rules: RatingRules,
    columns: ColumnNames,
    block_rows: int,
    n_passed: int,
    on_bad_row: OnBadRow | None,
) -> Iterator[RatingBlock]:
    rows = ParquetRows(file)
    layout = rating_layout(header_of(rows.names), "csv", columns)
    batches = rows.batches(block_rows, layout.used)
    layout = layout.without_others()
    size = file.seek(0, io.SEEK_END)
    for block in read_batches(batches, layout, rules, n_passed=n_passed, on_bad_row=on_bad_row):
        yield block._replace(n_bytes=size * block.n_lines // max(rows.n_rows, 1))
