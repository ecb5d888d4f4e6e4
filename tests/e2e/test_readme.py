"""The README's commands do what it shows, typed by a newcomer."""

import os
import sys
from pathlib import Path

import orjson
import pytest

from tests.processes import Foldin
from tests.readme import Block, difference, marked_blocks

BLOCKS = marked_blocks((Path(__file__).parents[2] / "README.md").read_text())


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A newcomer's shell: the installation on the path, and nothing set."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("FOLDIN_")}
    return plain | {"PATH": f"{Path(sys.executable).parent}:{plain['PATH']}", "COLUMNS": "120"}


def check(block: Block, printed: str) -> None:
    if block.answer is not None:
        wrong = difference(orjson.loads(block.answer), orjson.loads(printed))
        assert wrong is None, f"{block.name}: {wrong}"


def named_scores(answer: str) -> dict[str, float]:
    return {item["item_id"]: item["score"] for item in orjson.loads(answer)["items"]}


def test_the_first_screen_gets_a_newcomer_a_recommendation(
    tmp_path: Path, sqlite_url: str, environment: dict[str, str]
) -> None:
    calls = [block for block in BLOCKS if "127.0.0.1:8000" in block.script]
    assert [block.name for block in calls] == ["you like a film", "what to see next", "what is like it"]
    with Foldin(sqlite_url, tmp_path).serve(command="demo") as server:
        for block in calls:
            printed = block.run(tmp_path, environment, instead={"http://127.0.0.1:8000": server.url})
            check(block, printed)
            if block.name == "what to see next":
                assert orjson.loads(printed)["strategy"] == "personal"
            if block.name != "you like a film":
                assert named_scores(block.answer or "") == pytest.approx(named_scores(printed), rel=0.05)


def test_a_newcomers_own_files_become_recommendations(tmp_path: Path, environment: dict[str, str]) -> None:
    (block,) = [block for block in BLOCKS if block.name == "your own ratings"]
    printed = block.run(tmp_path, environment, instead={})
    assert "For user ann" in printed
    assert "Ronin (1998)" in printed
