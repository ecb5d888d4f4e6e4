"""What a start loads: an API process waits for nothing that it does not use."""

import subprocess
import sys

import pytest

UNUSED = {"scipy.sparse", "pyarrow", "optuna", "alembic", "psycopg", "typer"}


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return UNUSED.intersection(done.stdout.split())


def test_an_api_process_on_sqlite_loads_only_what_it_uses():
    assert loaded_by("import app.main; app.main.Settings()") == set()


@pytest.mark.parametrize("name", sorted(UNUSED))
def test_what_is_loaded_is_seen(name: str):
    assert name in loaded_by(f"import {name}")
