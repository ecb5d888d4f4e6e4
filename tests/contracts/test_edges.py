"""Every error has its HTTP form, and every route its scope."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Response
from fastapi.routing import APIRoute
from starlette.routing import Route

from app.api.problems import PROBLEMS
from app.api.security import SCOPES, ScopedRoute
from app.config import Settings
from app.errors import FoldinError
from app.main import EDGES, create_app


def all_errors(root: type[FoldinError] = FoldinError) -> Iterator[type[FoldinError]]:
    for kind in root.__subclasses__():
        yield kind
        yield from all_errors(kind)


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    return create_app(Settings(data_dir=tmp_path))


def test_every_error_has_a_problem() -> None:
    assert PROBLEMS.keys() == set(all_errors())


def test_problems_that_differ_have_types_that_differ() -> None:
    names = [problem.name for problem in PROBLEMS.values()]
    assert len(set(names)) == len(names)


def routes() -> set[tuple[str, str]]:
    declared = [route for edge in EDGES for route in edge.router.routes]
    return {
        (method, route.path) for route in declared if isinstance(route, ScopedRoute) for method in route.methods or ()
    }


def test_every_route_is_listed_with_its_scope_and_every_listed_route_exists() -> None:
    assert routes() == SCOPES.keys()


def test_the_api_describes_every_route_but_its_description(app: FastAPI) -> None:
    described = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    assert described == routes() - {("GET", path) for path in ("/docs", "/openapi.json", "/metrics")}


def test_a_route_without_a_scope_cannot_be_made() -> None:
    from app.api.state import scoped_router

    router = scoped_router("test")
    with pytest.raises(KeyError):

        @router.get("/unlisted")
        async def unlisted() -> None: ...


def test_no_route_escapes_the_check_of_access(app: FastAPI) -> None:
    assert escaping(app) == []
    app.add_route("/added", lambda _: Response())
    app.add_api_route("/api-added", lambda: None)
    assert escaping(app) == ["/added", "/api-added"]


def escaping(app: FastAPI) -> list[str]:
    """Name what was added to the application beside the routers of its edges."""
    return [route.path for route in app.routes if isinstance(route, Route | APIRoute)] + [
        route.path for edge in EDGES for route in edge.router.routes if not isinstance(route, ScopedRoute)
    ]
