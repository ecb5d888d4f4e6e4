"""The demo's invented catalogue: films, and users whose tastes a person can check against the recommendations.

Everything is drawn from one seed. Each film belongs to one to three genres; each user loves one or two genres, which is
what the user is called after, dislikes another, and rates accordingly; a few films are rated by many, most by few.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.services.clock import now_microseconds
from app.services.demo_titles import GENRES
from app.storage.catalogue import Item, upsert_items
from app.storage.counting import has_ratings
from app.storage.engine import Store
from app.storage.ratings import Rating
from app.storage.upserts import upsert_ratings

N_FILMS = 600
N_USERS = 800

_SEED = 20
_NAMES = tuple(GENRES)
_YEARS = (1950, 2025)
_RATED_WITHIN = 3 * 365 * 86_400 * 1_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class DemoData:
    """A generated catalogue and its ratings."""

    items: list[Item]
    ratings: list[Rating]


def fill_with_demo_data(store: Store, rating_min: float, rating_max: float) -> bool:
    """Put the demo's films and ratings into a store that has no ratings.

    Parameters
    ----------
    store : Store
        Migrated.
    rating_min, rating_max : float
        The rating scale.

    Returns
    -------
    bool
        False when there are ratings already; then nothing is changed.
    """
    now = now_microseconds()
    with store.write() as connection:
        if has_ratings(connection):
            return False
        data = generate_demo_data(rating_min, rating_max, now=now)
        upsert_items(connection, data.items)
        upsert_ratings(connection, data.ratings, now=now)
    return True


def generate_demo_data(rating_min: float, rating_max: float, *, now: int) -> DemoData:
    """Invent films, users and about 40,000 ratings.

    Parameters
    ----------
    rating_min, rating_max : float
        The rating scale; on 0 to 5, ratings are half stars from 0.5 to 5.
    now : int
        Microseconds; ratings lie in the three years before.

    Returns
    -------
    DemoData
        The same for the same arguments.
    """
    rng = np.random.default_rng(_SEED)
    has_genre = _draw_genres(rng)
    loves, dislikes = _draw_tastes(rng)
    stars, is_rated = _draw_stars(rng, has_genre, loves, dislikes)
    values = rating_min + stars / 5 * (rating_max - rating_min)
    times = now - rng.integers(0, _RATED_WITHIN, size=stars.shape)
    user_ids = _user_ids(loves)
    ratings = [
        Rating(user_ids[user], str(film + 1), float(values[user, film]), int(times[user, film]))
        for user, film in np.argwhere(is_rated).tolist()
    ]
    return DemoData(_items(rng, has_genre), ratings)


def _draw_genres(rng: Generator) -> NDArray[np.bool_]:
    # of shape (n_films, n_genres); the first genre of a film goes round, so that every genre has as many
    has_genre = np.zeros((N_FILMS, len(_NAMES)), np.bool_)
    for film in range(N_FILMS):
        first = film % len(_NAMES)
        neighbours = GENRES[_NAMES[first]].neighbours
        n_more = min(int(rng.choice(3, p=[0.35, 0.45, 0.2])), len(neighbours))
        has_genre[film, first] = True
        has_genre[film, [_NAMES.index(name) for name in rng.permutation(neighbours)[:n_more]]] = True
    return has_genre


def _draw_tastes(rng: Generator) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    # both of shape (n_users, n_genres)
    loves, dislikes = np.zeros((2, N_USERS, len(_NAMES)), np.bool_)
    for user in range(N_USERS):
        first = user % len(_NAMES)
        loves[user, first] = True
        if rng.random() < 0.5:
            loves[user, _NAMES.index(str(rng.choice(GENRES[_NAMES[first]].neighbours)))] = True
        dislikes[user, rng.choice(np.flatnonzero(~loves[user]))] = True
    return loves, dislikes


def _draw_stars(
    rng: Generator, has_genre: NDArray[np.bool_], loves: NDArray[np.bool_], dislikes: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    # both of shape (n_users, n_films)
    love = np.minimum(loves.astype(int) @ has_genre.T.astype(int), 2)
    dislike = np.minimum(dislikes.astype(int) @ has_genre.T.astype(int), 1)
    popularity = (1.0 + rng.permutation(N_FILMS)) ** -0.6
    # the k largest of log weight + Gumbel noise are a draw of k without replacement
    attraction = np.log(popularity) + 2.8 * love - 2 * dislike + rng.gumbel(size=(N_USERS, N_FILMS))
    n_ratings = np.clip(rng.lognormal(3.75, 0.6, N_USERS), 8, 250).astype(int)
    ranks = np.argsort(np.argsort(-attraction, axis=1), axis=1)
    quality = rng.normal(0, 0.4, N_FILMS)
    liking = 2.5 + quality + 1.5 * (love > 0) + 0.4 * (love > 1) - 1.5 * dislike
    noisy = liking + rng.normal(0, 0.5, size=(N_USERS, N_FILMS))
    return np.clip(np.round(noisy * 2) / 2, 0.5, 5.0), ranks < n_ratings[:, None]


def _user_ids(loves: NDArray[np.bool_]) -> list[str]:
    first = [_NAMES[user % len(_NAMES)].lower().replace(" ", "-") for user in range(len(loves))]
    return [f"{genre}-fan-{user // len(_NAMES) + 1}" for user, genre in enumerate(first)]


def _items(rng: Generator, has_genre: NDArray[np.bool_]) -> list[Item]:
    titles = {name: _titles(rng, name) for name in _NAMES}
    years = rng.integers(*_YEARS, size=N_FILMS, endpoint=True).tolist()
    items = []
    for film in range(N_FILMS):
        first = _NAMES[film % len(_NAMES)]
        others = [_NAMES[genre] for genre in np.flatnonzero(has_genre[film]) if _NAMES[genre] != first]
        title = f"{titles[first][film // len(_NAMES)]} ({years[film]})"
        items.append(Item(str(film + 1), title, [first, *others]))
    return items


def _titles(rng: Generator, genre: str) -> list[str]:
    words = GENRES[genre]
    pairs = rng.permutation([*product(words.adjectives.split(), words.nouns.split())]).tolist()
    return [f"The {adjective} {noun}" if rng.random() < 0.6 else f"{adjective} {noun}" for adjective, noun in pairs]
