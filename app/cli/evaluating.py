"""``foldin evaluate``: the table of methods and metrics, on ratings that no fit has seen."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from app.cli.settings import read_settings
from app.cli.stores import opened_store
from app.cli.terminal import print_json, print_table, progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress

    from app.config import Settings
    from app.factorization.evaluation import Split
    from app.services.training.arranging import Arranged
    from app.services.training.evaluating import EvaluationProgress, EvaluationQuery
    from app.storage.engine import Store

_File = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, readable=True, metavar="FILE")]


def evaluate(
    train: _File = None,
    test: _File = None,
    methods: Annotated[str, typer.Option(help="Separated by commas; all if not given.", metavar="A,B")] = "",
    n: Annotated[int, typer.Option(min=1, help="Length of the lists.")] = 10,
    split: Annotated[
        str, typer.Option(help="Hold out each user's latest fifth (time), the latest one (leave-one-out), or random.")
    ] = "time",
    relevant_from: Annotated[
        float, typer.Option(help="Share of the rating scale from which a rating is relevant, 0 to 1.")
    ] = 0.75,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Judge methods by ratings they have not seen: every item is ranked, none is sampled.

    The ratings of the store are split, or a split is given as two files (--train and --test).

    Example: foldin evaluate

    Example: foldin evaluate --methods popularity,weighted --n 20 --split leave-one-out

    Example: foldin evaluate --train u1.base --test u1.test --relevant-from 0.8
    """
    query = _checked_query(methods, n, split, relevant_from)
    if (train is None) != (test is None):
        refuse_call("--train and --test are given together, or neither")
    settings = read_settings()
    from app.services.training.evaluating import evaluate_methods

    with opened_store(settings) as store, progress_bar("methods") as bar:
        given = _read_files(train, test, settings, store)
        report = evaluate_methods(store, settings, query, given, on_progress=_follow(bar))
    if json:
        print_json(report)
    else:
        _print_report(report)


def _checked_query(methods: str, n: int, split: str, relevant_from: float) -> "EvaluationQuery":
    from app.errors import InvalidInputError
    from app.services.training.evaluating import EvaluationQuery

    query = EvaluationQuery([name.strip() for name in methods.split(",") if name.strip()], n, split, relevant_from)
    try:
        query.check()
    except InvalidInputError as error:
        refuse_call(str(error))
    return query


def refuse_call(reason: str) -> NoReturn:
    """Say that the command was called wrongly, and end with code 2.

    Parameters
    ----------
    reason : str
        One line.

    Raises
    ------
    BadParameter
        Always.
    """
    raise typer.BadParameter(reason)


def _read_files(
    train: Path | None, test: Path | None, settings: "Settings", store: "Store"
) -> "tuple[Arranged, Split] | None":
    if train is None or test is None:
        return None
    from app.services.split_files import read_split
    from app.storage.catalogue import items_by_key

    with store.read() as connection:
        rows = items_by_key(connection)
    return read_split(train, test, settings, rows)


def _follow(bar: "Progress") -> "Callable[[EvaluationProgress], None]":
    task = bar.add_task("Loading ratings", total=None, n_done=0)

    def follow(progress: "EvaluationProgress") -> None:
        done = progress.n_methods_done
        epoch = f", epoch {progress.epoch.epoch}" if progress.epoch else ""
        bar.update(
            task,
            total=progress.n_methods,
            completed=done,
            n_done=done,
            description=f"Evaluating {progress.method}{epoch}",
        )

    return follow


def _print_report(report: dict[str, Any]) -> None:
    protocol = report["protocol"]
    names = list(dict.fromkeys(name for method in report["methods"] for name in method["metrics"]))
    rows = [(name, *(_cell(method["metrics"].get(name)) for method in report["methods"])) for name in names]
    rows.append(("seconds", *(f"{method['seconds']:.2f}" for method in report["methods"])))
    title = (
        f"Split by {protocol['split']}: {protocol['n_train']:,} ratings to fit, {protocol['n_test']:,} to judge by, of "
        f"which {protocol['n_relevant']:,} from {protocol['relevant_rating_from']:g} up are relevant to "
        f"{protocol['n_users_judged']:,} users"
    )
    print_table(title, ("", *(f"#{method['method']}" for method in report["methods"])), rows)
    typer.echo("± is half the 95 % interval over users; seconds are the fit's.")


def _cell(metric: dict[str, float] | None) -> str:
    if metric is None:
        return "–"
    return f"{metric['mean']:.4f}\n±{(metric['high'] - metric['low']) / 2:.4f}"
