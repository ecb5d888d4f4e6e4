"""Waiting for what a server does in the background."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from tests.tastes import Ratings

T = TypeVar("T")


def wait_for(condition: Callable[[], T | None], *, seconds: float = 180) -> T:
    """Ask again and again until the answer is not None."""
    deadline = time.monotonic() + seconds
    while (answer := condition()) is None:
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        time.sleep(0.05)
    return answer


def post(client: httpx.Client, ratings: Ratings | dict[str, object]) -> dict[str, int]:
    """Send ratings, which must be accepted."""
    response = client.post("/ratings", json=ratings)
    assert response.status_code == 200, response.text
    return dict(response.json())


def recommendations(client: httpx.Client, user_id: str, **parameters: Any) -> dict[str, Any]:
    """Ask for a user's recommendations, which must be answered."""
    response = client.get(f"/users/{user_id}/recommendations", params=parameters)
    assert response.status_code == 200, response.text
    return dict(response.json())


def item_ids(answer: dict[str, Any]) -> list[str]:
    """Name the items of an answer."""
    return [item["item_id"] for item in answer["items"]]


def wait_for_version(client: httpx.Client, at_least: int = 1) -> int:
    """Wait until a server answers from a version."""

    def served() -> int | None:
        version: int | None = client.get("/health/ready").json()["model_version"]
        return version if version is not None and version >= at_least else None

    return wait_for(served)


def train(client: httpx.Client) -> dict[str, Any]:
    """Ask for a training and wait for its end."""
    location = client.post("/training-runs", headers={"content-type": "application/json"}).headers["location"]

    def ended() -> dict[str, Any] | None:
        run: dict[str, Any] = client.get(location).json()
        return None if run["status"] in {"queued", "running"} else run

    return wait_for(ended)
