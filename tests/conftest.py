"""What tests ask for by name: an empty, migrated store of either kind, and what the run says about PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pysqlite3
import pytest
from hypothesis import settings

from app.storage.engine import Store
from app.storage.migrate import migrate
from tests import audit, postgres
from tests.processes import Foldin

audit.start()
settings.register_profile("patient", deadline=None)  # a busy machine may take any time for an example
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _data_never_runs() -> Iterator[None]:
    """Fail the test in which the application ran data, started a process or connected to anywhere by itself."""
    yield
    found = audit.found.copy()
    audit.found.clear()
    assert not found


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty store, of each kind in turn."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty store, of each kind in turn."""
    opened = Store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of an empty SQLite store of this test's own."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'foldin.db')}"


@pytest.fixture
def postgresql_url(
    postgresql_server: postgres.Server, postgresql_template: str, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The address of an empty PostgreSQL store of this test's own."""
    request.node.user_properties.append(("store", "postgresql"))
    url = postgresql_server.create_database(template=postgresql_template)
    yield url
    postgresql_server.drop_database(url)


@pytest.fixture
def foldin(database_url: str, tmp_path: Path) -> Foldin:
    """An installation with an empty store of either kind, whose processes a test can run."""
    return Foldin(database_url, tmp_path)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "foldin.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def own_postgresql_server() -> Iterator[postgres.StoppableServer]:
    """A server that one test may stop."""
    with postgres.stoppable_server() as server:
        if server is None:
            # other tests, and perhaps other people, use the server whose address was given
            pytest.skip("the server that was given is not ours to stop")
        yield server


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: postgres.Server) -> Iterator[str]:
    """A migrated PostgreSQL database to clone."""
    url = postgresql_server.create_database()
    migrate(url)
    postgresql_server.close_to_connections(url)
    yield url
    postgresql_server.drop_database(url)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgres.Server]:
    """The PostgreSQL server of this run; where none can be found the test fails."""
    with postgres.running_server() as server:
        yield server


def pytest_report_header() -> list[str]:
    """Say which databases the tests run on."""
    return [f"sqlite: {pysqlite3.sqlite_version}", f"postgresql: {postgres.describe()}"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests ran on PostgreSQL, so that nobody has to take it on trust."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    ran = sum(report.when == "call" and ("store", "postgresql") in report.user_properties for report in reports)
    terminalreporter.write_line(f"{ran} tests ran on PostgreSQL ({postgres.describe()})")
