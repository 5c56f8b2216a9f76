"""Pieces of fixed work that any version of the service can be given."""

from collections.abc import Callable
from dataclasses import dataclass

from . import agents, bodies
from .answers import FILTERS, ask
from .load import Request
from .server import KEY

_PROTOBUF = "application/x-protobuf"
STATS_OF = 100
"""Root traces of the small experiment."""
_LEAP = 7 * 10_000
"""Spans or traces from one turn to the next: what a turn brings is new."""


@dataclass(frozen=True, slots=True)
class Work:
    """`requests` makes those of one turn from its number; `count` is of what the time is told, spans or answers.

    A turn is cut into `n_slices`, of a tenth of a second or more.
    """

    name: str
    requests: Callable[[int], list[Request]]
    concurrency: int
    count: int
    writes: bool = True
    n_slices: int = 5

    def slices(self, turn: int) -> list[list[Request]]:
        """The requests of a turn in pieces, each of which has some for every connection."""
        requests = self.requests(turn)
        size = -(-len(requests) // self.n_slices)
        return [requests[i : i + size] for i in range(0, len(requests), size)]


def works(traces: int) -> list[Work]:
    """All of them, with a filtered summary of so many traces."""
    return [
        Work("no-op route", lambda _: [Request.make("GET", "/healthz", KEY)] * 1_500, 64, 1_500, writes=False),
        Work("Parea span, 64 connections", lambda turn: _singles(turn, 1_200), 64, 1_200),
        Work("Parea span, one connection", lambda turn: _singles(turn + 300, 600), 1, 600, n_slices=10),
        Work("flat JSON span, 100 a request", _flat, 8, 8_000),
        Work("OTLP protobuf span of agents, 80 a request", _agents_protobuf, 8, 6_400),
        Work("OTLP JSON span of agents, 8 a request", _agents_json, 16, 1_600),
        Work(f"stats of {STATS_OF} roots", lambda _: [stats()] * 300, 1, 300, writes=False),
        Work("summary", lambda _: [summary(traces)] * 300, 1, 300, writes=False),
        Work(f"summary of {traces:,} traces by model", lambda _: [by_model(traces)] * 40, 1, 40, writes=False),
    ]


def _singles(turn: int, count: int) -> list[Request]:
    made = bodies.parea(count, "singles", turn * _LEAP)
    return [Request.make("POST", "/api/parea/v1/trace_log", KEY, body) for body in made]


def _flat(turn: int) -> list[Request]:
    made = bodies.flat(8_000, 100, "batches", (turn + 700) * _LEAP)
    return [Request.make("POST", "/api/v1/traces/ingest", KEY, body) for body in made]


def _agents_protobuf(turn: int) -> list[Request]:
    made = agents.protobuf(800, 10, "agents", turn * _LEAP)
    return [Request.make("POST", "/api/v2/traces", KEY, body, _PROTOBUF) for body in made]


def _agents_json(turn: int) -> list[Request]:
    made = agents.json_requests(200, 1, "agents", (turn + 10_000) * _LEAP)
    return [Request.make("POST", "/api/v2/traces", KEY, body) for body in made]


def stats() -> Request:
    """Stats of the small experiment."""
    return Request.make("GET", f"/api/parea/v1/experiment/seeded-{STATS_OF}/stats", KEY)


def summary(traces: int) -> Request:
    """The unfiltered summary of the experiment with so many traces."""
    return ask(f"seeded-{traces}")


def by_model(traces: int) -> Request:
    """The summary of those of its traces that used one of two models."""
    return ask(f"seeded-{traces}", body={"filters": FILTERS["model"]})
