"""Ids are accepted at once only where each would be by itself, and names that stand twice are seen."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.api.bodies import ValueCounter, _is_quick, _parse_unrepeated
from app.api.questions import QuestionIn, _are_plain
from app.errors import InvalidInputError
from app.services.policy import check_id

_QUESTION = TypeAdapter(QuestionIn)
_characters = st.sampled_from(["a", "Z", "~", " ", "\0", "\x1f", "\x7f", "é", "\ud800"])


@given(st.lists(st.text(_characters, max_size=3) | st.sampled_from(["x" * 256, "x" * 257]), max_size=4))
def test_ids_are_plain_only_where_each_is_accepted(ids: list[str]):
    if _are_plain(ids):
        assert [check_id(outside_id) for outside_id in ids] == ids


def test_ordinary_ids_are_plain_and_other_values_are_none():
    assert _are_plain([str(number) for number in range(10_000)])
    assert _are_plain(["x" * 256])
    others: list[list[Any]] = [[], [""], ["a", ""], ["x" * 257], [1], ["a", None], ["\0"], ["a\0b", "c"]]
    assert not any(_are_plain(ids) for ids in others)


@pytest.mark.parametrize(
    "body", [b'{"n": 1, "n": 2}', b'{"n": 1, "\\u006e": 2}', b'{"ratings": [{"item_id": "a", "value": 1, "value": 2}]}']
)
def test_a_name_that_stands_twice_is_refused(body: bytes):
    with pytest.raises(InvalidInputError, match="only once"):
        _parse_unrepeated(_QUESTION, body)


@pytest.mark.parametrize(
    "question",
    [{"n": 1}, {"user_id": ":", "n": 3}, {"ratings": [{"item_id": "a:b", "value": 1}]}, {"exclude": ['":"'], "n": 2}],
)
def test_colons_that_belong_to_no_name_are_no_matter(question: dict[str, object]):
    assert _parse_unrepeated(_QUESTION, orjson.dumps(question)).model_dump(exclude_unset=True) == question


def _listed(ids: list[Any]) -> bytes:
    return orjson.dumps({"user_id": "1", "exclude": ids, "n": 100})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (_listed([str(number) for number in range(10_000)]), True),
        (_listed([f"item number {number:06}" for number in range(5_000)]), True),
        (_listed(["\x01"] * 9_990), False),
        (_listed(["é"] * 9_990), False),
        (_listed([""] * 9_990), False),
        (_listed(list(range(9_990))), False),
        (_listed([{"a": 1}] * 400), False),
        (_listed([{}] * 400), False),
        (orjson.dumps({f"name{number}": "a" for number in range(5_000)}), False),
    ],
)
async def test_only_bodies_that_are_seen_to_be_right_at_once_are_read_on_the_event_loop(body: bytes, expected: bool):
    values = ValueCounter()
    await values.count([body])
    assert _is_quick([body], len(body), values.n_marks) == expected
    assert _is_quick([body[:1000], body[1000:]], len(body), values.n_marks) == expected


def test_a_list_that_is_too_long_is_refused_before_any_of_it_is_looked_at():
    with pytest.raises(ValidationError) as refused:
        _QUESTION.validate_python({"exclude": [1] * 10_001})
    assert [(error["type"], error["loc"]) for error in refused.value.errors()] == [("too_long", ("exclude",))]
    assert refused.value.errors()[0]["msg"] == "List should have at most 10000 items after validation, not 10001"
