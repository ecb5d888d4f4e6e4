"""The settings of a command: the environment, with the command's options over it."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from app.config import Settings


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
            name = "".join(f"FOLDIN_{part}".upper() for part in entry["loc"][:1]) or "settings"
            typer.echo(f"foldin: {name}: {entry['msg'].removeprefix('Value error, ')}", err=True)
        raise typer.Exit(2) from None
    except ValueError as error:
        typer.echo(f"foldin: {error}", err=True)
        raise typer.Exit(2) from None
    return settings
