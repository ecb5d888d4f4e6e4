"""The HTTP edge over a real store: what is accepted, refused and answered, alike on both stores."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.config import Settings
from app.main import create_app
from app.services.training.running import train_once
from app.storage import catalogue
from app.storage.catalogue import Item
from app.storage.engine import Store
from tests.service import JSON, PATIENCE_SECONDS
from tests.tastes import two_tastes

KEY = "k" * 40


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=database_url, data_dir=tmp_path, n_factors=4, n_epochs=5, read_deadline=60)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url="http://127.0.0.1", headers=JSON) as opened:
        yield opened


@pytest.fixture
def trained(store: Store, settings: Settings) -> Iterator[TestClient]:
    """A client of a service that has a model."""
    with TestClient(create_app(settings), base_url="http://127.0.0.1", headers=JSON) as opened:
        opened.post("/ratings", json=two_tastes(12, 8))
    with store.write() as connection:
        catalogue.upsert_items(
            connection, [Item(f"i{n}", f"Item {n}", ["even" if n % 2 == 0 else "odd"]) for n in range(8)]
        )
    train_once(store, settings)
    with TestClient(create_app(settings), base_url="http://127.0.0.1", headers=JSON) as opened:
        yield opened


def ids(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def test_repeating_a_request_changes_nothing(client: TestClient) -> None:
    rating = {"user_id": "u", "item_id": "i", "value": 4, "timestamp": "2020-01-01T00:00:00Z"}
    assert client.post("/ratings", json=rating).json() == {"accepted": 1, "created": 1, "updated": 0, "ignored": 0}
    before = client.get("/users/u/ratings").json()
    assert client.post("/ratings", json=rating).json()["created"] == 0
    assert client.get("/users/u/ratings").json() == before
    assert before["items"] == [{"item_id": "i", "value": 4.0, "timestamp": "2020-01-01T00:00:00Z"}]


def test_the_newest_timestamp_wins_whatever_the_order(client: TestClient) -> None:
    new, old = ({"user_id": 7, "item_id": "i", "value": value, "timestamp": at} for value, at in ((5, 200), (1, 100)))
    client.post("/ratings", json=new)
    assert client.post("/ratings", json=old).json()["ignored"] == 1
    assert client.post("/ratings", json=[new, old, {**new, "item_id": "j"}]).json() == {
        "accepted": 3,
        "created": 1,
        "updated": 1,
        "ignored": 1,
    }
    assert client.get("/users/7/ratings").json()["items"][0]["value"] == 5


def test_without_timestamps_the_order_of_arrival_decides(client: TestClient) -> None:
    for value in (5, 1, 3):
        client.post("/ratings", json={"user_id": "u", "item_id": "i", "value": value})
    client.post("/ratings", json=[{"user_id": "u", "item_id": "j", "value": value} for value in (2, 4)])
    assert [rating["value"] for rating in client.get("/users/u/ratings").json()["items"]] == [3, 4]


def test_a_deleted_rating_is_not_brought_back_by_an_older_one(client: TestClient) -> None:
    rating = {"user_id": "u", "item_id": "i", "value": 4, "timestamp": 1000}
    client.post("/ratings", json=rating)
    assert client.delete("/users/u/ratings/i").status_code == 204
    assert client.delete("/users/u/ratings/i").status_code == 404
    assert client.post("/ratings", json=rating).json()["ignored"] == 1
    assert client.get("/users/u/ratings").json()["items"] == []
    assert client.post("/ratings", json={"user_id": "u", "item_id": "i", "value": 2}).json()["created"] == 1


def test_a_bad_row_is_named_and_nothing_is_stored(client: TestClient) -> None:
    batch = [
        {"user_id": "u", "item_id": "i", "value": 3},
        {"user_id": "u", "item_id": "i", "value": 9},
        {"user_id": "", "item_id": "i", "value": 3, "extra": 1},
        {"user_id": "u", "item_id": "i", "value": 5.5},
    ]
    response = client.post("/ratings", json=batch[:2] + batch[3:])
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in response.json()["errors"]] == ["/1/value", "/2/value"]
    response = client.post("/ratings", json=batch)
    assert [error["pointer"] for error in response.json()["errors"]] == ["/2/user_id", "/2/extra"]
    assert client.get("/users/u/ratings").json()["items"] == []


@pytest.mark.parametrize(
    "field",
    [
        {"value": "3"},
        {"value": True},
        {"value": None},
        {"value": -0.1},
        {"value": 5.1},
        {"user_id": ""},
        {"user_id": "x" * 257},
        {"user_id": "a\u0000b"},
        {"user_id": "a\nb"},
        {"user_id": True},
        {"user_id": 1.5},
        {"item_id": ["i"]},
        {"timestamp": 99_999_999_999},
        {"timestamp": "0000-01-01T00:00:00Z"},
        {"timestamp": "2020-01-01"},
        {"timestamp": "2020-01-01T00:00:00"},
        {"timestamp": -1},
        {"timestamp": True},
        {"timestamp": 1e400},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_field_outside_the_policy_is_refused(client: TestClient, field: dict[str, object]) -> None:
    import json

    body = json.dumps({"user_id": "u", "item_id": "i", "value": 3} | field)
    response = client.post("/ratings", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422, response.text
    assert client.get("/users/u/ratings").json()["items"] == []


@pytest.mark.parametrize(
    "body", ["", "{", "[", "null", "3", '"x"', '[{"user_id": "u"}', "NaN", '{"value": NaN}', "[]]"]
)
def test_a_body_that_is_not_ratings_is_refused(client: TestClient, body: str) -> None:
    response = client.post("/ratings", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422, response.text
    assert "NaN" not in response.text


def test_other_content_types_and_too_many_ratings_are_refused(client: TestClient) -> None:
    assert client.post("/ratings", content="[]", headers={"content-type": "text/plain"}).status_code == 415
    rating = {"user_id": "u", "item_id": "i", "value": 3}
    assert client.post("/ratings", json=[rating] * 10_000).status_code == 200
    assert client.post("/ratings", json=[rating] * 10_001).status_code == 422
    huge = client.post("/ratings", content=b" " * 8_000_001, headers={"content-type": "application/json"})
    assert huge.status_code == 413


@pytest.mark.parametrize("user_id", ["a/b", "100%", "ünï", "?#&=+", " ", "...", "a%2Fb", "ratings", "x" * 256, "日本"])
def test_any_id_works_in_every_address(trained: TestClient, user_id: str) -> None:
    from urllib.parse import quote

    address = f"/users/{quote(user_id, safe='')}"
    trained.post("/ratings", json={"user_id": user_id, "item_id": "i1", "value": 5})
    assert trained.get(f"{address}/ratings").json()["items"][0]["item_id"] == "i1"
    answer = trained.get(f"{address}/recommendations").json()
    assert (answer["user_id"], answer["strategy"]) == (user_id, "personal")
    trained.post("/ratings", json={"user_id": "other", "item_id": user_id, "value": 5})
    assert trained.delete(f"/users/other/ratings/{quote(user_id, safe='')}").status_code == 204
    assert trained.delete(address).json()["n_ratings"] == 1
    assert trained.delete(address).status_code == 404


@pytest.mark.parametrize(
    "address", ["/users/%FF/ratings", "/users/%zz/ratings", "/users/%0A/ratings", "/users/%00/ratings"]
)
def test_an_id_that_is_no_id_is_refused_in_an_address(client: TestClient, address: str) -> None:
    assert client.get(address).status_code == 422


def test_pages_of_ratings_neither_overlap_nor_skip(client: TestClient) -> None:
    client.post("/ratings", json=[{"user_id": "u", "item_id": f"i{n:03}", "value": 1} for n in range(25)])
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get("/users/u/ratings", params={"n": 10, "cursor": cursor}).json()
        seen += ids(page)
        cursor = page["next_cursor"]
    assert seen == [f"i{n:03}" for n in range(25)]
    assert client.get("/users/u/ratings", params={"cursor": "!"}).status_code == 422


def test_without_a_model_popular_items_answer(client: TestClient) -> None:
    empty = client.get("/users/u/recommendations").json()
    assert (empty["strategy"], empty["model_version"], empty["items"]) == ("popular", None, [])
    client.post("/ratings", json=[{"user_id": f"u{n}", "item_id": item, "value": 1} for n in range(3) for item in "ab"])
    client.post("/ratings", json={"user_id": "u0", "item_id": "c", "value": 5})
    until(lambda: ids(client.get("/items/popular").json()) == ["a", "b", "c"])  # the count is remembered for a second
    assert ids(client.get("/users/u2/recommendations").json()) == ["c"]
    assert client.get("/items/a/similar").status_code == 404
    assert client.get("/models/active").status_code == 404
    assert client.get("/health/ready").json()["status"] == "ready"


def test_a_first_rating_gives_a_personal_list_and_a_dislike_another(trained: TestClient) -> None:
    assert trained.get("/users/new/recommendations").json()["strategy"] == "popular"
    lists = []
    for value in (5, 0.5):
        trained.post("/ratings", json={"user_id": "new", "item_id": "i2", "value": value})
        answer = trained.get("/users/new/recommendations", params={"n": 3}).json()
        assert answer["strategy"] == "personal"
        lists.append(ids(answer))
    assert all(int(item_id[1:]) % 2 == 0 for item_id in lists[0])
    assert lists[0] != lists[1]


def test_filters_come_before_the_best_n(trained: TestClient, store: Store) -> None:
    everything = ids(trained.get("/users/u1/recommendations", params={"n": 100, "exclude_rated": False}).json())
    assert sorted(everything) == [f"i{n}" for n in range(8)]
    odd = trained.get("/users/u1/recommendations", params={"n": 4, "exclude_rated": False, "category": ["odd", "none"]})
    assert ids(odd.json()) == [item for item in everything if int(item[1:]) % 2]
    left = trained.get("/users/u1/recommendations", params={"n": 5, "exclude_rated": False, "exclude": everything[:3]})
    assert ids(left.json()) == everything[3:]
    with store.write() as connection:
        from sqlalchemy import update

        from app.storage.schema import items

        hidden = update(items).where(items.c.item_id == everything[0]).values(hidden=True)
        connection.execute(hidden.values(revision=catalogue.next_revision(connection)))
    of_user, popular = "/users/u1/recommendations?exclude_rated=false", "/items/popular"
    until(lambda: all(everything[0] not in ids(trained.get(path).json()) for path in (of_user, popular)))


def test_similar_items_are_of_the_same_taste(trained: TestClient) -> None:
    answer = trained.get("/items/i2/similar", params={"n": 3}).json()
    assert sorted(ids(answer)) == ["i0", "i4", "i6"]
    assert [item["title"] for item in answer["items"] if item["item_id"] == "i4"] == ["Item 4"]
    assert ids(trained.get("/items/i2/similar", params={"category": "odd", "n": 100}).json())[0] in {
        "i1",
        "i3",
        "i5",
        "i7",
    }


def test_models_and_runs_can_be_followed(trained: TestClient) -> None:
    active = trained.get("/models/active").json()
    assert active["is_active"]
    assert active["description"]["n_ratings"] == 72
    requested = trained.post("/training-runs")
    assert requested.status_code == 202
    run = trained.get(requested.headers["location"]).json()
    assert run["status"] == "queued"
    assert trained.post("/training-runs").json()["id"] == run["id"]
    assert [entry["status"] for entry in trained.get("/training-runs").json()] == ["queued", "succeeded"]
    assert trained.get("/training-runs/999").status_code == 404


def test_without_a_key_only_local_host_names_are_answered(client: TestClient) -> None:
    for host, status in (
        ("localhost:8000", 200),
        ("[::1]:80", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
    ):
        assert client.get("/items/popular", headers={"host": host}).status_code == status
    for header in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        response = client.post("/ratings", json={"user_id": "u", "item_id": "i", "value": 3}, headers=header)
        assert response.status_code == 403


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_keys_open_what_their_scope_says(settings: Settings) -> None:
    keys = tuple(f"{scope}:{scope[0] * 40}" for scope in ("read", "write", "admin"))
    closed = Settings(database_url=settings.database_url, data_dir=settings.data_dir, api_keys=",".join(keys))
    rating = {"user_id": "u", "item_id": "i", "value": 3}
    expected = {
        "": (401, 401, 401),
        "r": (200, 403, 403),
        "w": (200, 200, 403),
        "a": (200, 200, 202),
        "x": (401, 401, 401),
    }
    with TestClient(create_app(closed), base_url="http://foldin.example", headers=JSON) as client:
        for letter, statuses in expected.items():
            for header in ({"x-api-key": letter * 40}, {"authorization": f"Bearer {letter * 40}"}):
                given = (
                    client.get("/items/popular", headers=header).status_code,
                    client.post("/ratings", json=rating, headers=header).status_code,
                    client.post("/training-runs", headers=header).status_code,
                )
                assert given == statuses
        assert client.get("/health/live").status_code == 200
