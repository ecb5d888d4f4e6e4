"""``foldin recommend`` and ``foldin similar``: answers in the terminal, computed as over HTTP."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.settings import read_settings
from app.cli.stores import existing_store
from app.cli.terminal import print_json, print_table
from app.services.policy import check_id

if TYPE_CHECKING:
    from app.config import Settings
    from app.services.questions.answers import Answer
    from app.services.questions.recommending import Recommender
    from app.storage.engine import Store


def _check_id(outside_id: str) -> str:
    try:
        return check_id(outside_id)
    except ValueError as error:
        raise typer.BadParameter(f"an id {error}") from None


Count = Annotated[int, typer.Option("-n", min=1, max=1000, help="How many items.")]
Categories = Annotated[
    list[str] | None, typer.Option("--category", help="Only items of this category; may be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def recommend(
    user: Annotated[str, typer.Argument(help="The user's id.", callback=_check_id, show_default=False)],
    n: Count = 10,
    category: Categories = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Not this item; may be repeated.")] = None,
    include_rated: Annotated[bool, typer.Option("--include-rated", help="Items the user has rated, too.")] = False,
    json: AsJson = False,
) -> None:
    """Show what a user should see next, from the user's ratings as they are now.

    Example: foldin recommend 1

    Example: foldin recommend 1 -n 20 --category Comedy
    """
    from app.services.questions.answers import RecommendationQuery

    query = RecommendationQuery(n, not include_rated, category or (), exclude or ())
    title = f"For user {user}"
    _answer({"user_id": user}, title, lambda recommender: recommender.recommend(user, query), as_json=json)


def similar(
    item: Annotated[str, typer.Argument(help="The item's id.", callback=_check_id, show_default=False)],
    n: Count = 10,
    category: Categories = None,
    json: AsJson = False,
) -> None:
    """Show the items that are most like an item.

    Example: foldin similar 1
    """

    async def ask(recommender: "Recommender") -> "Answer":
        return await recommender.similar([item], n=n, categories=category or ())

    _answer({"item_id": item}, f"Like item {item}", ask, as_json=json)


def _answer(
    asked: dict[str, str], title: str, ask: Callable[["Recommender"], Awaitable["Answer"]], *, as_json: bool
) -> None:
    import asyncio
    from dataclasses import asdict

    settings = read_settings()
    with existing_store(settings) as store:
        answer = asyncio.run(_ask(store, settings, ask))
        if as_json:
            print_json(asked | asdict(answer))
        else:
            _print_answer(store, title, answer)


async def _ask(store: "Store", settings: "Settings", ask: Callable[["Recommender"], Awaitable["Answer"]]) -> "Answer":
    from app.services.questions.popularity import StorePopularity
    from app.services.questions.recommending import Recommender
    from app.services.refreshing import Refresher
    from app.serving.live import LiveModel
    from app.storage.user_ratings import user_ratings_reader

    live, reader = LiveModel(), user_ratings_reader(store, settings.read_deadline)
    Refresher(store, settings, live).refresh()
    await reader.open()
    try:
        popularity = StorePopularity(store)
        return await ask(Recommender(live, reader, popularity, settings.rating_min, settings.rating_max))
    finally:
        await reader.close()


def _print_answer(store: "Store", title: str, answer: "Answer") -> None:
    from app.storage.catalogue import find_item

    with store.read() as connection:
        found = [find_item(connection, item.item_id) for item in answer.items]
    rows = [
        (str(rank), item.item_id, item.title or "", ", ".join(row.categories) if row else "", f"{item.score:.3f}")
        for rank, (item, row) in enumerate(zip(answer.items, found, strict=True), start=1)
    ]
    version = f"version {answer.model_version}" if answer.model_version else "no model yet"
    print_table(f"{title} ({answer.strategy}, {version})", ("#", "item", "title", "categories", "#score"), rows)
