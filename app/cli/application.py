"""The application that holds every command; the order here is the order of ``foldin --help``."""

from typing import Annotated

import typer

from app.cli import answering, demonstrating, evaluating, importing, keys, operating, saving, serving, training, tuning

app = typer.Typer(
    name="foldin",
    help="Recommendations from ratings: every rating is folded in to the very next answer.\n\n"
    "Begin with: foldin demo\n\n"
    "With your own ratings: foldin import ratings.csv, then foldin train, then foldin serve.\n\n"
    "Settings are environment variables such as FOLDIN_DATABASE_URL and FOLDIN_DATA_DIR.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(demonstrating.demo)
app.command()(serving.serve)
app.command()(serving.worker)
app.command(name="import")(importing.import_)
app.command()(training.train)
app.command()(evaluating.evaluate)
app.command()(tuning.tune)
app.command()(answering.recommend)
app.command()(answering.similar)
app.add_typer(keys.application, name="keys")
app.command()(operating.status)
app.command()(operating.migrate)
app.command()(saving.backup)
app.command()(saving.restore)
app.command()(saving.export)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"foldin {version('foldin')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Give every command line --version; the application's help is above."""
