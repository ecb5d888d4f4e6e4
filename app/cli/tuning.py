"""``foldin tune``: the search, the curve of the unobserved weight, and the winner for the next training."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.settings import read_settings
from app.cli.stores import opened_store
from app.cli.terminal import print_json, print_table, progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress

    from app.services.training.tuning import TuningProgress


def tune(
    seconds: Annotated[float, typer.Option(min=1, help="How long the search may take.")] = 300.0,
    output: Annotated[
        Path | None, typer.Option(file_okay=False, help="Where the curve goes; by default into the data directory.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Search the hyper-parameters that suit the stored ratings; the next training uses them.

    What foldin evaluate tests on is put aside first. A hyper-parameter that is set in the environment is not searched,
    and goes on counting more than what is found.

    Example: foldin tune --seconds 600
    """
    settings = read_settings()
    from app.services.training.tuning import Tuner

    with opened_store(settings) as store, progress_bar("fits") as bar:
        report = Tuner(store, settings, seconds=seconds, on_progress=_follow(bar, seconds)).run()
    folder = output or settings.data_dir / "tuning"
    report["files"] = [str(path) for path in _save(report, folder)]
    if json:
        print_json(report)
    else:
        _print_report(report)


def _follow(bar: "Progress", seconds: float) -> "Callable[[TuningProgress], None]":
    task = bar.add_task("Loading ratings", total=seconds, n_done=0)

    def follow(progress: "TuningProgress") -> None:
        description = f"{progress.step}, best {progress.best:.4f}"
        bar.update(task, completed=min(progress.seconds, seconds), n_done=progress.n_trials, description=description)

    return follow


def _save(report: dict[str, Any], folder: Path) -> list[Path]:
    import csv

    import orjson

    from app.cli.curve_picture import draw_curve

    folder.mkdir(parents=True, exist_ok=True)
    numbers = folder / "tuning.json"
    numbers.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if not report["curve"]:
        return [numbers]
    table, picture = folder / "w0-curve.csv", folder / "w0-curve.svg"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(report["curve"][0]))
        writer.writeheader()
        writer.writerows(report["curve"])
    picture.write_text(draw_curve(report["curve"], winner=report["chosen_unobserved_weight"], metric=report["metric"]))
    return [picture, table, numbers]


def _print_report(report: dict[str, Any]) -> None:
    metric = report["metric"]
    if report["curve"]:
        chosen = report["chosen_unobserved_weight"]
        rows = [
            (
                f"{point['unobserved_weight']:.4g}",
                f"{point['mean']:.4f}",
                f"{point['low']:.4f} to {point['high']:.4f}",
                "chosen" if point["unobserved_weight"] == chosen else "",
            )
            for point in report["curve"]
        ]
        print_table("The unobserved weight (w0), all else as chosen", ("#w0", f"#{metric}", "#95 % interval", ""), rows)
    chosen_values = [
        (name, f"{value:.4g}" if isinstance(value, float) else str(value))
        for name, value in report["hyperparameters"].items()
    ]
    print_table("Chosen", ("hyper-parameter", "#value"), chosen_values)
    typer.echo(
        f"{metric} {report['score']:.4f}, with the defaults {report['default_score']:.4f}, on ratings that no fit saw; "
        f"{report['n_trials']} candidates, {report['n_pruned']} given up early, in {report['seconds']:.0f} s."
    )
    typer.echo(f"Saved: {', '.join(report['files'])}. The next training uses what was chosen.")
