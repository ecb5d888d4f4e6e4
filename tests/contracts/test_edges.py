"""Every error has its HTTP form, and every route its scope."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.api.problems import PROBLEMS
from app.api.security import SCOPES
from app.config import Settings
from app.errors import FoldinError
from app.main import create_app


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


def routes(app: FastAPI) -> set[tuple[str, str]]:
    paths = app.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_every_route_is_listed_with_its_scope_and_every_listed_route_exists(app: FastAPI) -> None:
    assert routes(app) == SCOPES.keys()


def test_a_route_without_a_scope_cannot_be_made() -> None:
    from app.api.state import scoped_router

    router = scoped_router("test")
    with pytest.raises(KeyError):

        @router.get("/unlisted")
        async def unlisted() -> None: ...


def test_no_route_escapes_the_check_of_access(app: FastAPI) -> None:
    from app.api.security import ScopedRoute

    plain = [route.path for route in app.routes if isinstance(route, APIRoute) and not isinstance(route, ScopedRoute)]
    assert plain == []
