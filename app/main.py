"""One API process: settings in, objects built and wired, an ASGI application out. ``foldin serve`` starts it."""

import argparse
import asyncio
import contextlib
import gc
import os
import sys
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

from fastapi import FastAPI

from app.api import (
    catalogue,
    charts,
    documentation,
    health,
    monitoring,
    onboarding,
    questions,
    ratings,
    recommendations,
    similar,
    training,
)
from app.api.direct import DirectRoutes
from app.api.draining import DrainingServer
from app.api.limits import BodyRoom, Limits
from app.api.metrics import Metrics, TimedReader
from app.api.monitoring import forget_process
from app.api.observing import Observing
from app.api.paths import MatchUndecodedPaths
from app.api.problems import answer_error, install_problem_handlers
from app.api.security import Access, plain_route
from app.api.server import listening_socket, raise_file_limit, server_config
from app.api.state import ApiState
from app.config import Settings
from app.errors import ArtifactError, StoreUnavailableError
from app.forking import keep_forked
from app.freed_memory import give_memory_back
from app.lifeline import die_with_parent, wait_at_gate
from app.logs import configure_logging, get_logger, request_line_writer
from app.services.access_keys import given_keys, list_keys
from app.services.cataloguing import Catalogue
from app.services.ingesting import Ingester
from app.services.overview import Overview
from app.services.questions.answer_threads import AnswerThreads
from app.services.questions.asking import Asker
from app.services.questions.onboarding import Onboarding
from app.services.questions.popularity import StorePopularity
from app.services.questions.recommending import Recommender
from app.services.questions.similar_users import UserSimilarity
from app.services.questions.trending import Trending
from app.services.refreshing import Refresher
from app.services.tastes import RatingScale
from app.services.watching import watch_store
from app.serving.live import LiveModel
from app.serving.snapshot import Snapshot
from app.serving.warming import load_kernels
from app.storage.engine import Store
from app.storage.group_writer import GroupWriter
from app.storage.user_ratings import load_reader, user_ratings_reader

EDGES = (
    recommendations,
    ratings,
    questions,
    charts,
    similar,
    catalogue,
    onboarding,
    training,
    health,
    documentation,
    monitoring,
)
REFRESH_SECONDS = 0.5
# To find out at each request that there is none takes as long as a route.
_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False}
GIL_SECONDS = 0.0002  # others hold it for a batch's rows or a long list, and the event loop would wait the default 5 ms
GARBAGE_OBJECTS = 50_000  # to look for cycles after the default 700 looks through every large batch again and again

log = get_logger()


def create_app(settings: Settings, ahead: Refresher | None = None) -> FastAPI:
    """Build the application of one process.

    Parameters
    ----------
    settings : Settings
        From the environment.
    ahead : Refresher, optional
        One that has loaded what is active already.

    Returns
    -------
    FastAPI
        Connects to the store when it starts, and disconnects when it stops.
    """
    access, metrics = Access(given_keys(settings)), Metrics()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, object]]:
        refresher = ahead or _refresher(settings)
        store, live = refresher.store, refresher.live
        writer = GroupWriter(store)
        reader = TimedReader(user_ratings_reader(store, settings.read_deadline), metrics)

        async def recall(version: int, supplement: int) -> Snapshot:
            snapshot = await asyncio.to_thread(refresher.recall, version, supplement)
            live.keep(snapshot)
            return snapshot

        popularity, scale = StorePopularity(store), (settings.rating_min, settings.rating_max)
        threads = AnswerThreads()
        recommender = Recommender(live, reader, popularity, *scale, recall, threads)
        state = ApiState(
            settings,
            live,
            recommender,
            Asker(recommender),
            UserSimilarity(recommender, store),
            Trending(live, store, popularity, threads),
            Catalogue(store, writer),
            Onboarding(live, popularity, RatingScale(*scale), threads),
            Ingester(store, writer),
            Overview(store, settings.models_dir),
            metrics,
        )
        app.state.foldin = state
        await reader.open()
        await _refresh(refresher, state, access)
        _note(state)
        gc.collect()
        gc.freeze()  # what is there now stays; to look through it again and again would make requests wait
        stopping = asyncio.Event()
        refreshing = asyncio.create_task(_refresh_until(stopping, refresher, state, access))
        watching = None
        if not store.is_sqlite:
            watch = watch_store(store, writer, stopping, deadline_seconds=settings.silence_deadline)
            watching = asyncio.create_task(watch)
        state.is_ready = True
        yield {"metrics": metrics}  # for what the protocol refuses by itself
        state.is_draining = True
        stopping.set()
        await refreshing  # a thread in the middle of it would hold a connection that nobody closes
        await asyncio.to_thread(writer.close)
        if watching is not None:
            await watching
        await reader.close()
        store.close()

    app = FastAPI(title="Foldin", lifespan=lifespan, openapi_url=None, redirect_slashes=False, telemetry=_NO_TELEMETRY)
    app.state.access, app.state.metrics = access, metrics
    app.state.body_room = BodyRoom()
    app.add_middleware(
        DirectRoutes,
        recommend=plain_route(recommendations.router, recommendations.recommend),
        rate=plain_route(ratings.router, ratings.write_ratings),
        answer_error=answer_error,
    )
    app.add_middleware(MatchUndecodedPaths)
    app.add_middleware(Limits)
    app.add_middleware(Observing, metrics=metrics, write_line=request_line_writer(settings.log_format))
    install_problem_handlers(app)
    for edge in EDGES:
        app.include_router(edge.router)
    return app


