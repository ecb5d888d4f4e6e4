"""The commands as a person runs them: import, train, ask, look around; and what they say when something is wrong."""

import json
import re
import shlex
from pathlib import Path

import httpx
import pytest

from tests.e2e.client import wait_for
from tests.ports import free_port
from tests.processes import Foldin
from tests.tastes import two_tastes


@pytest.fixture
def ratings_csv(tmp_path: Path) -> Path:
    rows = [f"{row['user_id']},{row['item_id']},{row['value']},{row['timestamp']}\n" for row in two_tastes()]
    path = tmp_path / "ratings.csv"
    path.write_text("userId,movieId,rating,timestamp\n" + "".join(rows))
    return path


@pytest.fixture
def movies_csv(tmp_path: Path) -> Path:
    path = tmp_path / "movies.csv"
    rows = [f"i{item},Film {item},{('Even', 'Odd')[item % 2]}\n" for item in range(30)]
    path.write_text("movieId,title,genres\n" + "".join(rows))
    return path


def test_from_files_to_recommendations(foldin: Foldin, ratings_csv: Path, movies_csv: Path) -> None:
    assert foldin.run("import", str(ratings_csv)).stdout.startswith("900 ratings imported: 900 new")
    again = json.loads(foldin.run("import", "--json", str(ratings_csv)).stdout)
    assert again == {"n_rows": 900, "created": 0, "updated": 900, "ignored": 0}
    assert "30 items imported" in foldin.run("import", "--items", str(movies_csv)).stdout

    trained = json.loads(foldin.run("train", "--json").stdout)
    assert (trained["status"], trained["model_version"], trained["n_ratings"]) == ("succeeded", 1, 900)
    assert len(trained["epochs"]) > 0

    even = json.loads(foldin.run("recommend", "u0", "-n", "3", "--json").stdout)
    assert (even["strategy"], even["model_version"], len(even["items"])) == ("personal", 1, 3)
    assert all(int(item["item_id"][1:]) % 2 == 0 for item in even["items"])
    assert len(re.findall(r"Film \d+ +Odd ", foldin.run("recommend", "u1", "-n", "3").stdout)) == 3
    assert len(re.findall(r"Film \d+ +Even ", foldin.run("similar", "i0", "-n", "5").stdout)) == 5

    status = json.loads(foldin.run("status", "--json").stdout)
    assert [status[name] for name in ("n_ratings", "n_users", "n_items")] == [900, 40, 30]
    assert (status["active"]["version"], status["trainer"], len(status["training_runs"])) == (1, None, 1)
    table = foldin.run("status").stdout
    assert "900 ratings of 30 items by 40 users" in table
    assert "version 1, published" in table


def test_a_failure_is_one_line_on_stderr_and_ends_with_1(foldin: Foldin, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("user,item,rating\nu,i,5\nu,j,6\n")
    for arguments, said in (
        (("import", str(bad)), "bad.csv, line 3: the value must be a number from 0 to 5"),
        (("train",), "there are no ratings yet"),
        (("similar", "i"), "no trained model knows this item"),
    ):
        failed = foldin.run(*arguments, exit_code=1)
        assert failed.stdout == ""
        assert failed.stderr.startswith("foldin: ")
        assert said in failed.stderr
        assert failed.stderr.count("\n") == 1


def test_an_unreachable_store_is_one_line_without_its_password(tmp_path: Path) -> None:
    foldin = Foldin(f"postgresql://someone:hush-hush@127.0.0.1:{free_port()}/nothing", tmp_path)
    failed = foldin.run("status", exit_code=1)
    assert failed.stderr.count("\n") == 1
    assert "hush-hush" not in failed.stderr


def test_before_the_first_training_the_popular_items_are_recommended(foldin: Foldin, ratings_csv: Path) -> None:
    foldin.run("import", str(ratings_csv))
    answer = json.loads(foldin.run("recommend", "nobody", "-n", "2", "--json").stdout)
    assert (answer["strategy"], answer["model_version"], len(answer["items"])) == ("popular", None, 2)


def test_the_demo_prints_three_calls_that_answer(foldin: Foldin, tmp_path: Path) -> None:
    with foldin.start("demo", "--port", str(free_port())) as process:

        def printed_calls() -> list[list[str]] | None:
            assert process.poll() is None
            text = "".join(log.read_text() for log in tmp_path.glob("demo-*.log"))
            calls = [shlex.split(line) for line in text.splitlines() if line.startswith("  curl ")]
            return calls if len(calls) == 3 else None

        rate, recommend, similar = wait_for(printed_calls)
        headers = {"Content-Type": "application/json"}
        rated = httpx.post(rate[1], content=rate[rate.index("-d") + 1], headers=headers, timeout=60)
        assert rated.json()["created"] == 1
        recommended = httpx.get(recommend[-1]).json()
        assert (recommended["strategy"], recommended["model_version"], len(recommended["items"])) == ("personal", 1, 5)
        alike = httpx.get(similar[-1]).json()["items"]
        assert len(alike) == 5
        assert all(item["title"] for item in alike)
