"""``foldin train``: one training, now."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.settings import read_settings
from app.cli.stores import opened_store
from app.cli.terminal import print_json, print_table, progress_bar

if TYPE_CHECKING:
    from app.config import Settings
    from app.services.training.running import Progress
    from app.storage.engine import Store
    from app.storage.training_runs import TrainingRun


def train(
    json: Annotated[bool, typer.Option("--json", help="Print the training run as one JSON object.")] = False,
) -> None:
    """Train on all ratings now, and publish the model if it passes the gate.

    Example: foldin train

    Example: FOLDIN_N_FACTORS=128 foldin train --json
    """
    settings = read_settings()
    with opened_store(settings) as store:
        run = train_visibly(store, settings)
    _report(run, as_json=json)


def train_visibly(store: "Store", settings: "Settings", *, skip_unchanged: bool = False) -> "TrainingRun":
    """Train once behind a progress bar.

    Parameters
    ----------
    store : Store
        Where the ratings are.
    settings : Settings
        How to train.
    skip_unchanged : bool
        Whether to keep the active version when nothing changed since.

    Returns
    -------
    TrainingRun
        However it ended.

    Raises
    ------
    SupersededError
        If another trainer is at work.
    """
    from app.errors import SupersededError
    from app.services.training.running import train_once

    with progress_bar("epochs") as bar:
        task = bar.add_task("Loading ratings", total=None, n_done=0)

        def follow(progress: "Progress") -> None:
            done = progress.epoch.epoch if progress.epoch else 0
            step = "Evaluating" if progress.step == "evaluating" else "Training"
            description = f"{step} on {progress.n_ratings:,} ratings"
            bar.update(task, total=progress.n_epochs, completed=done, n_done=done, description=description)

        run = train_once(store, settings, skip_unchanged=skip_unchanged, on_progress=follow)
    if run is None:
        raise SupersededError("another trainer is at work; `foldin status` shows it, so try again when it has ended")
    return run


def _report(run: "TrainingRun", *, as_json: bool) -> None:
    from app.errors import TrainingFailedError

    if as_json:
        from app.api.training import describe_run

        print_json(describe_run(run))
    else:
        _print_run(run)
    if run.status == "failed":
        raise TrainingFailedError(f"the training failed: {run.reason}")


def _print_run(run: "TrainingRun") -> None:
    if run.status == "succeeded":
        typer.echo(
            f"Version {run.model_version} is trained and active: {run.n_ratings:,} ratings of {run.n_items:,} items "
            f"by {run.n_users:,} users, loaded in {run.load_seconds:.2f} s."
        )
    elif run.status != "failed":
        typer.echo(f"The training ended as {run.status}: {run.reason}")
    if run.epochs:
        rows = [(str(epoch["epoch"]), f"{epoch['loss']:,.1f}", f"{epoch['seconds']:.2f}") for epoch in run.epochs]
        print_table("Epochs", ("#epoch", "#loss", "#seconds"), rows)
    if run.metrics:
        _print_metrics(run.metrics)


def _print_metrics(metrics: dict[str, Any]) -> None:
    measured = [(name, value) for name, value in metrics.items() if isinstance(value, dict) and "mean" in value]
    if measured:
        rows = [
            (name, f"{value['mean']:.4f}", f"{value['low']:.4f} to {value['high']:.4f}") for name, value in measured
        ]
        print_table("On held-out ratings, before the fit on all", ("metric", "#value", "#95 % interval"), rows)
    compared = metrics.get("compared_with")
    if compared:
        base, metric = compared["baseline_value"]["mean"], compared["metric"]
        typer.echo(f"{metric} of {compared['baseline']} on the same ratings: {base:.4f}")
    if note := metrics.get("protocol", {}).get("note"):
        typer.echo(f"Evaluation: {note}.")
