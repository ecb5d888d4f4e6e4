"""The hostile corpus over real HTTP: every request gets its status, the same answer on both stores, and never a 5xx."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.api.paths import MatchUndecodedPaths
from tests.hostile.corpus import Case, corpus
from tests.hostile.target import hostile_target
from tests.http_server import answer_to

CASES = list(corpus())


def ask(port: int, case: Case) -> tuple[int, Any]:
    """Send a case's bytes; give the status, and the problem document if it is an error."""
    answer = answer_to(port, case.raw)
    while answer.startswith(b"HTTP/1.1 100"):
        answer = answer.partition(b"\r\n\r\n")[2]
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1]) if head else 0
    is_problem = b"content-type: application/problem+json" in head
    if status >= 400 and not case.raw.startswith(b"HEAD"):
        return status, json.loads(body) if is_problem else body
    return status, None


def differing(port: int, cases: list[Case]) -> tuple[dict[str, int], dict[str, Any]]:
    """Say which cases got another status than theirs, and what every case was answered."""
    answers = {case.name: ask(port, case) for case in cases}
    return {case.name: answers[case.name][0] for case in cases if answers[case.name][0] != case.status}, answers


def test_the_corpus_is_large() -> None:
    assert len(CASES) >= 300
    assert len({case.name for case in CASES}) == len(CASES)


def test_every_request_gets_its_status_alike_on_both_stores(sqlite_url: str, postgresql_url: str, tmp_path: Path):
    answers = []
    for name, url in (("sqlite", sqlite_url), ("postgresql", postgresql_url)):
        with hostile_target(url, tmp_path / name) as (_, port):
            wrong, answered = differing(port, CASES)
        assert wrong == {}, name
        answers.append(answered)
    assert {name: pair for name in answers[0] if (pair := (answers[0][name], answers[1][name]))[0] != pair[1]} == {}
    assert all(document["status"] == status for status, document in answers[0].values() if document)
    assert not any("xxxxx" in json.dumps(document) for _, document in answers[0].values() if document), "an echo"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_service_that_decodes_addresses_first_is_caught(database_url: str, tmp_path: Path):
    families = [case for case in CASES if case.name.startswith("user path")]
    with hostile_target(database_url, tmp_path / "data", without=MatchUndecodedPaths) as (_, port):
        assert len(differing(port, families)[0]) >= 5
