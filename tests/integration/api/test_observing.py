"""What an operator sees: numbers that answer questions, lines that can be parsed, and nobody's name in either."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from app.errors import StoreUnavailableError
from app.logs import configure_logging
from app.storage.engine import Store
from tests.processes import ASK_SECONDS, Foldin
from tests.service import Service, started, tastes

PERSON = "user-4711-private"
GIVEN_KEY = "write:" + "canary" * 7


@pytest.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    async with started(database_url, tmp_path / "data", log_format="json") as service:
        yield service


def figures(text: str) -> dict[tuple[str, ...], float]:
    """Read an exposition: by name and label values, the value."""
    families = text_string_to_metric_families(text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


async def test_the_numbers_answer_the_questions_of_a_bad_night(service: Service, monkeypatch: pytest.MonkeyPatch):
    await service.rate([*tastes(), (PERSON, "i1", 5)])
    await service.train()
    await service.get(f"/users/{PERSON}/recommendations")
    await service.client.get(f"/users/{PERSON}/nothing")

    async def broken(_user_id: str) -> None:
        raise StoreUnavailableError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(service.state.recommender.reader, "read", broken, raising=True)
        assert (await service.get(f"/users/{PERSON}/recommendations"))["degraded"]
    exposed = (await service.client.get("/metrics")).text
    found = figures(exposed)
    asked = ("GET", "/users/{user_id}/recommendations")
    assert found["foldin_requests_total", *asked, "200"] == 2
    assert found["foldin_requests_total", "GET", "none", "404"] == 1
    assert found["foldin_request_seconds_count", *asked] == 2
    assert found["foldin_ratings_accepted_total",] == len(tastes()) + 1
    assert found["foldin_degraded_answers_total",] == 1
    assert found["foldin_model_version",] == service.served_version
    assert 0 <= found["foldin_model_age_seconds",] < 600
    assert found["foldin_model_swaps_total",] >= 1
    assert found["foldin_training_runs", "succeeded"] == 1
    assert found["foldin_training_seconds",] > 0
    assert found["foldin_training_loss",] > 0
    assert found["foldin_store_seconds_count", "read"] >= 1
    assert found["foldin_store_seconds_count", "write"] == 1
    assert found["foldin_store_reachable",] == 1
    assert found["foldin_write_queue",] == 0
    assert found["foldin_event_loop_lag_seconds_count",] > 0
    assert PERSON not in exposed


async def test_every_request_is_a_line_without_anybodys_name(service: Service, capfd: pytest.CaptureFixture[str]):
    capfd.readouterr()
    answers = [
        await service.client.get(f"/users/{PERSON}/ratings", headers={"x-request-id": "from-the-caller.1"}),
        await service.client.get(f"/users/{PERSON}%0A/ratings", headers={"x-request-id": "no\x7f id"}),
        await service.client.post("/ratings", json={"user_id": PERSON, "item_id": "i", "value": 99}),
    ]
    await service.client.get("/health/ready")
    await service.client.get("/health/live")
    text = capfd.readouterr().err
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["request_id"] for line in lines] == [answer.headers["x-request-id"] for answer in answers]
    assert lines[0]["request_id"] == "from-the-caller.1"
    assert re.fullmatch("[0-9a-f]{16}", lines[1]["request_id"])
    assert [(line["event"], line["method"], line["route"], line["status"]) for line in lines] == [
        ("request", "GET", "/users/{user_id}/ratings", 200),
        ("request", "GET", "/users/{user_id}/ratings", 422),
        ("request", "POST", "/ratings", 422),
    ]
    assert all(0 <= line["duration_seconds"] < 60 and line["timestamp"].endswith("Z") for line in lines)
    assert PERSON not in text


@pytest.fixture
def plain_logging() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_is_logged_stays_on_its_line(log_format: str, capfd: pytest.CaptureFixture[str], plain_logging: None):
    configure_logging(log_format)  # type: ignore[arg-type]
    structlog.get_logger().warning("odd", reason="a\nlevel=error\x1b[2J\x9b\u2028\u202e\x7f")
    text = capfd.readouterr().err
    assert text.count("\n") == len(text.splitlines()) == 1
    assert not re.search("[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f\u2028\u202e]", text)
    assert "[2J" in text
    assert "\x1b[2J" not in text


@contextmanager
def watched(foldin: Foldin, data_dir: Path) -> Iterator[tuple[httpx.Client, list[str]]]:
    """A server of two processes with a key in its environment, and what it printed, filled in at the end."""
    printed: list[str] = []
    keyed = Foldin(foldin.database_url, foldin.data_dir, {"FOLDIN_API_KEYS": GIVEN_KEY, "FOLDIN_LOG_FORMAT": "json"})
    with (
        keyed.serve("--no-trainer", "--workers", "2") as server,
        server.client(headers={"x-api-key": GIVEN_KEY.partition(":")[2]}) as client,
    ):
        yield client, printed
    printed += [log.read_text() for log in data_dir.glob("serve-*.log")]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_keys_leak_nowhere_and_processes_add_up(foldin: Foldin, store: Store, tmp_path: Path):
    made = foldin.run("keys", "create", "--scope", "read").stdout.strip()
    canaries = [GIVEN_KEY.partition(":")[2], made, "nobody" * 7]
    seen: list[str] = []
    with watched(foldin, tmp_path) as (client, printed):
        for canary in canaries:
            answers = [
                client.get("/items/popular", headers={"x-api-key": canary}),
                client.get("/items/popular", headers={"x-api-key": "", "authorization": f"Bearer {canary}"}),
                client.get("/items/popular", params={"api_key": canary}),
                client.get(f"/{canary}"),
                client.get("/items/popular", headers={"x-request-id": canary}),
                client.post("/ratings", json={"user_id": canary, "item_id": canary, "value": canary}),
                client.post("/ratings", content=canary),
                client.request("POST", "/training-runs", headers={"x-api-key": canary, "content-type": canary}),
            ]
            seen += [answer.text for answer in answers]
        for _ in range(40):  # each on a connection of its own, so that both processes get some
            httpx.get(f"{client.base_url}/health/live", timeout=ASK_SECONDS)
        text = client.get("/metrics").text
        assert figures(text)["foldin_requests_total", "GET", "/health/live", "200"] >= 40
        assert figures(text)["foldin_store_reachable",] == 1
        seen.append(text)
    seen += printed
    assert '"event":"request"' in printed[0]
    allowed = {canary: sum(text.count(f'"request_id":"{canary}"') for text in seen) for canary in canaries}
    for canary in canaries:  # an id that the caller gives is given back, whatever it is
        assert sum(text.count(canary) for text in seen) == allowed[canary] == 1
    stored = [path.read_bytes() for path in tmp_path.glob("foldin.db*")]
    assert not any(canary.encode() in content for canary in canaries for content in stored)


def test_status_makes_and_changes_nothing(sqlite_url: str, tmp_path: Path):
    nowhere = Foldin(f"sqlite:///{tmp_path / 'none' / 'foldin.db'}", tmp_path)
    assert "there is no store" in nowhere.run("status", exit_code=1).stderr
    assert not (tmp_path / "none").exists()
    store = Store(sqlite_url)
    with store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    store.close()
    assert "has schema 0001" in Foldin(sqlite_url, tmp_path).run("status", exit_code=1).stderr
