"""The newest rating of a pair wins, in a batch, across batches, however often and in whatever order they come."""

import random

import pytest

from app.storage import ratings
from app.storage.engine import Store
from app.storage.keys import key_of
from app.storage.rating_changes import n_rating_changes
from app.storage.ratings import Rating
from app.storage.schema import users
from app.storage.upserts import Batch, WriteCounts, upsert_batches, upsert_ratings


def rate(store: Store, *batch: Rating, now: int = 1_000) -> WriteCounts:
    with store.write() as connection:
        return upsert_ratings(connection, batch, now=now)


def listed(store: Store, user_id: str = "u") -> list[tuple[str, float, int | None]]:
    with store.read() as connection:
        found = ratings.list_user_ratings(connection, user_id, after="", limit=1_000)
    return [(rating.item_id, rating.value, rating.timestamp) for rating in found]


def n_changes(store: Store) -> int:
    with store.read() as connection:
        return n_rating_changes(connection)


def test_repeating_a_batch_changes_nothing(store):
    batch = [Rating("u", "a", 1.0, 5), Rating("u", "b", 2.0, 6), Rating("v", "a", 3.0, 7)]
    assert rate(store, *batch) == WriteCounts(3, 3, 0, 0)
    before = listed(store), listed(store, "v"), n_changes(store)
    assert rate(store, *batch) == WriteCounts(3, 0, 3, 0)
    assert (listed(store), listed(store, "v"), n_changes(store)) == before


def test_within_a_batch_the_newest_wins_and_of_equal_times_the_later(store):  # gorse #425
    counts = rate(store, Rating("u", "a", 1.0, 9), Rating("u", "a", 2.0, 3), Rating("u", "a", 3.0, 9))
    assert counts == WriteCounts(3, 1, 0, 2)
    assert listed(store) == [("a", 3.0, 9)]


def test_an_older_rating_that_comes_later_is_ignored(store):
    rate(store, Rating("u", "a", 1.0, 9))
    assert rate(store, Rating("u", "a", 2.0, 8)) == WriteCounts(1, 0, 0, 1)
    assert rate(store, Rating("u", "a", 3.0, 9)) == WriteCounts(1, 0, 1, 0)
    assert listed(store) == [("a", 3.0, 9)]


def test_untimed_ratings_count_in_the_order_of_arrival(store):
    rate(store, Rating("u", "a", 1.0, None), now=100)
    rate(store, Rating("u", "a", 2.0, None), now=200)
    assert listed(store) == [("a", 2.0, 200)]
    rate(store, Rating("u", "a", 3.0, None), now=150)  # a machine whose clock is behind
    assert listed(store) == [("a", 3.0, 200)]


def test_a_deleted_rating_is_not_brought_back_by_an_older_one(store):
    rate(store, Rating("u", "a", 1.0, 5))
    with store.write() as connection:
        assert ratings.delete_rating(connection, "u", "a", now=50)
        assert not ratings.delete_rating(connection, "u", "a", now=60)
    assert rate(store, Rating("u", "a", 1.0, 5)) == WriteCounts(1, 0, 0, 1)
    assert listed(store) == []
    assert rate(store, Rating("u", "a", 4.0, 51)) == WriteCounts(1, 1, 0, 0)
    assert listed(store) == [("a", 4.0, 51)]


def test_a_deletion_never_makes_a_rating_older(store):
    rate(store, Rating("u", "a", 1.0, 500))
    with store.write() as connection:
        assert ratings.delete_rating(connection, "u", "a", now=50)
    assert rate(store, Rating("u", "a", 2.0, 400)).ignored == 1


def test_an_erased_user_starts_anew_under_another_key(store):
    rate(store, Rating("u", "a", 1.0, 5), Rating("u", "b", 1.0, 5))
    with store.write() as connection:
        before = key_of(connection, users, "u")
        receipt = ratings.erase_user(connection, "u", now=9)
    assert receipt is not None
    assert receipt.n_ratings == 2
    assert listed(store) == []
    assert rate(store, Rating("u", "a", 2.0, 1)).created == 1
    with store.read() as connection:
        assert key_of(connection, users, "u") not in {None, before}


def test_batches_in_one_pass_are_judged_one_after_the_other(store):
    rate(store, Rating("u", "a", 1.0, 5))
    batches = [
        Batch([Rating("u", "a", 2.0, 7), Rating("u", "b", 2.0, None)], 100),
        Batch([Rating("u", "a", 3.0, 6), Rating("u", "b", 3.0, None)], 100),
        Batch([], 100),
        Batch([Rating("u", "a", 4.0, 7)], 100),
    ]
    with store.write() as connection:
        counts = upsert_batches(connection, batches)
    assert counts == [
        WriteCounts(2, 1, 1, 0),
        WriteCounts(2, 0, 1, 1),
        WriteCounts(0, 0, 0, 0),
        WriteCounts(1, 0, 1, 0),
    ]
    assert listed(store) == [("a", 4.0, 7), ("b", 3.0, 100)]


@pytest.mark.parametrize(
    "awkward", ['"', "\\", "a\\u0041", "{a,b}", "NULL", "'; DROP", "é😀", " x ", "0", "a/b", "%s ?"]
)
def test_ids_are_kept_byte_for_byte(store, awkward):
    assert rate(store, Rating(awkward, awkward, 1.0, 5), Rating("u", awkward + "x", 1.0, 5)).created == 2
    assert listed(store, awkward) == [(awkward, 1.0, 5)]
    assert rate(store, Rating(awkward, awkward, 1.0, 4)).ignored == 1


def test_any_order_of_any_batches_ends_in_the_same_ratings(store):
    rng = random.Random(5)
    history = [Rating(f"u{rng.randrange(4)}", f"i{rng.randrange(5)}", rng.random(), time) for time in range(120)]
    expected: dict[tuple[str, str], tuple[float, int | None]] = {}
    for rating in history:
        expected[rating.user_id, rating.item_id] = rating.value, rating.timestamp
    rng.shuffle(history)
    while history:
        size = rng.randrange(1, 20)
        rate(store, *history[:size])
        history = history[size - 1 :] if rng.random() < 0.3 and size > 1 else history[size:]  # some come twice
    stored = {(user_id, item): rest for user_id in ("u0", "u1", "u2", "u3") for item, *rest in listed(store, user_id)}
    assert {pair: tuple(rest) for pair, rest in stored.items()} == expected


def test_a_long_batch_is_written_to_its_last_row(store):
    rate(store, *(Rating(f"u{row % 7}", f"i{row}", 1.0, 5) for row in range(0, 620, 2)))
    long = [Rating(f"u{row % 7}", f"i{row}", 2.0 + row, 4 + row % 3) for row in range(620)]
    again = [Rating(f"u{row % 7}", f"i{row}", 1.0, 3) for row in range(0, 620, 10)]  # older, in the same batch
    ignored = sum(row % 2 == 0 and row % 3 == 0 for row in range(620))
    assert rate(store, *long, *again) == WriteCounts(682, 310, 310 - ignored, 62 + ignored)
    kept = {(f"u{row % 7}", f"i{row}"): (1.0, 5) if row % 6 == 0 else (2.0 + row, 4 + row % 3) for row in range(620)}
    stored = {(user, item): tuple(rest) for user in {key[0] for key in kept} for item, *rest in listed(store, user)}
    assert stored == kept