def _refresher(settings: Settings) -> Refresher:
    return Refresher(Store(settings.store_url), settings, LiveModel())


async def _refresh(refresher: Refresher, state: ApiState, access: Access) -> None:
    try:
        access.update(await asyncio.to_thread(list_keys, refresher.store))
        await asyncio.to_thread(refresher.refresh)
        if state.live.current is not None and state.live.current is not state.noticed:
            state.noticed = state.live.current
            state.metrics.swaps.inc()
            log.info("serving", model_version=state.noticed.model.version)
        state.is_store_reachable = True
    except StoreUnavailableError as error:
        if state.is_store_reachable:
            log.warning("store_unreachable", reason=str(error))
        state.is_store_reachable = False
    except ArtifactError as error:
        log.error("model_refused", reason=str(error))  # noqa: TRY400 - the reason says it all


async def _refresh_until(stopping: asyncio.Event, refresher: Refresher, state: ApiState, access: Access) -> None:
    while not stopping.is_set():
        began = monotonic()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), REFRESH_SECONDS)
            continue
        state.metrics.loop_lag.observe(max(0.0, monotonic() - began - REFRESH_SECONDS))
        try:
            await _refresh(refresher, state, access)
        except Exception:
            log.exception("refresh_failed")
        _note(state)


def _note(state: ApiState) -> None:
    metrics, current = state.metrics, state.live.current
    metrics.queue.set(state.ingester.writer.n_waiting)
    metrics.is_store_reachable.set(state.is_store_reachable)
    if current is not None:
        metrics.model_version.set(current.model.version)


def main() -> None:
    """Serve on a socket that the parent process has bound."""
    parser = argparse.ArgumentParser(description="The API processes of `foldin serve`.")
    parser.add_argument("--fd", type=int, required=True, help="descriptor of the listening socket")
    parser.add_argument("--processes", type=int, default=1, help="how many answer")
    parser.add_argument("--gate", type=int, help="descriptor that closes when the store is prepared")
    arguments = parser.parse_args()

    settings = Settings()
    configure_logging(settings.log_format)
    sys.setswitchinterval(GIL_SECONDS)
    gc.set_threshold(GARBAGE_OBJECTS)
    raise_file_limit()
    give_memory_back()
    if arguments.gate is not None:
        wait_at_gate(arguments.gate)
    refresher = _refresher(settings)
    refresher.load_ahead()
    give_memory_back()
    app, listening = create_app(settings, refresher), listening_socket(arguments.fd)
    config = server_config(app, settings.trusted_proxies)
    config.load()
    config.get_loop_factory()  # loads uvloop, which forked processes would each load for themselves

    def start_draining() -> None:
        state: ApiState = app.state.foldin
        state.is_draining = True

    def serve() -> None:
        server = DrainingServer(
            config,
            delay_seconds=settings.drain_delay,
            on_drain=start_draining,
            last_asked=lambda: app.state.metrics.last_asked,
        )
        server.run(sockets=[listening])

    if arguments.processes == 1:
        die_with_parent()
        serve()
    else:
        load_kernels()
        load_reader(settings.store_url)
        app.middleware_stack = app.build_middleware_stack()
        forget_process(os.getpid())  # which serves nothing itself
        keep_forked(serve, arguments.processes, on_end=forget_process, on_started=refresher.let_go)


if __name__ == "__main__":
    main()
