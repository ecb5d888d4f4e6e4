"""``foldin status`` and ``foldin migrate``: looking after an installation."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.settings import read_settings
from app.cli.stores import existing_store, opened_store
from app.cli.terminal import print_json, print_table

if TYPE_CHECKING:
    from app.services.status import Status
    from app.storage.training_runs import TrainingRun


def migrate() -> None:
    """Bring the store to this release's schema; serve, worker and the other commands do so by themselves.

    Example: foldin migrate
    """
    settings = read_settings()
    with opened_store(settings):
        typer.echo("The store has this release's schema.")


def status(json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Show what the store holds, which model version is served, and how the latest trainings went; it changes nothing.

    Example: foldin status
    """
    settings = read_settings()
    from app.services.status import read_status

    with existing_store(settings) as store:
        found = read_status(store)
    if json:
        _print_as_json(found)
    else:
        _print_tables(found)


def _print_as_json(found: "Status") -> None:
    from dataclasses import asdict

    from app.api.training import describe_run, describe_version

    active = found.active and describe_version(found.active, found.active.version)
    print_json({
        "store": found.store,
        **asdict(found.counts),
        "active": active,
        "active_age_seconds": found.active_age_seconds,
        "is_publishing_paused": found.is_publishing_paused,
        "trainer": found.trainer,
        "training_runs": [describe_run(run) for run in found.runs],
    })


def _print_tables(found: "Status") -> None:
    counts, active = found.counts, found.active
    served = "none yet; `foldin train` makes one"
    if active is not None and found.active_age_seconds is not None:
        served = f"version {active.version}, published {_ago(found.active_age_seconds)}"
    if found.is_publishing_paused:
        served += "; trainings wait to be asked for, since an older version was activated"
    rows = [
        ("store", found.store),
        ("holds", f"{counts.n_ratings:,} ratings of {counts.n_items:,} items by {counts.n_users:,} users"),
        ("model", served),
        ("training now", found.trainer or "nobody"),
    ]
    print_table("Foldin", ("", ""), rows)
    if found.runs:
        typer.echo()
        columns = ("#run", "status", "began", "#ratings", "#epochs", "#version", "reason")
        print_table("Latest trainings", columns, [_run_row(run) for run in found.runs])


def _run_row(run: "TrainingRun") -> tuple[str, ...]:
    from app.services.clock import now_microseconds

    began = "" if run.started_at is None else _ago((now_microseconds() - run.started_at) / 1e6)
    n_ratings = "" if run.n_ratings is None else f"{run.n_ratings:,}"
    version = "" if run.model_version is None else str(run.model_version)
    return (str(run.id), run.status, began, n_ratings, str(len(run.epochs)), version, run.reason or "")


def _ago(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"
