"""What one process counts and times for whoever watches the service."""

from time import perf_counter
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.storage.user_ratings import UserRatings, UserRatingsReader

_LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """What one process counts.

    Attributes
    ----------
    last_asked : float
        When the last request came that was no health check, in the seconds of ``time.monotonic``.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self.registry}
        self._requests = Counter("foldin_requests", "Answered requests.", ["method", "route", "status"], **own)
        self._request_seconds = Histogram(
            "foldin_request_seconds", "Time to an answer.", ["method", "route"], buckets=_LATENCIES, **own
        )
        self._store_seconds = Histogram(
            "foldin_store_seconds", "Time for one use of the database.", ["operation"], buckets=_LATENCIES, **own
        )
        self.store_reads = self._store_seconds.labels("read")
        self.store_writes = self._store_seconds.labels("write")
        self.loop_lag = Histogram("foldin_event_loop_lag_seconds", "How late a timer came.", buckets=_LATENCIES, **own)
        self.ratings = Counter("foldin_ratings_accepted", "Ratings acknowledged.", **own)
        self.degraded = Counter("foldin_degraded_answers", "Answers given without the database.", **own)
        self.swaps = Counter("foldin_model_swaps", "Times a model or catalogue was swapped in.", **own)
        oldest: dict[str, Any] = {"multiprocess_mode": "livemin", **own}
        self.model_version = Gauge("foldin_model_version", "Version served; of several processes the oldest.", **oldest)
        self.is_store_reachable = Gauge("foldin_store_reachable", "Whether the database answered last.", **oldest)
        self.queue = Gauge("foldin_write_queue", "Writes waiting.", multiprocess_mode="livesum", **own)
        self.last_asked = float("-inf")
        self._by_labels: dict[tuple[str, str, int], Counter] = {}
        self._by_route: dict[tuple[str, str], Histogram] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request.

        Parameters
        ----------
        method, route : str
            The route as a template.
        status : int
            Its answer's.
        seconds : float
            How long it took.
        """
        try:
            counter, histogram = self._by_labels[method, route, status], self._by_route[method, route]
        except KeyError:
            counter = self._by_labels[method, route, status] = self._requests.labels(method, route, str(status))
            histogram = self._by_route[method, route] = self._request_seconds.labels(method, route)
        counter.inc()
        histogram.observe(seconds)

    def count_unread(self, status: int) -> None:
        """Count what was refused before anybody could read what it asks for.

        Parameters
        ----------
        status : int
            The answer's, such as 400, 408 or 431.
        """
        self._requests.labels("none", "none", str(status)).inc()


class TimedReader(UserRatingsReader):
    """Reads ratings, and notes how long it took.

    Parameters
    ----------
    reader : UserRatingsReader
        Does the work.
    metrics : Metrics
        Keeps the times.
    """

    def __init__(self, reader: UserRatingsReader, metrics: Metrics) -> None:
        self._reader = reader
        self._seconds = metrics.store_reads

    async def open(self) -> None:
        """Connect."""
        await self._reader.open()

    async def close(self) -> None:
        """Disconnect."""
        await self._reader.close()

    async def read(self, user_id: str) -> UserRatings:
        """Read a user's ratings.

        Parameters
        ----------
        user_id : str
            Anyone.

        Returns
        -------
        UserRatings
            Item keys and values.
        """
        began = perf_counter()
        try:
            return await self._reader.read(user_id)
        finally:
            self._seconds.observe(perf_counter() - began)
