"""The command line teaches itself, and is quick to do so."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.application import app

COMMANDS = ("demo", "serve", "worker", "import", "train", "recommend", "similar", "status", "migrate")
SLOW_TO_LOAD = ("alembic", "fastapi", "numba", "numpy", "psycopg", "pyarrow", "pydantic", "scipy", "sqlalchemy")


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_the_help_names_every_command(arguments: tuple[str, ...]) -> None:
    _, out, err = run(*arguments)
    assert all(f" {command} " in out + err for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_shows_an_example_of_it(command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert "Example: " in out
    assert f"foldin {command}" in out.split("Example: ", 1)[1]


def test_the_help_loads_nothing_that_is_slow() -> None:
    program = f"import app.cli.application, sys; print({set(SLOW_TO_LOAD)!r} & sys.modules.keys() or '')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",),
        ("import",),
        ("import", "no-such-file.csv"),
        ("recommend", ""),
        ("recommend", "a\x00b"),
        ("similar", "1", "-n", "0"),
        ("train", "--no-such-option"),
    ],
)
def test_a_wrong_call_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FOLDIN_PORT", "high", "FOLDIN_PORT: Input should be a valid integer"),
        ("FOLDIN_RATING_MIN", "9", "FOLDIN_RATING_MIN (9.0) must be below FOLDIN_RATING_MAX (5.0)"),
        ("FOLDIN_API_KEYS", "tell-nobody", "an API key has 11 characters; use at least 32"),
    ],
)
def test_a_wrong_setting_is_named_and_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    code, out, err = run("status")
    assert (code, out) == (2, "")
    assert said in err
    assert "tell-nobody" not in err


def test_a_misspelt_setting_is_named_and_others_are_let_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOLDIN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("FOLDIN_N_FACTOR", "9")
    monkeypatch.setenv("FOLDIN_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("FOLDIN_PORT", "tcp://10.0.0.1:80")  # so does Kubernetes for a Service that is called foldin
    _, _, err = run("status")
    assert err.startswith("foldin: FOLDIN_N_FACTOR is no setting, and is passed over; is FOLDIN_N_FACTORS meant?\n")
    assert "SERVICE_HOST" not in err
    assert "PORT" not in err
