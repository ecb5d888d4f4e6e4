"""Whatever the description of the API allows or forbids is answered as it says; `python -m tests.hostile` asks more."""

from pathlib import Path

import pytest

from tests.hostile.__main__ import N_OPERATIONS, run_schemathesis
from tests.hostile.target import hostile_target

SHARES = 5  # so that several processors can ask; in turn on each store
CASES_OF_A_SHARE = 1_000
_ASKED = 1_400  # some operations have fewer cases than there are to ask


@pytest.mark.parametrize("share", range(SHARES))
def test_answers_are_as_they_are_described(share: int, request: pytest.FixtureRequest, tmp_path: Path):
    url = request.getfixturevalue(("sqlite_url", "postgresql_url")[share % 2])
    with hostile_target(url, tmp_path) as (_, port):
        found = run_schemathesis(port, cases=_ASKED, seed=share)
    assert not found["n_failures"], found["output"]
    assert found["n_cases"] >= CASES_OF_A_SHARE, found["output"]


def test_a_route_that_raises_is_caught(sqlite_url: str, tmp_path: Path):
    with hostile_target(sqlite_url, tmp_path) as (app, port):
        app.state.foldin.overview = None
        found = run_schemathesis(port, cases=2 * N_OPERATIONS, seed=0)
    assert "Server error" in found["output"]
