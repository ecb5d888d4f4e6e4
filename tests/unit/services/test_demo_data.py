"""The invented catalogue is what a person can judge by eye."""

from collections import Counter

import pytest

from app.services.demo_data import N_FILMS, DemoData, generate_demo_data
from app.services.demo_titles import GENRES
from app.services.policy import check_id, check_label

NOW = 1_800_000_000_000_000


@pytest.fixture(scope="module")
def data() -> DemoData:
    return generate_demo_data(0.0, 5.0, now=NOW)


def test_it_is_the_same_every_time(data: DemoData) -> None:
    assert generate_demo_data(0.0, 5.0, now=NOW) == data


def test_every_film_has_a_title_of_its_own_and_one_to_three_genres(data: DemoData) -> None:
    assert len({item.title for item in data.items}) == len({item.item_id for item in data.items}) == N_FILMS
    for item in data.items:
        assert 1 <= len(set(item.categories)) == len(item.categories) <= 3
        assert set(item.categories) <= GENRES.keys()
        assert check_label(item.title or "")


def test_some_forty_thousand_half_star_ratings_lie_in_the_past(data: DemoData) -> None:
    assert 35_000 < len(data.ratings) < 45_000
    assert {rating.value for rating in data.ratings} == {half / 2 for half in range(1, 11)}
    assert all(NOW - 10**14 < (rating.timestamp or 0) <= NOW for rating in data.ratings)
    assert len({(rating.user_id, rating.item_id) for rating in data.ratings}) == len(data.ratings)
    assert all(check_id(rating.user_id) for rating in data.ratings)


def test_a_few_films_are_rated_by_many_and_every_film_by_some(data: DemoData) -> None:
    counts = sorted(Counter(rating.item_id for rating in data.ratings).values(), reverse=True)
    assert len(counts) == N_FILMS
    assert sum(counts[: N_FILMS // 5]) > 0.35 * len(data.ratings)
    assert counts[0] > 10 * counts[-1]


def test_users_rate_the_genre_they_are_called_after_higher(data: DemoData) -> None:
    genres = {item.item_id: {name.lower().replace(" ", "-") for name in item.categories} for item in data.items}
    loved = [r.value for r in data.ratings if r.user_id.rsplit("-fan-")[0] in genres[r.item_id]]
    others = [r.value for r in data.ratings if r.user_id.rsplit("-fan-")[0] not in genres[r.item_id]]
    assert sum(loved) / len(loved) > sum(others) / len(others) + 0.8


def test_it_fits_any_scale() -> None:
    values = [rating.value for rating in generate_demo_data(-1.0, 1.0, now=NOW).ratings]
    assert -1.0 <= min(values) < -0.5 < 0.5 < max(values) <= 1.0
