"""The commands as processes: what they leave on the terminal, and with which code they end."""

import shlex
from pathlib import Path

import httpx
import pytest

from tests.e2e.client import wait_for
from tests.ports import free_port
from tests.processes import ASK_SECONDS, Foldin


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_failure_is_one_line_on_stderr_without_a_password(tmp_path: Path, scheme: str) -> None:
    foldin = Foldin(f"{scheme}://someone:hush-hush@127.0.0.1:{free_port()}/nothing", tmp_path)
    failed = foldin.run("status", exit_code=1)
    assert failed.stdout == ""
    assert failed.stderr.startswith("foldin: ")
    assert failed.stderr.count("\n") == 1
    assert "hush-hush" not in failed.stderr


def test_the_demo_prints_three_calls_that_answer(foldin: Foldin, tmp_path: Path) -> None:
    with foldin.start("demo", "--port", str(free_port())) as process:

        def printed_calls() -> list[list[str]] | None:
            assert process.poll() is None
            text = "".join(log.read_text() for log in tmp_path.glob("demo-*.log"))
            calls = [shlex.split(line) for line in text.splitlines() if line.startswith("  curl ")]
            return calls if len(calls) == 3 else None

        rate, recommend, similar = wait_for(printed_calls)
        headers = {"Content-Type": "application/json"}
        rated = httpx.post(rate[1], content=rate[rate.index("-d") + 1], headers=headers, timeout=ASK_SECONDS)
        assert rated.json()["created"] == 1
        recommended = httpx.get(recommend[-1], timeout=ASK_SECONDS).json()
        assert (recommended["strategy"], recommended["model_version"], len(recommended["items"])) == ("personal", 1, 5)
        alike = httpx.get(similar[-1], timeout=ASK_SECONDS).json()["items"]
        assert len(alike) == 5
        assert all(item["title"] for item in alike)
