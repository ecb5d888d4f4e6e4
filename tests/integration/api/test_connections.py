"""A client that does not do its part in time is told so and gone; one that does is let be."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api import connections
from app.config import Settings
from app.main import create_app
from tests.http_server import answer_to, read_all, serving

HEADERS = b"POST /ratings HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n"
JSON_HEADERS = HEADERS % b"application/json"
NDJSON_HEADERS = HEADERS % b"application/x-ndjson" + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines of a fraction of a second."""
    for name in ("HEADER_SECONDS", "BODY_SECONDS", "LINGER_SECONDS"):
        monkeypatch.setattr(connections, name, 0.3)


@pytest.fixture
def hasty_port(hasty: None, port: int) -> int:
    return port


@pytest.fixture
def port(sqlite_url: str, tmp_path: Path) -> Iterator[int]:
    with serving(create_app(Settings(database_url=sqlite_url, data_dir=tmp_path))) as port:
        yield port


def status_and_problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["type"].rpartition(":")[2]


def drip(port: int, first: bytes, drop: bytes, *, patience_seconds: float = 60) -> bytes:
    """Send something every tenth of a second, until the server has had enough or three seconds have passed."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall(first)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(30):
                connection.sendall(drop)
                time.sleep(0.1)
        connection.settimeout(patience_seconds)
        return read_all(connection)


SLOW = {
    "a request line": (b"GET /", b"a"),
    "headers": (b"GET / HTTP/1.1\r\n", b"a: b\r\n"),
    "a body": (JSON_HEADERS + b"Content-Length: 1000\r\n\r\n", b" "),
    "a stream": (NDJSON_HEADERS, b"1\r\n \r\n"),
}


@pytest.mark.parametrize(("first", "drop"), SLOW.values(), ids=SLOW.keys())
def test_a_dripping_request_is_ended(hasty_port: int, first: bytes, drop: bytes):
    assert status_and_problem(drip(hasty_port, first, drop)) == (408, "request-timeout")


@pytest.mark.parametrize(("first", "drop"), SLOW.values(), ids=SLOW.keys())
def test_uvicorns_own_protocol_would_wait(hasty: None, sqlite_url: str, tmp_path: Path, first: bytes, drop: bytes):
    app = create_app(Settings(database_url=sqlite_url, data_dir=tmp_path))
    with serving(app, http=HttpToolsProtocol, timeout_graceful_shutdown=1) as port, pytest.raises(TimeoutError):
        drip(port, first, drop, patience_seconds=0.2)


def test_silence_is_ended_without_a_word(hasty_port: int):
    assert answer_to(hasty_port) == b""
    assert answer_to(hasty_port, GET, b"\r\n").count(b"HTTP/1.1 ") == 1  # line ends between requests are no request


def test_a_stream_that_moves_is_let_be(port: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.5)
    monkeypatch.setattr(connections, "BYTES_PER_SECOND", 1)  # each line earns half a minute more
    line = b'{"user_id":"u","item_id":"i%d","value":3}\n'
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        chunks = [b"%x\r\n%s\r\n" % (len(line % number), line % number) for number in range(10)]
        connection.sendall(NDJSON_HEADERS + chunks[0])
        for chunk in chunks[1:]:
            time.sleep(0.1)
            connection.sendall(chunk)
        connection.sendall(b"0\r\n\r\n")
        assert b'"accepted":10' in connection.recv(65_536)


def test_a_body_that_is_too_large_is_refused_before_it_comes(port: int):
    answer = answer_to(port, JSON_HEADERS + b"Content-Length: 200000000\r\n\r\n", b" " * 100_000)
    assert status_and_problem(answer) == (413, "too-large")


def n_bytes_taken(port: int, n_bytes: int, patience_seconds: float) -> int:
    """How much of a body the server takes after it has refused it."""
    n_taken = 0
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall(JSON_HEADERS + b"Content-Length: 200000000\r\n\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 413")
        connection.settimeout(patience_seconds)
        with contextlib.suppress(TimeoutError, ConnectionError):
            while n_taken < n_bytes:
                n_taken += connection.send(bytes(1 << 16))
    return n_taken


@pytest.mark.parametrize(("pause_seconds", "patience_seconds", "is_taken"), [(600.0, 2.0, False), (0.0, 120.0, True)])
def test_what_comes_of_a_refused_body_is_read_with_pauses(
    port: int, monkeypatch: pytest.MonkeyPatch, pause_seconds: float, patience_seconds: float, is_taken: bool
):
    monkeypatch.setattr(connections, "REFUSED_PAUSE_SECONDS", pause_seconds)
    monkeypatch.setattr(connections, "LINGER_SECONDS", 120.0)
    assert (n_bytes_taken(port, 50_000_000, patience_seconds) >= 50_000_000) is is_taken


@pytest.mark.parametrize("n_parts", [1, 100])
def test_headers_that_are_too_long_are_refused(port: int, n_parts: int):
    headers = [b"x-%d: %s\r\n" % (n, b"a" * (66_000 // n_parts)) for n in range(n_parts)]
    answer = answer_to(port, GET[:-2], *headers, b"\r\n")
    assert status_and_problem(answer) == (431, "headers-too-large")
    fits = answer_to(port, GET[:-2] + b"x: " + b"a" * 60_000 + b"\r\n\r\n")
    assert fits.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("raw", [b"\0\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"GET / HTTP/9\r\n\r\n"])
def test_what_is_not_http_gets_a_problem_document(port: int, raw: bytes):
    assert status_and_problem(answer_to(port, raw)) == (400, "bad-request")


def test_what_the_protocol_refuses_is_counted(port: int, monkeypatch: pytest.MonkeyPatch):
    for name in ("HEADER_SECONDS", "BODY_SECONDS"):  # long enough for whoever does not wait on purpose
        monkeypatch.setattr(connections, name, 2.0)
    headers = GET[:-2] + b"x: " + b"a" * 66_000 + b"\r\n\r\n"
    for raw in (b"\0\r\n\r\n", headers, b"GET /"):
        answer_to(port, raw)
    drip(port, JSON_HEADERS + b"Content-Length: 1000\r\n\r\n", b" ")
    expected = [f'method="none",route="none",status="{status}"' for status in (400, 408, 431)]
    expected.append('method="POST",route="/ratings",status="408"')  # once, by its route
    deadline = time.monotonic() + 60  # the last one's handler may hear of it after its client has
    while not all(f"foldin_requests_total{{{labels}}} 1.0" in counted(port) for labels in expected):
        assert time.monotonic() < deadline, counted(port)
        time.sleep(0.05)


def counted(port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=120).text


def test_a_client_that_does_not_read_its_answers_is_dropped(port: int):
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises(ConnectionError):
            connection.sendall(GET * 100_000)


def test_a_thousand_slow_clients_keep_nobody_out(sqlite_url: str, tmp_path: Path):
    app = create_app(Settings(database_url=sqlite_url, data_dir=tmp_path))
    with serving(app) as port, contextlib.ExitStack() as open_connections:
        for number in range(1_000):
            slow = open_connections.enter_context(socket.create_connection(("127.0.0.1", port)))
            slow.sendall([b"GET / HT", JSON_HEADERS + b"Content-Length: 9999\r\n\r\n["][number % 2])
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as honest:
            for _ in range(50):
                assert honest.post("/ratings", json={"user_id": "u", "item_id": "i", "value": 3}).is_success
