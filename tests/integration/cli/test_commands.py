"""The commands in one process, on either store: import, train, ask, look around; and what goes wrong."""

import csv
import gzip
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import main
from tests.tastes import two_tastes

Command = Callable[..., str]


@pytest.fixture
def foldin(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs a command line and returns its stdout; a command that fails raises SystemExit with what is said."""
    monkeypatch.setenv("FOLDIN_DATABASE_URL", database_url)
    monkeypatch.setenv("FOLDIN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("FOLDIN_N_FACTORS", "8")

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["foldin", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out = capsys.readouterr().out
        if ended.value.code not in {0, None}:
            raise SystemExit(ended.value.code)
        return out

    return run


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


def test_from_files_to_recommendations(foldin: Command, ratings_csv: Path, movies_csv: Path) -> None:
    assert foldin("import", str(ratings_csv)).startswith("900 ratings imported: 900 new")
    again = json.loads(foldin("import", "--json", str(ratings_csv)))
    counts = {"n_rows": 900, "created": 0, "updated": 900, "ignored": 0, "n_bad": 0, "n_before": 0}
    assert again == counts | {"dry_run": False}
    assert "30 items imported" in foldin("import", "--items", str(movies_csv))

    trained = json.loads(foldin("train", "--json"))
    assert (trained["status"], trained["model_version"], trained["n_ratings"]) == ("succeeded", 1, 900)
    assert len(trained["epochs"]) > 0

    even = json.loads(foldin("recommend", "u0", "-n", "3", "--json"))
    assert (even["strategy"], even["model_version"], len(even["items"])) == ("personal", 1, 3)
    assert all(int(item["item_id"][1:]) % 2 == 0 for item in even["items"])
    assert len(re.findall(r"Film \d+ +Odd ", foldin("recommend", "u1", "-n", "3"))) == 3
    assert len(re.findall(r"Film \d+ +Even ", foldin("similar", "i0", "-n", "5"))) == 5

    status = json.loads(foldin("status", "--json"))
    assert [status[name] for name in ("n_ratings", "n_users", "n_items")] == [900, 40, 30]
    assert (status["active"]["version"], status["trainer"], len(status["training_runs"])) == (1, None, 1)
    table = foldin("status")
    assert "900 ratings of 30 items by 40 users" in table
    assert "version 1, published" in table


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("import", "bad.csv"), "foldin: bad.csv, line 3: the value must be a number from 0 to 5"),
        (("train",), "foldin: the training failed: there are no ratings yet"),
        (("similar", "i"), "foldin: there is no model yet"),
    ],
)
def test_a_failure_is_said_in_one_line(
    foldin: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.csv").write_text("user,item,rating\nu,i,5\nu,j,6\n")
    foldin("migrate")
    with pytest.raises(SystemExit) as failure:
        foldin(*arguments)
    assert str(failure.value.code).startswith(said)
    assert "\n" not in str(failure.value.code)


def test_before_the_first_training_the_popular_items_are_recommended(foldin: Command, ratings_csv: Path) -> None:
    foldin("import", str(ratings_csv))
    answer = json.loads(foldin("recommend", "nobody", "-n", "2", "--json"))
    assert (answer["strategy"], answer["model_version"], len(answer["items"])) == ("popular", None, 2)


def test_ratings_come_from_stdin_and_bad_rows_go_to_a_file(foldin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = b"user,item,rating\na,x,1\nb,y,99\nc,z,2\n"
    runs = [(content, "--dry-run", 0), (gzip.compress(content), "--json", 2)]
    for number, (sent, flag, n_ratings) in enumerate(runs):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(sent)))
        found = json.loads(foldin("import", "--json", "--skip-bad", flag, "-"))
        assert (found["n_rows"], found["n_bad"], found["dry_run"]) == (2, 1, flag == "--dry-run")
        assert json.loads(foldin("export", "--json", f"{number}.csv"))["n_ratings"] == n_ratings
    lines = (tmp_path / "rejected-stdin.csv").read_text().splitlines()
    assert lines == ["line,reason,row,file", '3,the value must be a number from 0 to 5,"b,y,99",stdin']
    assert list(tmp_path.glob(".import-*")) == []


def test_bad_rows_are_listed_once_however_often_a_file_is_imported(foldin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    long = "x" * 70_000  # two make a longer cell than Python's csv reads by itself
    (tmp_path / "r.csv").write_text(f'user,item,rating\na,x,1\n"b\r\n",y,1\n"{long}\n{long}",z,1\nc,y,\n')
    assert json.loads(foldin("import", "--json", "--skip-bad", "--dry-run", "r.csv"))["n_bad"] == 3
    listed = (tmp_path / "rejected-r.csv").read_bytes()
    with (tmp_path / "r.csv").open("a") as file:
        file.write("d,y,nothing\n")
    assert json.loads(foldin("import", "--json", "--skip-bad", "r.csv"))["n_bad"] == 4
    assert (tmp_path / "rejected-r.csv").read_bytes() == (
        listed + b'8,the value must be a number,"d,y,nothing",r.csv\r\n'
    )


def test_where_bad_rows_cannot_be_listed_it_is_said_that_it_was_the_list(foldin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.csv").write_text("user,item,rating\nb,y,99\n")
    (tmp_path / "rejected-r.csv").mkdir()
    with pytest.raises(SystemExit) as failure:
        foldin("import", "--skip-bad", "r.csv")
    assert str(failure.value.code).startswith("foldin: rejected-r.csv cannot be written")


def test_bad_rows_of_several_files_are_told_apart(foldin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, bad in (("one.csv", "99"), ("two.csv", "98")):
        (tmp_path / name).write_text(f"user,item,rating\na,{name},1\nb,y,{bad}\n")
    assert json.loads(foldin("import", "--json", "--skip-bad", "one.csv", "two.csv"))["n_bad"] == 2
    with (tmp_path / "rejected-one.csv").open(newline="") as file:
        assert [(row["file"], row["line"], row["row"]) for row in csv.DictReader(file)] == [
            ("one.csv", "3", "b,y,99"),
            ("two.csv", "3", "b,y,98"),
        ]


def test_a_dry_run_makes_no_store(foldin, tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDIN_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    (tmp_path / "r.csv").write_text("user,item,rating\na,x,1\n")
    assert "1 ratings can be imported" in foldin("import", "--dry-run", str(tmp_path / "r.csv"))
    assert not (tmp_path / "none.db").exists()
