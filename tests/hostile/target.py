"""The service that hostile requests are sent to: rated, trained, real HTTP on a port of its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI

from app.api.rating_bodies import read_ratings
from app.config import Settings
from app.main import create_app
from app.services.training.running import train_once
from app.storage.engine import Store
from app.storage.upserts import Batch, upsert_batches
from tests.http_server import serving
from tests.tastes import two_tastes


@contextmanager
def hostile_target(database_url: str, data_dir: Path, *, without: object = None) -> Iterator[tuple[FastAPI, int]]:
    """The service that the corpus is written for, on a port."""
    model = {"n_factors": 4, "n_epochs": 2, "n_threads": 1}
    patience = {"read_deadline": 60, "silence_deadline": 60}
    settings = Settings.model_validate({"database_url": database_url, "data_dir": data_dir} | model | patience)
    store = Store(database_url)
    ratings = read_ratings(json.dumps(two_tastes(12, 8)).encode(), settings)
    with store.write() as connection:
        upsert_batches(connection, [Batch(ratings, 1_000_000)])
    train_once(store, settings)
    store.close()
    app = create_app(settings)
    app.user_middleware = [middleware for middleware in app.user_middleware if middleware.cls is not without]
    with serving(app) as port:
        yield app, port
