"""The settings of a command: the environment, with the command's options over it."""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from app.config import Settings

_ALIKE = 0.87  # a letter or two


def read_settings(**options: object) -> "Settings":
    """Read the environment; an option that was given counts more.

    Parameters
    ----------
    **options : object
        Fields of ``Settings``; None for an option that was not given.

    Returns
    -------
    Settings
        Checked.

    Raises
    ------
    Exit
        With code 2 when a setting is wrong, after saying which.
    """
    from pydantic import ValidationError

    from app.config import Settings

    try:
        settings = Settings(**{name: value for name, value in options.items() if value is not None})  # type: ignore[arg-type]
        settings.read_api_keys()
    except ValidationError as error:
        for entry in error.errors(include_url=False, include_input=False, include_context=False):
            typer.echo(f"foldin: {_explain(entry['loc'], entry['msg'])}", err=True)
        raise typer.Exit(2) from None
    except ValueError as error:
        typer.echo(f"foldin: {error}", err=True)
        raise typer.Exit(2) from None
    links = ("tcp://", "udp://", "sctp://")  # which Kubernetes sets for every Service
    for name, meant in _misspelt(name for name, value in os.environ.items() if not value.startswith(links)):
        typer.echo(f"foldin: {name} is no setting, and is passed over; is {meant} meant?", err=True)
    return settings


def _misspelt(environment: Iterable[str]) -> list[tuple[str, str]]:
    # only what looks like a setting: other variables with this prefix may belong to somebody else
    from app.config import Settings

    names = [f"FOLDIN_{field}".upper() for field in Settings.model_fields]
    others = sorted({name.upper() for name in environment if name.upper().startswith("FOLDIN_")} - {*names})
    return [(name, meant) for name in others for meant in get_close_matches(name, names, 1, _ALIKE)]


def _explain(place: tuple[int | str, ...], message: str) -> str:
    from app.config import Settings

    reason = message.removeprefix("Value error, ")
    field = Settings.model_fields.get(str(place[0])) if place else None
    return f"FOLDIN_{place[0]}".upper() + f": {reason}. {field.description}" if field else reason
