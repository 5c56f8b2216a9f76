"""The composition root: settings become an application, its lifespan makes the tools that all requests share."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import cast

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from pydantic import SecretStr
from sqlalchemy import QueuePool
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from .api import (
    failures,
    health,
    insights,
    insights_breakdown,
    insights_histogram,
    insights_keys,
    insights_series,
    insights_traces,
    otlp,
    parea,
    parea_datasets,
    parea_experiments,
    parea_reading,
    respan,
    respan_absent,
    respan_experiments,
    respan_logs,
    respan_scores,
    respan_spans,
    respan_traces,
    stats_baselines,
    stats_compare,
)
from .api.answers import Streams
from .api.authentication import KeyCache
from .api.compression import Compression
from .api.direct import Application
from .api.observation import Observation
from .api.paths import ReachingOverSlashes
from .api.rates import Rates
from .api.resources import Limits, Resources, State
from .catalog import keys
from .catalog.erasure import erase_deleted
from .catalog.retention import DAY_US, keep_pruned
from .columnar.keep import keep_fresh
from .columnar.reader import Columns
from .dialects.parea.stats import stats_entry
from .errors import StartError
from .filters.bind import Limits as FilterLimits
from .ingest.commits import Committer
from .ingest.evaluators import Evaluators
from .ingest.item_keys import keep_keyed
from .ingest.pricing import Prices
from .ingest.queue import QueueLimits
from .ingest.transaction import Tools
from .metrics import POOL_IN_USE, POOL_SIZE
from .page.routes import routes as page_routes
from .settings import Settings, load
from .stats.maintenance import keep_warm
from .store import schema
from .store.session import Database, Engine, Timeouts, create_engine
from .store.standbys import HotStandbys
from .tracing import Tracing

# What is posted most is matched first.
_ROUTERS = (
    *(parea.write, otlp.write, respan.write, respan_spans.write, respan_scores.write),
    *(respan_logs.write, respan_experiments.write, respan_traces.write, respan_absent.write),
    *(respan_experiments.erase, respan_traces.erase),
    # Before what reads: a word of a path is not taken for an id.
    respan_absent.anyone,
    *(parea_experiments.read, respan.read, respan_spans.read, respan_scores.read, health.router),
    *(respan_logs.read, respan_experiments.read, respan_traces.read),
    *(insights.read, insights_series.read, insights_breakdown.read, insights_histogram.read),
    *(insights_traces.read, insights_keys.read, stats_compare.read, stats_baselines.write),
    *(parea_experiments.write, parea_reading.read, parea_datasets.read, parea_datasets.write),
)

# The server's own timeout comes first, unless the network has gone silent.
_LATE_S = 2
# Background work has no bound of its own; this one ends the wait for a server that will never answer.
_BACKGROUND_S = 600
# Rollups and erasure with a connection each, retention with two: a busy pool holds none of them up.
_TASKS = 5


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; without settings those of the environment hold. Raises `SettingsError`, `StartError`.

    Starting it raises `NotReady` or `Unavailable` where the database is not fit to serve.
    """
    settings = settings or load()
    tracing = tracing_of(settings)
    app = Application(
        title="spanstats",
        version=version("spanstats"),
        description="Statistics of LLM experiments, in the dialects of Parea and Respan.",
        lifespan=_lifespan(settings, tracing),
        redirect_slashes=False,
        # Ours, which needs no other machine, is among the page's routes.
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        # One description of a model, whether it is sent or answered.
        separate_input_output_schemas=False,
    )
    # Not the server's root path: uvicorn would expect every proxy to strip it.
    app.root_path = settings.root_path
    failures.install(app)
    # As they are: `include_router` would compile their paths anew, and match every request twice. Before those of the
    # description: a request is compared with one route after another.
    routes = [route for router in _ROUTERS for route in router.routes]
    app.router.routes[:0] = [*routes, ReachingOverSlashes(routes, respan_absent.of_any_word.routes)]
    app.router.routes += page_routes(settings.ui)
    app.surround(routes, _middleware(settings, tracing))
    return app


def _middleware(settings: Settings, tracing: Tracing) -> Iterator[Callable[[ASGIApp], ASGIApp]]:
    """What is around every route, the innermost first."""
    yield Compression
    if settings.cors_origins:
        yield partial(CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["*"], allow_headers=["*"])
    yield partial(Observation, access_log=settings.access_log)
    yield from tracing.middleware


def tracing_of(settings: Settings) -> Tracing:
    """What the settings say of tracing the service itself. Raises `StartError`."""
    if settings.tracing_endpoint is None:
        return Tracing()
    try:
        # By name: it needs packages that are not installed everywhere, and costs a quarter of a second.
        tracing: Tracing = import_module(".otel", __package__).tracing_to(settings.tracing_endpoint)
    except ModuleNotFoundError as error:
        install = "pip install -r requirements-tracing.txt"
        raise StartError(f"SPANSTATS_TRACING_ENDPOINT needs the extra spanstats[tracing]: {install}") from error
    except (ValueError, RuntimeError) as error:
        raise StartError(f"SPANSTATS_TRACING_ENDPOINT: look at the variables OTEL_*: {error}") from error
    return tracing


