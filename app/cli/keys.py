"""``foldin keys``: who may call the service."""

from enum import StrEnum
from typing import Annotated

import typer

from app.cli.settings import read_settings
from app.cli.stores import opened_store
from app.cli.terminal import print_json, print_table

application = typer.Typer(
    help="Make, list and revoke the API keys that the store knows. A service that ever had one is never open again.",
    no_args_is_help=True,
)


_FIRST = (
    "foldin: this is the store's first key: from now on every request needs one, and revoking it does not change that. "
    "What this key may not do needs another, with --scope write or admin"
)
_LAST = "; it was the last in the store, and without one of FOLDIN_API_KEYS nobody is let in before you make another"


class Scope(StrEnum):
    """What a key may do; each may do what those before it may."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@application.command()
def create(
    scope: Annotated[Scope, typer.Option(help="What it may do; write includes read, admin includes both.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a key and print it, once; the service takes it within a second.

    Example: foldin keys create --scope write
    """
    from app.services.access_keys import create_key, list_keys

    with opened_store(read_settings()) as store:
        is_first = not list_keys(store)
        key_id, key = create_key(store, scope.value)
    if json:
        print_json({"id": key_id, "scope": scope.value, "key": key})
    else:
        typer.echo(f"foldin: key {key_id} with the scope {scope.value}; it is not shown again:", err=True)
        typer.echo(key)
        if is_first:
            typer.echo(_FIRST, err=True)


@application.command(name="list")
def list_(json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """List the keys by number, without the keys themselves.

    Example: foldin keys list
    """
    from app.services.access_keys import list_keys
    from app.services.clock import to_rfc3339

    with opened_store(read_settings()) as store:
        found = list_keys(store)
    rows = [
        (key.id, key.scope, to_rfc3339(key.created_at), None if key.revoked_at is None else to_rfc3339(key.revoked_at))
        for key in found
    ]
    columns = ("id", "scope", "created_at", "revoked_at")
    if json:
        print_json({"keys": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        cells = [(str(number), scope, made, revoked or "") for number, scope, made, revoked in rows]
        print_table("API keys" if cells else "No keys", ("#id", "scope", "made", "revoked"), cells)


@application.command()
def revoke(
    key_id: Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="Its number in `foldin keys list`.")],
) -> None:
    """Revoke a key; the service refuses it within a second.

    Example: foldin keys revoke 1
    """
    from app.services.access_keys import list_keys, revoke_key

    with opened_store(read_settings()) as store:
        revoke_key(store, key_id)
        is_last = all(key.revoked_at is not None for key in list_keys(store))
    typer.echo(f"foldin: key {key_id} is revoked" + (_LAST if is_last else ""), err=True)
