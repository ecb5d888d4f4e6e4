"""``foldin backup``, ``foldin restore`` and ``foldin export``: everything out, and in again."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.settings import read_settings
from app.cli.stores import opened_store
from app.cli.terminal import print_json, progress_bar

_Target = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def backup(file: _Target, json: _Json = False) -> None:
    """Save ratings, items, settings of the store and model versions in one file, while the service goes on.

    Example: foldin backup foldin-backup.zip
    """
    settings = read_settings()
    from dataclasses import asdict

    from app.services.backup import write_backup

    with opened_store(settings) as store, progress_bar("%") as bar:
        task = bar.add_task("Saving", total=1.0, n_done=0)
        summary = write_backup(
            store,
            settings,
            file,
            lambda step, share: bar.update(task, description=step, completed=share, n_done=round(share * 100)),
        )
    if json:
        print_json(asdict(summary))
    else:
        typer.echo(f"{file}: {summary.n_bytes:,} bytes, with {summary.n_model_files} files of model versions.")


def restore(file: _Target, json: _Json = False) -> None:
    """Restore a backup into an empty place: a new data directory, or a database without a store.

    Users erased after the backup are in it again: erase them again before serving.

    Example: FOLDIN_DATA_DIR=restored foldin restore foldin-backup.zip
    """
    settings = read_settings()
    from dataclasses import asdict

    from app.services.backup import restore_backup

    with progress_bar("%") as bar:
        task = bar.add_task("Restoring", total=1.0, n_done=0)
        summary = restore_backup(
            settings,
            file,
            lambda step, share: bar.update(task, description=step, completed=share, n_done=round(share * 100)),
        )
    if json:
        print_json(asdict(summary))
    else:
        typer.echo(f"Restored as of {summary.created_at}. Erase again whoever was erased since.")


def export(file: _Target, json: _Json = False) -> None:
    """Write every rating to a CSV or Parquet file, which `foldin import` reads.

    Example: foldin export ratings.csv

    Example: foldin export ratings.parquet
    """
    settings = read_settings()
    from app.services.files.exporting import export_ratings

    with opened_store(settings) as store, progress_bar("ratings") as bar:
        task = bar.add_task("Exporting", total=None, n_done=0)
        n_ratings = export_ratings(
            store, file, lambda done, total: bar.update(task, completed=done, total=total, n_done=done)
        )
    if json:
        print_json({"n_ratings": n_ratings})
    else:
        typer.echo(f"{n_ratings:,} ratings written to {file}.")
