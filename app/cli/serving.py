"""``foldin serve`` and ``foldin worker``: the service's own processes."""

import ipaddress
import os
import socket
from collections.abc import Callable
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.settings import read_settings
from app.cli.stores import opened_store

if TYPE_CHECKING:
    from app.config import Settings

DATABASE_SECONDS = 60
"""How long a start waits for a database that does not answer."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [FOLDIN_HOST].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one [FOLDIN_PORT].")] = None,
    workers: Annotated[int, typer.Option(min=1, help="API processes.")] = 1,
    trainer: Annotated[bool, typer.Option("--trainer/--no-trainer", help="Supervise a trainer too.")] = True,
) -> None:
    """Migrate the store, answer HTTP, and train in the background.

    Example: foldin serve --port 8000
    """
    run_service(read_settings(host=host, port=port), n_api_processes=workers, with_trainer=trainer)


def worker() -> None:
    """Train in the background without answering HTTP; on PostgreSQL it may run on a machine of its own.

    Example: FOLDIN_DATABASE_URL=postgresql://… foldin worker
    """
    settings = read_settings()
    from app.worker.__main__ import main

    _prepare_when_reachable(settings)
    main()


def run_service(
    settings: "Settings",
    *,
    n_api_processes: int = 1,
    with_trainer: bool = True,
    on_listening: Callable[[str], None] | None = None,
) -> None:
    """Prepare the store, listen, and supervise the processes until a signal comes.

    Parameters
    ----------
    settings : Settings
        Also handed to the processes, through the environment.
    n_api_processes : int
        How many share the port.
    with_trainer : bool
        Whether a trainer runs beside them.
    on_listening : callable, optional
        Told the service's address.

    Raises
    ------
    Exit
        With code 2 when the address is public and there is no key, or is taken.
    """
    from app.api.draining import LONGEST_DELAYS
    from app.cli.supervisor import STOP_SECONDS, Supervisor

    if not _is_loopback(settings.host) and not settings.read_api_keys() and not _has_stored_keys(settings):
        typer.echo(
            f"foldin: refusing to listen on {settings.host} without an API key. Make one with "
            "`foldin keys create --scope admin`, or set FOLDIN_API_KEYS to 32 or more random characters",
            err=True,
        )
        raise typer.Exit(2)
    listening = _listen(settings.host, settings.port)
    port = listening.getsockname()[1]
    os.environ |= {"FOLDIN_HOST": settings.host, "FOLDIN_PORT": str(port)}
    supervisor = Supervisor(
        on_event=lambda text: typer.echo(f"foldin: {text}", err=True),
        on_end=_forget_process,
        stop_seconds=STOP_SECONDS + LONGEST_DELAYS * settings.drain_delay,
    )
    supervisor.add_ahead("app.main", "--fd", str(listening.fileno()), "--processes", str(n_api_processes))
    if with_trainer:
        supervisor.add("app.worker")

    def prepare() -> None:
        _prepare_when_reachable(settings)
        address = f"http://{_in_url(settings.host)}:{port}"
        typer.echo(f"foldin: listening on {address} (Ctrl-C stops)", err=True)
        if on_listening:
            on_listening(address)

    with TemporaryDirectory(prefix="foldin-metrics-") as metrics_dir:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics_dir  # where the processes' numbers meet
        supervisor.run(shared=listening, prepare=prepare)


def _forget_process(pid: int) -> None:
    from app.api.monitoring import forget_process

    forget_process(pid)


def _prepare_when_reachable(settings: "Settings") -> None:
    # whatever starts the database may start it after this
    from app.errors import StoreUnavailableError
    from app.services.preparing import prepare_store

    deadline = monotonic() + DATABASE_SECONDS
    while True:
        try:
            return prepare_store(settings)
        except StoreUnavailableError as error:
            if monotonic() > deadline:
                raise
            typer.echo(f"foldin: {error}; trying again", err=True)
            sleep(1)


def _has_stored_keys(settings: "Settings") -> bool:
    from app.services.access_keys import list_keys

    with opened_store(settings) as store:
        return any(key.revoked_at is None for key in list_keys(store))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        typer.echo(f"foldin: cannot listen on {host}:{port}: {error.strerror}; choose another with --port", err=True)
        raise typer.Exit(1) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
