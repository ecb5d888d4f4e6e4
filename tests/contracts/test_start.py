"""What a start loads: an API process waits for nothing that it does not use."""

import subprocess
import sys

import pytest

UNUSED = {"scipy.sparse", "scipy.linalg", "pyarrow", "optuna", "alembic", "psycopg", "typer", "rich"}


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return UNUSED.intersection(done.stdout.split())


def test_an_api_process_on_sqlite_loads_only_what_it_uses():
    assert loaded_by("import app.main; app.main.Settings(); app.main.load_kernels()") == set()


@pytest.mark.parametrize("name", ["scipy.linalg", "rich"])
def test_what_a_library_was_kept_from_can_be_loaded_by_others(name: str):
    assert name in loaded_by(f"import app.main; import {name}")


@pytest.mark.parametrize("name", sorted(UNUSED))
def test_what_is_loaded_is_seen(name: str):
    assert name in loaded_by(f"import {name}")
