"""The demo fills an empty store once, and never one that is in use."""

from app.services.demo_data import N_FILMS, N_USERS, fill_with_demo_data
from app.storage.counting import count_rows
from app.storage.engine import Store
from app.storage.ratings import Rating
from app.storage.upserts import upsert_ratings


def test_an_empty_store_is_filled_once(database_url: str) -> None:
    store = Store(database_url)
    assert fill_with_demo_data(store, 0.0, 5.0)
    with store.read() as connection:
        counts = count_rows(connection)
    assert (counts.n_users, counts.n_items) == (N_USERS, N_FILMS)
    assert not fill_with_demo_data(store, 0.0, 5.0)
    with store.read() as connection:
        assert count_rows(connection) == counts
    store.close()


def test_a_store_with_a_rating_is_left_alone(database_url: str) -> None:
    store = Store(database_url)
    with store.write() as connection:
        upsert_ratings(connection, [Rating("mine", "too", 3.0, 0)], now=1)
    assert not fill_with_demo_data(store, 0.0, 5.0)
    with store.read() as connection:
        assert count_rows(connection).n_ratings == 1
    store.close()
