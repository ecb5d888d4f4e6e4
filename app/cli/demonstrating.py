"""``foldin demo``: sample ratings, a first training, and the service, in one command."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.serving import run_service
from app.cli.settings import read_settings
from app.cli.stores import opened_store
from app.cli.training import train_visibly

if TYPE_CHECKING:
    from app.config import Settings
    from app.storage.catalogue import CatalogueRow


def demo(
    host: Annotated[str | None, typer.Option(help="Address to listen on, or FOLDIN_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, or FOLDIN_PORT; 0 takes a free one.")] = None,
) -> None:
    """Try Foldin: fill an empty store with invented films and ratings, train, serve, and show what to ask.

    Where ratings are stored already, those are used.

    Example: foldin demo --port 8080
    """
    settings = read_settings(host=host, port=port)
    from app.services.demo_data import fill_with_demo_data
    from app.storage.catalogue import count_ratings_by_item

    with opened_store(settings) as store:
        if fill_with_demo_data(store, settings.rating_min, settings.rating_max):
            typer.echo("Filled the empty store with invented films, and users such as horror-fan-1.", err=True)
        run = train_visibly(store, settings, skip_unchanged=True)
        if run.status == "succeeded":
            typer.echo(f"Trained version {run.model_version} on {run.n_ratings:,} ratings.", err=True)
        elif run.status != "skipped":
            typer.echo(f"The training ended as {run.status}, so popular films are served: {run.reason}", err=True)
        with store.read() as connection:
            counted = count_ratings_by_item(connection)
    favourite = counted[0][0] if counted else None
    run_service(settings, on_listening=lambda address: _print_calls(settings, address, favourite))


def _print_calls(settings: "Settings", address: str, favourite: "CatalogueRow | None") -> None:
    import shlex
    from urllib.parse import quote

    import orjson

    item_id, title = (favourite.item_id, favourite.title or "this item") if favourite else ("1", "this item")
    value = settings.rating_max
    rating = orjson.dumps({"user_id": "you", "item_id": item_id, "value": int(value) if value.is_integer() else value})
    key = ' -H "X-API-Key: $FOLDIN_KEY"' if settings.read_api_keys() else ""
    body = f"-H 'Content-Type: application/json' -d {shlex.quote(rating.decode())}"
    similar = shlex.quote(f"{address}/items/{quote(item_id, safe='')}/similar?n=5")
    typer.echo(f"""
Foldin is at {address} and answers these in another terminal:

  # you like {title}
  curl{key} {address}/ratings {body}

  # what should you see next?
  curl{key} '{address}/users/you/recommendations?n=5'

  # what is like {title}?
  curl{key} {similar}

Every call is described at {address}/docs
""")
