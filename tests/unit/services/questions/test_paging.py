"""A cursor carries what was put in, and nobody else can make one."""

import base64
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.recommendations import MAX_CURSOR
from app.errors import InvalidInputError
from app.services.questions.paging import Cursor, seal, unseal
from app.services.tastes import NOTHING, Taste

SECRET = b"secret"


def cursor() -> Cursor:
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    tastes = [Taste(np.array([4]), np.array([0.25]), np.array([7])), NOTHING]
    return Cursor({"n": 3, "user_id": "ü/%"}, vectors, np.array([1, 9]), tastes)


def test_it_carries_what_was_put_in():
    read = unseal(seal(cursor(), SECRET), SECRET)
    assert read.header == {"n": 3, "user_id": "ü/%"}
    for name in ("vectors", "out"):
        np.testing.assert_array_equal(getattr(read, name), getattr(cursor(), name))
    for taste, written in zip(read.tastes, cursor().tastes, strict=True):
        for name in ("rated", "targets", "timestamps"):
            np.testing.assert_array_equal(getattr(taste, name), getattr(written, name))


@pytest.mark.parametrize("n_ratings", [100, 2_000, 20_000])
def test_the_reasons_of_many_ratings_fit_into_an_address(n_ratings):
    rng = np.random.default_rng(0)
    rated = np.sort(rng.choice(100_000, n_ratings, replace=False))
    taste = Taste(rated, rng.choice(np.arange(0, 1.1, 0.1), n_ratings), np.empty(0, np.int64))
    text = seal(replace(cursor(), out=rated, tastes=[taste]), SECRET)
    assert len(text) <= MAX_CURSOR
    read = unseal(text, SECRET)
    np.testing.assert_array_equal(read.out, rated)
    np.testing.assert_array_equal(read.tastes[0].rated, rated)
    np.testing.assert_allclose(read.tastes[0].targets, taste.targets, rtol=1e-6)


def test_another_secret_cannot_make_it():
    with pytest.raises(InvalidInputError):
        unseal(seal(cursor(), b"other"), SECRET)


@given(st.data())
def test_no_character_can_be_changed(data):
    length = data.draw(st.integers(0, 2))  # the last character has 0, 2 or 4 spare bits
    text = seal(replace(cursor(), header={"n": "x" * length}), SECRET)
    place = data.draw(st.just(len(text) - 1) | st.integers(0, len(text) - 1))
    other = data.draw(
        st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_").filter(text[place].__ne__)
    )
    with pytest.raises(InvalidInputError):
        unseal(text[:place] + other + text[place + 1 :], SECRET)


def test_a_signature_alone_is_not_enough():
    with pytest.raises(InvalidInputError):
        unseal(base64.urlsafe_b64encode(b"\0" * 16).decode().rstrip("="), SECRET)
