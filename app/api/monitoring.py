"""The route that gives every number in Prometheus' text format: the sum over the processes of one ``foldin serve``."""

import os
from collections.abc import Iterator

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from app.api.state import ApiState, State, scoped_router
from app.errors import StoreUnavailableError
from app.services.clock import now_microseconds
from app.storage.training_runs import TrainingRun

MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"  # where prometheus_client's processes meet; `foldin serve` makes it
_N_RUNS = 10

router = scoped_router("health")


def forget_process(pid: int) -> None:
    """Leave a process that has ended out of what only the living have.

    Parameters
    ----------
    pid : int
        Its number.
    """
    if os.environ.get(MULTIPROCESS_DIR):
        mark_process_dead(pid)  # type: ignore[no-untyped-call]


@router.get("/metrics", include_in_schema=False)
async def metrics(state: State) -> Response:
    """Give every number in Prometheus' text format."""
    registry = state.metrics.registry
    if os.environ.get(MULTIPROCESS_DIR):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    try:
        runs = await run_in_threadpool(state.overview.training_runs, _N_RUNS)
    except StoreUnavailableError:
        runs = []
    at_hand = CollectorRegistry()
    at_hand.register(_AtHand([*_model(state), *_training(runs)]))
    text = await run_in_threadpool(lambda: generate_latest(registry) + generate_latest(at_hand))
    return Response(text, media_type=CONTENT_TYPE_LATEST)


class _AtHand:
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def _model(state: ApiState) -> Iterator[Metric]:
    if state.live.current is not None:
        created_at = state.live.current.model.description["created_at"]
        age = (now_microseconds() - created_at) / 1e6
        yield GaugeMetricFamily("foldin_model_age_seconds", "Since the served version was trained.", age)


def _training(runs: list[TrainingRun]) -> Iterator[Metric]:
    counts = GaugeMetricFamily("foldin_training_runs", f"The latest {_N_RUNS} trainings.", labels=["status"])
    for status in ("queued", "running", "succeeded", "refused", "failed", "skipped"):
        counts.add_metric([status], sum(run.status == status for run in runs))
    yield counts
    for run in runs:
        if run.started_at is None or run.finished_at is None or not run.epochs:
            continue
        took = (run.finished_at - run.started_at) / 1e6
        yield GaugeMetricFamily("foldin_training_seconds", "What the last finished training took.", took)
        yield GaugeMetricFamily("foldin_training_finished_timestamp_seconds", "When it ended.", run.finished_at / 1e6)
        yield GaugeMetricFamily("foldin_training_loss", "Its last epoch's loss.", run.epochs[-1]["loss"])
        figures = GaugeMetricFamily("foldin_training_metric", "Its figures on held-out ratings.", labels=["name"])
        for name, value in run.metrics.items():
            figure = value.get("mean") if isinstance(value, dict) else value
            if isinstance(figure, int | float):
                figures.add_metric([name], figure)
        yield figures
        return
