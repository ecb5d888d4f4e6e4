"""Every kind of list equals what recomputation says, while versions are published and ratings come in between."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chaos.swaps import publish_coded
from tests.integration.questions.recomputing import TOLERANCE, Version, check_list
from tests.service import Service, started, tastes

ITEMS = [f"i{item:02}" for item in range(60)]
HIDDEN, RARE = "i58", "i59"
USERS = [f"u{user}" for user in range(6)]
PAUSE_SECONDS = 0.3
MOST_IN_ADDRESS = 1_000
CATEGORIES = {item: {"odd" if number % 2 else "even", "all"} for number, item in enumerate(ITEMS)}
CATEGORIES[RARE].add("rare")

users = st.sampled_from([*USERS, "nobody", "nobody else"])
items = st.sampled_from([*ITEMS, "unknown"])
values = st.integers(0, 10).map(lambda half: half / 2)
counts = st.sampled_from([1, 2, 7, 59, 60, 1000])


@st.composite
def excludes(draw: st.DrawFn) -> list[str]:
    """Exclude a few, all but a few, or ten thousand that hardly anyone knows; some twice."""
    some = draw(st.lists(items, max_size=8))
    kind = draw(st.sampled_from(["few", "few", "all but these", "ten thousand"]))
    if kind == "all but these":
        return [item for item in ITEMS if item not in some]
    return (some * 2 + [f"x{number}" for number in range(10_000)])[:10_000] if kind == "ten thousand" else some * 2


questions = st.fixed_dictionaries(
    {"n": counts, "exclude": excludes()},
    optional={
        "category": st.lists(st.sampled_from(["odd", "even", "all", "rare", "none"]), max_size=2),
        "exclude_rated": st.booleans(),
    },
)
what_ifs = st.dictionaries(items, values | st.none(), max_size=5)


@dataclass
class Asked:
    """A service, what its users have rated, and the versions that it has answered from."""

    service: Service
    runner: asyncio.Runner
    ratings: dict[str, dict[str, float]]
    versions: dict[int, Version] = field(default_factory=dict)

    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.runner.run(self.service.post("/recommendations", body))
        return answer

    def get(self, user: str, question: dict[str, Any], **more: Any) -> dict[str, Any]:
        path = f"/users/{user}/recommendations"
        answer: dict[str, Any] = self.runner.run(self.service.get(path, **question | more))
        return answer

    def rate(self, user: str, changes: dict[str, float]) -> None:
        self.runner.run(self.service.rate((user, item, value) for item, value in changes.items()))
        self.ratings.setdefault(user, {}).update(changes)

    def version_of(self, answer: dict[str, Any]) -> Version:
        number = answer["model_version"]
        if number not in self.versions:
            self.versions[number] = Version.read(self.service.settings.models_dir / str(number))
        return self.versions[number]

    def of(self, user: str | None) -> dict[str, float]:
        return dict(self.ratings.get(user or "", {}))


def left_after(question: dict[str, Any], rated: set[str]) -> set[str]:
    """Say which items no filter takes out."""
    wanted = set(question.get("category", []))
    out = {HIDDEN, *question["exclude"], *(rated if question.get("exclude_rated", True) else ())}
    return {item for item in ITEMS if item not in out and (not wanted or CATEGORIES[item] & wanted)}


def check_one(asked: Asked, answer: dict[str, Any], question: dict[str, Any], ratings: dict[str, float]) -> None:
    """Hold a list for one person to that person's ratings."""
    version, left = asked.version_of(answer), left_after(question, set(ratings))
    is_personal = bool(ratings.keys() & version.popularity.keys())
    assert answer["strategy"] == ("personal" if is_personal else "popular")
    scores = version.scores(ratings) if is_personal else version.popularity
    check_list(answer["items"], scores, left, question["n"], is_exact=not is_personal)


@contextmanager
def swapping(service: Service, first: int) -> Iterator[list[int]]:
    """Publish versions, one after the other, until the end."""
    done, published, failed = threading.Event(), list[int](), list[BaseException]()

    def publish() -> None:
        try:
            while not done.wait(PAUSE_SECONDS):
                published.append(publish_coded(service, first, 1.3 if len(published) % 2 else 0.8))
        except BaseException as error:  # noqa: BLE001 - raised where it is seen
            failed.append(error)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield published
    finally:
        done.set()
        thread.join()
    assert not failed, failed


@pytest.fixture
def asked(database_url: str, tmp_path: Path) -> Iterator[Asked]:
    with asyncio.Runner() as runner:
        context = started(database_url, tmp_path / "data")
        service = runner.run(context.__aenter__())
        try:
            runner.run(service.describe((item, item, sorted(CATEGORIES[item])) for item in ITEMS))
            ratings = [rating for rating in tastes() if rating[0] not in USERS[3:]]
            runner.run(service.rate(ratings))
            runner.run(service.rate(("u39", item, 3.0) for item in ITEMS))
            runner.run(service.client.patch(f"/items/{HIDDEN}", json={"hidden": True}))
            first = runner.run(service.train())
            known: dict[str, dict[str, float]] = {}
            for user, item, value in ratings:
                known.setdefault(user, {})[item] = value
            with swapping(service, first) as published:
                yield Asked(service, runner, known)
                runner.run(service.until(lambda: len(published) >= 2 and service.served_version in published))
        finally:
            runner.run(context.__aexit__(None, None, None))


