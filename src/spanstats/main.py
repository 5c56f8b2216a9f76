"""The composition root: settings become an application, its lifespan makes the resources that all requests share."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from functools import partial
from importlib import import_module
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from .api import (
    failures,
    health,
    insights,
    insights_breakdown,
    insights_histogram,
    insights_keys,
    insights_series,
    insights_trace,
    insights_traces,
    otlp,
    parea,
    parea_datasets,
    parea_experiments,
    parea_reading,
    respan,
    respan_experiments,
    respan_intake,
    respan_logs,
    respan_scores,
    respan_spans,
    respan_traces,
    respan_unsupported,
    stats_baselines,
    stats_compare,
    stats_compare_items,
)
from .api.answers import Streams
from .api.authentication import KeyCache
from .api.compression import Compression
from .api.direct import Application
from .api.finding import FoundByShape
from .api.observation import Observation
from .api.paths import ReachingOverSlashes
from .api.rates import Rates
from .api.resources import Limits, Resources, State
from .catalog import keys
from .columnar.reader import Columns
from .errors import StartError
from .filters.bind import Limits as FilterLimits
from .page.routes import routes as page_routes
from .settings import Settings, load
from .threads import BoundedThread
from .tracing import Tracing
from .worker_shards import NotReady, opened_shards

# What is posted most is matched first.
_ROUTERS = (
    *(parea.write, otlp.write, respan.write, respan_intake.write, respan_spans.write, respan_scores.write),
    *(respan_logs.write, respan_experiments.write, respan_traces.write, respan_unsupported.write),
    *(respan_experiments.erase, respan_traces.erase),
    # Before what reads: a word of a path is not taken for an id.
    respan_unsupported.anyone,
    *(parea_experiments.read, respan.read, respan_spans.read, respan_scores.read, health.router),
    *(respan_logs.read, respan_experiments.read, respan_traces.read),
    *(insights.read, insights_series.read, insights_breakdown.read, insights_histogram.read),
    *(insights_traces.read, insights_trace.read, insights_keys.read),
    *(stats_compare.read, stats_compare_items.read, stats_baselines.write),
    *(parea_experiments.write, parea_reading.read, parea_datasets.read, parea_datasets.write),
)

__all__ = ["NotReady", "create_app", "tracing_of"]


def create_app(settings: Settings | None = None, *, is_checked: bool = False) -> FastAPI:
    """The application; without settings those of the environment hold. Raises `SettingsError`, `StartError`.

    Starting it raises `NotReady` or `Unavailable` where the database is not fit to serve, unless this `is_checked`.
    """
    settings = settings or load()
    tracing = tracing_of(settings)
    app = Application(
        title="spanstats",
        version=version("spanstats"),
        description="Statistics of LLM experiments, in the dialects of Parea and Respan.",
        lifespan=_lifespan(settings, tracing, is_checked=is_checked),
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
    by_shape = _add_routes(app, settings)
    app.surround(by_shape, _middleware(settings, tracing))
    return app


def _add_routes(app: FastAPI, settings: Settings) -> FoundByShape:
    """The routes of clients, found by the shape of a path."""
    # As they are: `include_router` would compile their paths again, and match every request twice. Before those of the
    # description: a request is compared with one route after another.
    routes = [route for router in _ROUTERS for route in router.routes]
    over_slashes = ReachingOverSlashes(routes, respan_unsupported.of_any_word.routes)
    by_shape = FoundByShape(routes)
    app.router.routes[:0] = [by_shape, *routes, over_slashes]
    app.router.routes += page_routes(settings.ui)
    return by_shape


def _middleware(settings: Settings, tracing: Tracing) -> Iterator[Callable[[ASGIApp], ASGIApp]]:
    """What is around every route, the innermost first."""
    yield Compression
    if settings.cors_origins:
        yield partial(CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["*"], allow_headers=["*"])
    yield partial(Observation, access_log=settings.access_log)
    yield from tracing.middleware


def tracing_of(settings: Settings) -> Tracing:
    """The settings of tracing the service itself. Raises `StartError`."""
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


def _lifespan(
    settings: Settings, tracing: Tracing, *, is_checked: bool
) -> Callable[[FastAPI], AbstractAsyncContextManager[State]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        try:
            async with opened_shards(settings, tracing, is_checked=is_checked) as shards:
                directory = shards.first.database
                lookup = KeyCache(partial(keys.find, directory))
                rates = Rates(settings.requests_per_second)
                # The other half of the pool is for everything else.
                streams = Streams(settings.pool_size // 2, settings.pool_timeout_s)
                limits, columns = _limits(settings), Columns(settings.column_cache_bytes, settings.question_bytes)
                with closing(BoundedThread("decoding", settings.queue_bytes, settings.queue_wait_s)) as decoding:
                    yield {"resources": Resources(directory, shards, lookup, limits, rates, streams, columns, decoding)}
        finally:
            await asyncio.to_thread(tracing.stop)

    return lifespan


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
