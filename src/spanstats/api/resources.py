"""What the lifespan of the application makes and every request may use."""

from dataclasses import dataclass
from typing import TypedDict, cast

from fastapi import Request

from ..columnar.reader import Columns
from ..filters.bind import DEFAULT_LIMITS
from ..filters.bind import Limits as FilterLimits
from ..ingest.commits import Committer
from ..store.session import Database
from ..threads import BoundedThread
from .answers import Streams
from .authentication import Caller, KeyCache
from .rates import Rates
from .shards import Shards

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest request that is looked at: bytes before and after decompression, spans in one request and in one of
    Respan's bulk requests, levels of JSON, scores of a span, entries of a page, filters."""

    body_bytes: int = 20 * MEBIBYTE
    body_wait_s: float = 30
    """Seconds that each part of a body may be in coming."""
    spans: int = 10_000
    bulk_spans: int = 500
    json_depth: int = 64
    scores: int = 100
    page_size: int = 1_000
    stream_s: float = 60
    """Seconds that a streamed answer may take in all."""
    filters: FilterLimits = DEFAULT_LIMITS
    compared_traces: int = 500_000
    """Traces of one arm of a comparison that is paired."""
    metrics: bool = True
    """Whether anyone may read the service's metrics."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What all requests of a worker share."""

    database: Database
    """The first: it holds the keys, and knows where each tenant lives."""
    shards: Shards
    keys: KeyCache
    limits: Limits
    rates: Rates
    streams: Streams
    columns: Columns
    decoding: BoundedThread
    """Where long bodies are read."""


class State(TypedDict):
    """The lifespan state."""

    resources: Resources


def resources_of(request: Request) -> Resources:
    """The resources of the application that serves this request."""
    return cast(Resources, request.scope["state"]["resources"])


def tenant_database(request: Request) -> Database:
    """The database that holds all of the tenant who sent this request; set as `caller` is."""
    return cast(Database, request.scope["state"]["database"])


def tenant_committer(request: Request) -> Committer:
    """What commits to that database."""
    return resources_of(request).shards.of(caller(request).shard).committer


def caller(request: Request) -> Caller:
    """Who sent this request; set before the handler of every keyed route runs."""
    return cast(Caller, request.scope["state"]["caller"])