def bounded(n_examples: int) -> Any:
    return settings(max_examples=n_examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def test_lists_are_what_recomputation_says(asked: Asked):
    @bounded(60)
    @given(users | st.none(), st.dictionaries(items, values, max_size=3), what_ifs, st.booleans(), questions)
    def lists(user, rated, what_if, removes_all, question):
        if user not in {None, "nobody"}:
            asked.rate(user, rated)
        stored = asked.of(user)
        if removes_all:
            what_if = dict.fromkeys(stored) | what_if
        body = question | {"ratings": [{"item_id": item, "value": value} for item, value in what_if.items()]}
        answer = asked.post(body | ({} if user is None else {"user_id": user}) | {"compare": bool(what_if)})
        merged = {item: value for item, value in (stored | what_if).items() if value is not None}
        check_one(asked, answer, question, merged)
        if user is not None and len(question["exclude"]) <= MOST_IN_ADDRESS:
            check_one(asked, asked.get(user, question), question, stored)
        if what_if:
            check_one(asked, answer | answer["unchanged"], question, stored)

    lists()


def test_groups_and_given_lists_are_what_recomputation_says(asked: Asked):
    @bounded(60)
    @given(
        st.lists(users, min_size=1, max_size=4, unique=True),
        st.sampled_from(["mean", "least_misery"]),
        st.none() | st.lists(items, max_size=70),
        questions,
    )
    def groups(members, aggregate, candidates, question):
        body = question | {"user_ids": members, "aggregate": aggregate, "candidates": candidates}
        answer = asked.post(body)
        version, rated = asked.version_of(answer), [asked.of(member) for member in members]
        each = [version.scores(ratings) for ratings in rated]
        combine = min if aggregate == "least_misery" else lambda scores: sum(scores) / len(scores)
        scores = {item: combine([of_one[item] for of_one in each]) for item in ITEMS}
        is_personal = any(ratings.keys() & version.popularity.keys() for ratings in rated)
        scores = scores if is_personal else version.popularity
        left, n, shown = left_after(question, set().union(*rated)), question["n"], answer["items"]
        if candidates is not None:
            left, n = set(candidates) & set(ITEMS), len(candidates)
            unknown = [item for item in shown if item["score"] is None]
            assert unknown == [item for item in shown if item["item_id"] == "unknown"] == shown[len(left) :]
            assert len(unknown) == ("unknown" in candidates)
            shown = shown[: len(left)]
        check_list(shown, scores, left, n, is_exact=not is_personal)
        for item in shown if is_personal else []:
            for member, of_one in zip(item["members"], each, strict=True):
                assert abs(member["score"] - of_one[item["item_id"]]) <= TOLERANCE

    groups()


def test_pages_are_the_list_of_the_beginning(asked: Asked):
    @bounded(25)
    @given(users, st.sampled_from([1, 3, 10, 40]), questions, st.dictionaries(items, values, max_size=2), st.booleans())
    def pages(user, n, question, rated, explains):
        question, full = question | {"n": n}, asked.of(user)
        if len(question["exclude"]) <= MOST_IN_ADDRESS:
            first = asked.get(user, question, explain=explains)
        else:
            first = asked.post(question | {"user_id": user, "explain": explains})
        page, shown = first, list(first["items"])
        while page["next_cursor"]:
            asked.rate("u4", rated)
            if user in USERS:
                asked.rate(user, {item["item_id"]: 1.0 for item in page["items"][:2]})
            page = asked.post({"cursor": page["next_cursor"]})
            assert (page["model_version"], page["strategy"]) == (first["model_version"], first["strategy"])
            shown += page["items"]
        check_one(asked, first | {"items": shown}, question | {"n": 1000}, full)
        for item in shown if explains else []:
            total = sum(reason["contribution"] for reason in item["because"])
            assert abs(total + item["because_rest"] + item["because_everyone"] - item["score"]) <= 1e-4

    pages()


def test_what_no_filter_kept_is_missed(asked: Asked):
    question = {"n": 5, "exclude": []}
    answer = asked.post(question | {"user_id": "u1"})
    check_one(asked, answer, question, asked.of("u1"))
    for wrong in (answer["items"][1:], answer["items"][::-1], [*answer["items"][:4], answer["items"][0]]):
        with pytest.raises(AssertionError):
            check_one(asked, answer | {"items": wrong}, question, asked.of("u1"))
    with pytest.raises(AssertionError):
        check_one(asked, answer, question, asked.of("u1") | {"i58": 5.0})
