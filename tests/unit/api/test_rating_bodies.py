"""The fast way to read ratings accepts nothing that the schema refuses, and reads what it accepts alike."""

import asyncio
import json
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api import rating_bodies
from app.config import Settings
from app.errors import InvalidInputError

SETTINGS = Settings(rating_min=0, rating_max=5)
_ids = st.one_of(
    st.text(max_size=70),
    st.integers(),
    st.just("u"),
    st.sampled_from(["", "\x00", "é" * 100, "a b", "},{", "}],[{", None, 1.5, True]),
)
_values = st.one_of(st.floats(), st.integers(-1, 6), st.sampled_from([True, "3", None, 2.5]))
_times = st.one_of(
    st.integers(-5, 2_000_000_000), st.sampled_from([None, "2024-01-01T00:00:00Z", "yesterday", 1.5, True, 4e9])
)
_entries = st.one_of(
    st.fixed_dictionaries(
        {"user_id": _ids, "item_id": _ids, "value": _values}, optional={"timestamp": _times, "x": _ids}
    ),
    st.fixed_dictionaries({"user_id": st.just("u"), "item_id": st.just(7), "value": st.just(1)}),
)


def outcome(read, *arguments, **keywords):
    try:
        return read(*arguments, **keywords)
    except InvalidInputError:
        return "refused"


def errors_of(body):
    with pytest.raises(InvalidInputError) as refusal:
        rating_bodies.read_ratings(body, SETTINGS)
    return refusal.value.errors


def read_on_a_loop(body, settings):
    return asyncio.run(rating_bodies.read_many_ratings(body, settings))


@given(st.lists(_entries, max_size=3))
def test_both_ways_agree_on_any_array(entries):
    body = json.dumps(entries).encode()
    expected = outcome(rating_bodies._by_schema, body, SETTINGS, is_array=True)
    assert outcome(rating_bodies.read_ratings, body, SETTINGS) == expected


@given(
    st.lists(_entries, min_size=1, max_size=4),
    st.sampled_from(["", "", " ", ",", "[", "}", '"']),
    st.sampled_from(["", "", "\n", " \r\t", "\x0b", "]"]),
    st.integers(0, 40),
)
def test_an_array_that_is_read_in_parts_is_read_like_a_whole(entries, addition, around, part_bytes):
    body = (around + json.dumps(entries)[:-1] + addition + "]" + around).encode()
    expected = outcome(rating_bodies._by_schema, body, SETTINGS, is_array=True)
    with patch.object(rating_bodies, "_PART_BYTES", part_bytes):
        assert outcome(rating_bodies.read_ratings, body, SETTINGS) == expected
        assert outcome(read_on_a_loop, body, SETTINGS) == expected


@given(st.lists(_entries, min_size=1, max_size=4))
def test_lines_are_read_up_to_the_first_bad_one(entries):
    lines = [json.dumps(entry).encode() for entry in entries]
    expected = []
    for line in lines:
        read = outcome(rating_bodies._by_schema, line, SETTINGS, is_array=False)
        if read == "refused":
            break
        expected += read
    ratings, error = rating_bodies.read_lines(lines, SETTINGS)
    assert ratings == expected
    assert (error is None) == (len(ratings) == len(lines))


@pytest.mark.parametrize(
    "line", [b'{"user_id":"a","item_id":"b","value":1},{"user_id":"c","item_id":"d","value":1}', b"[]", b"{}", b"{"]
)
def test_a_line_is_one_object(line):
    good = b'{"user_id":"a","item_id":"b","value":1}'
    ratings, error = rating_bodies.read_lines([good, line, good], SETTINGS)
    assert len(ratings) == 1
    assert error is not None


def test_a_plain_batch_takes_the_fast_way(monkeypatch):
    def fail(*_arguments, **_keywords):
        raise AssertionError("read by the schema")

    monkeypatch.setattr(rating_bodies, "_by_schema", fail)
    entries = [{"user_id": f"u{n}", "item_id": n, "value": n % 5, "timestamp": n} for n in range(1_000)]
    assert len(rating_bodies.read_ratings(orjson.dumps(entries), SETTINGS)) == 1_000


def test_rows_that_are_rejected_in_parts_are_named_as_in_the_whole(monkeypatch):
    entries = [{"user_id": "u", "item_id": "" if n % 3 else "i", "value": n % 7} for n in range(1_000)]
    whole = errors_of(json.dumps(entries).encode())
    monkeypatch.setattr(rating_bodies, "_PART_BYTES", 100)
    assert errors_of(json.dumps(entries).encode()) == whole
    assert [pointer for pointer, _ in whole[:3]] == ["/1/item_id", "/2/item_id", "/4/item_id"]
    assert len(whole) == 666


def test_what_only_one_of_two_parsers_takes_for_json_is_refused():
    body = b'[{"user_id":"u","item_id":"i","value":' + b"1" * 5_000 + b"}]"
    assert [pointer for pointer, _ in errors_of(body)] == [""]


def test_an_array_that_is_too_long_is_refused_before_its_entries_are_judged():
    body = b"[" + b",".join([b'{"user_id":"","item_id":"","value":9}'] * 10_001) + b"]"
    with pytest.raises(InvalidInputError, match="this one has 10,001") as refusal:
        rating_bodies.read_ratings(body, SETTINGS)
    assert not refusal.value.errors


def test_others_go_on_after_each_part_of_a_long_array():
    body = orjson.dumps([{"user_id": f"u{n}", "item_id": n, "value": 1} for n in range(10_000)])

    async def count_turns(read):
        n_turns = 0

        async def take_turns():
            nonlocal n_turns
            while True:
                await asyncio.sleep(0)
                n_turns += 1

        others = asyncio.create_task(take_turns())
        await asyncio.sleep(0)
        ratings = await read(body, SETTINGS)
        others.cancel()
        return len(ratings), n_turns

    async def read_at_once(body, settings):
        return rating_bodies.read_ratings(body, settings)

    assert asyncio.run(count_turns(read_at_once)) == (10_000, 0)
    n_ratings, n_turns = asyncio.run(count_turns(rating_bodies.read_many_ratings))
    assert n_ratings == 10_000
    assert n_turns >= len(body) // 100_000


@pytest.mark.parametrize(
    "twice",
    [
        b'{"user_id":"a","item_id":"b","value":1,"value":2}',
        b'{"user_id":"a", "user_id" : "b:c", "item_id":"b","value":1}',
        b'{"user_id":"a","item_id":"b","value":1,"us\\u0065r_id":"c"}',
        b'{"user_id":"a","item_id":"b","value":1,"timestamp":5,"timestamp":"2024-01-01T00:00:00Z"}',
    ],
)
def test_a_field_that_is_named_twice_is_refused_alone_among_many_and_in_a_line(twice):
    good = b'{"user_id":"a:\\":b","item_id":"b","value":1,"timestamp":"2024-01-01T00:00:00Z"}'
    for body, pointers in ((twice, [""]), (b"[" + good + b"," + twice + b"," + twice + b"]", ["/1", "/2"])):
        with pytest.raises(InvalidInputError) as refusal:
            rating_bodies.read_ratings(body, SETTINGS)
        assert [pointer for pointer, _ in refusal.value.errors] == pointers
    ratings, error = rating_bodies.read_lines([good, twice, good], SETTINGS)
    assert len(ratings) == 1
    assert error is not None
    assert len(rating_bodies.read_ratings(b"[" + good + b"," + good + b"]", SETTINGS)) == 2