class NotReady(Exception):
    """The database cannot be served from; the text is one line that says why and what to do."""


def _lifespan(settings: Settings, tracing: Tracing) -> Callable[[FastAPI], AbstractAsyncContextManager[State]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        timeouts = Timeouts(settings.read_timeout_s, settings.write_timeout_s)
        patience_s = max(settings.read_timeout_s, settings.write_timeout_s) + _LATE_S
        database = _database(settings, settings.database_url, settings.pool_size, patience_s, timeouts)
        direct = settings.database_direct_url or settings.database_url
        background = _database(settings, direct, _TASKS, _BACKGROUND_S, timeouts)
        try:
            standbys = _standbys(settings, database, patience_s)
            if not await schema.is_current(database):
                raise NotReady("The schema of the database is not that of this version: run `spanstats migrate`")
            async with (
                _committer(database, settings, tracing) as committer,
                _meanwhile(keep_warm(background)),
                _meanwhile(keep_fresh(background)),
                _meanwhile(erase_deleted(background)),
                _meanwhile(keep_keyed(background)),
                _meanwhile(_tell_pool(database.engine)),
                _meanwhile(_retention(background, settings)),
                _watched(standbys),
            ):
                lookup = KeyCache(partial(keys.find, database))
                rates = Rates(settings.requests_per_second)
                # The other half of the pool is for everything else.
                streams = Streams(settings.pool_size // 2, settings.pool_timeout_s)
                limits, columns = _limits(settings), Columns(settings.column_cache_bytes)
                reading = replace(database, standbys=standbys)
                tools = Resources(database, reading, committer, lookup, limits, rates, streams, columns)
                yield {"resources": tools}
        finally:
            await database.dispose()
            await background.dispose()
            await asyncio.to_thread(tracing.stop)

    return lifespan


def _database(
    settings: Settings, url: SecretStr | None, pool_size: int, answer_timeout_s: float, timeouts: Timeouts
) -> Database:
    if url is None:
        raise NotReady("SPANSTATS_DATABASE_URL is not set: `spanstats serve` starts the embedded server and sets it")
    return Database(_engine(settings, url, pool_size, answer_timeout_s), timeouts)


def _engine(
    settings: Settings, url: SecretStr, pool_size: int, answer_timeout_s: float, *, to_standby: bool = False
) -> Engine:
    return create_engine(
        url.get_secret_value(),
        pool_size,
        settings.connect_timeout_s,
        settings.pool_timeout_s,
        answer_timeout_s,
        settings.read_timeout_s,
        settings.connection_life_s,
        to_standby=to_standby,
    )


def _standbys(settings: Settings, primary: Database, answer_timeout_s: float) -> HotStandbys | None:
    if not settings.read_urls:
        return None
    engines = [
        _engine(settings, url, settings.pool_size, answer_timeout_s, to_standby=True) for url in settings.read_urls
    ]
    return HotStandbys(primary, engines, settings.read_wait_s)


@asynccontextmanager
async def _watched(standbys: HotStandbys | None) -> AsyncIterator[None]:
    if standbys is None:
        yield
        return
    async with _meanwhile(standbys.watch()):
        yield
    await standbys.dispose()


@asynccontextmanager
async def _committer(database: Database, settings: Settings, tracing: Tracing) -> AsyncIterator[Committer]:
    """Writes what is queued before it ends."""
    tools = Tools(Prices().price, stats_entry, Evaluators(), settings.max_spans_per_trace)
    queue = QueueLimits(settings.queue_spans, settings.queue_bytes, settings.queue_wait_s)
    committer = Committer(database, tools, queue, tracing)
    try:
        yield committer
    finally:
        await committer.stop()


@asynccontextmanager
async def _meanwhile(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Runs endless work in the background of the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        # Once may not do: a library in between may take a cancellation for its own.
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=1)


async def _tell_pool(engine: AsyncEngine, every_s: float = 1.0) -> None:
    while True:
        pool = cast(QueuePool, engine.pool)
        POOL_SIZE.set(pool.size())
        POOL_IN_USE.set(pool.checkedout())
        await asyncio.sleep(every_s)


async def _retention(database: Database, settings: Settings) -> None:
    if settings.retention_days is not None:
        await keep_pruned(database, int(settings.retention_days * DAY_US))


def _limits(settings: Settings) -> Limits:
    return Limits(
        body_bytes=settings.max_body_bytes,
        body_wait_s=settings.body_wait_s,
        spans=settings.max_spans_per_request,
        bulk_spans=settings.max_bulk_spans,
        json_depth=settings.max_json_depth,
        scores=settings.max_scores_per_span,
        page_size=settings.max_page_size,
        stream_s=settings.stats_stream_timeout_s,
        compared_traces=settings.max_compared_traces,
        metrics=settings.metrics,
        filters=FilterLimits(settings.max_filter_conditions, settings.max_filter_nesting, settings.max_filter_items),
    )
