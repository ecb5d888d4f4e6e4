"""A server whose disk fills up: a clear refusal, nothing half stored, and on with it when there is space again."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.processes import Foldin

_DISK_BYTES = 16 << 20
_MOUNT = 'mount -t tmpfs -o size="$1" tmpfs "$0" && shift && exec "$@"'


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A folder that only the server sees as a disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    return folder


@pytest.fixture
def foldin(small_disk: Path, tmp_path: Path) -> Foldin:
    """An installation whose SQLite file lies on the small disk."""
    mounted = ("unshare", "-rm", "sh", "-c", _MOUNT, str(small_disk), str(_DISK_BYTES))
    return Foldin(f"sqlite:///{small_disk / 'foldin.db'}", tmp_path, wrapper=mounted)


def test_a_full_disk_refuses_ratings_clearly_and_takes_them_when_there_is_space(
    foldin: Foldin, small_disk: Path
) -> None:
    with foldin.serve("--no-trainer") as server, server.client() as client:
        filler = Path(f"/proc/{server.process.pid}/root{small_disk}/filler")  # the server's own view of its disk
        stored = _post_until_refused(client, filler)
        problem, ratings = stored.pop()
        assert problem.status_code == 507
        assert problem.headers["content-type"] == "application/problem+json"
        assert problem.json() == {
            "type": "urn:foldin:problem:store-full",
            "title": "The disk of the database is full; nothing was stored",
            "status": 507,
            "detail": "database or disk is full; give the database's disk more space, then send it again",
        }
        user_id = ratings[0]["user_id"]
        assert client.get(f"/users/{user_id}/ratings").json()["items"] == []  # nothing of it
        for _, acknowledged in stored:
            assert client.get(f"/users/{acknowledged[0]['user_id']}/ratings").json()["items"]
        filler.unlink()
        assert client.post("/ratings", json=ratings).json()["created"] == len(ratings)
        assert client.get(f"/users/{user_id}/ratings").json()["items"]


def _post_until_refused(client: httpx.Client, filler: Path) -> list[tuple[httpx.Response, list[dict[str, object]]]]:
    answers = []
    for ratings in _batches():
        answers.append((client.post("/ratings", json=ratings), ratings))
        if not answers[-1][0].is_success:
            return answers
        if len(answers) == 1:
            _fill(filler)
    raise AssertionError("the disk was never full")


def _batches() -> Iterator[list[dict[str, object]]]:
    for user in range(100):
        yield [{"user_id": f"u{user}", "item_id": f"i{item}", "value": 3.0} for item in range(2_000)]


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(bytes(4096))
        except OSError:
            return
