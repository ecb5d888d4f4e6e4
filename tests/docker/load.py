"""Readers and a writer that go on while a deployment is maltreated, and a ledger of what they were told."""

import threading
import time
from collections import Counter

import httpx

from tests.docker.deployment import Deployment

_PAUSE_SECONDS = 0.02
_N_READERS = 3


class Load:
    """Asks and rates through the proxy until it is stopped, and tries nothing twice.

    Attributes
    ----------
    counts : Counter
        ``reads``, ``failed_reads``, ``degraded``, ``writes``, ``failed_writes``.
    acknowledged : dict of str to dict of str to float
        By user, the ratings that were stored according to the answer.
    """

    def __init__(self, deployment: Deployment, n_users: int) -> None:
        self.deployment, self.n_users = deployment, n_users
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.acknowledged: dict[str, dict[str, float]] = {}
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(number,)) for number in range(_N_READERS)]
        self._threads.append(threading.Thread(target=self._write))

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def since(self, before: Counter[str]) -> Counter[str]:
        """What was counted since a copy of the counts."""
        return self.counts - before

    def _read(self, number: int) -> None:
        with self.deployment.client() as client:
            while not self._stop.wait(_PAUSE_SECONDS):
                number += 1
                try:
                    response = client.get(f"/users/u{number % self.n_users}/recommendations")
                    problem = "" if response.is_success else f"{response.status_code} {response.text[:80]}"
                except httpx.HTTPError as error:
                    problem = type(error).__name__
                with self._lock:
                    self.counts["reads"] += 1
                    if problem:
                        self.counts["failed_reads"] += 1
                        self.failures[f"GET {problem}"] += 1
                    else:
                        self.counts["degraded"] += response.json()["degraded"]

    def _write(self) -> None:
        number = 0
        with self.deployment.client() as client:
            while not self._stop.wait(_PAUSE_SECONDS):
                number += 1
                user, item, value = f"writer {number % 20}", f"i{number % 500}", float(number % 5 + 1)
                body = {"user_id": user, "item_id": item, "value": value, "timestamp": time.time()}
                try:
                    response = client.post("/ratings", json=body)
                    problem = "" if response.is_success else f"{response.status_code} {response.text[:80]}"
                except httpx.HTTPError as error:
                    problem = type(error).__name__
                with self._lock:
                    self.counts["writes"] += 1
                    if problem:
                        self.counts["failed_writes"] += 1
                        self.failures[f"POST {problem}"] += 1
                    else:
                        self.acknowledged.setdefault(user, {})[item] = value
