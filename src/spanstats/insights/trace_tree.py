"""One trace as the tree of its spans: the first of them with what went in and out, and the extent of all."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from ..domain.keys import SpanKey, TenantId, TraceKey
from ..domain.merge import with_all_scores
from ..domain.span import Span
from ..domain.values import is_clean
from ..errors import NotFound
from ..reading.logs import Log, complete, find_row
from ..reading.tree import MAX_DEPTH, Node, tree, walk
from ..store.session import Database, Driver
from ..store.spans import add_content, scores_of_traces, spans_of_traces
from ..threads import beside_if_many
from .snapshot import Experiment, snapshot

MAX_SPANS = 3_000


@dataclass(frozen=True, slots=True)
class Size:
    """At most as many spans, and as many levels; a deeper span becomes a sibling of its parent."""

    spans: int
    depth: int = MAX_DEPTH


@dataclass(frozen=True, slots=True)
class Extent:
    """From the start of the first span to the end of the last one, microseconds since 1970."""

    began_us: int
    ended_us: int


@dataclass(frozen=True, slots=True)
class TraceTree:
    """The trace, and the tree of its first `shown` spans, a parent before its children; `count` are all of them."""

    experiment: Experiment
    as_of: int
    log: Log
    tops: Sequence[Node]
    shown: int
    count: int
    extent: Extent


async def find_trace_tree(
    database: Database, tenant_id: TenantId, experiment_id: str, trace_id: str, size: Size
) -> TraceTree:
    """The experiment's trace with its first spans. Raises `NotFound`, `Unavailable`."""
    async with snapshot(database, tenant_id) as state:
        experiment = await state.experiment(experiment_id)
        key = TraceKey(tenant_id, trace_id)
        row = await find_row(state.tx, experiment.key, key) if is_clean(trace_id) else None
        logs = [] if row is None else await complete(state.tx, [row], whole=False)
        if not logs:
            raise NotFound(f"Trace {trace_id[:100]!r} not found")
        stored = await spans_of_traces(state.tx.driver, [key])
        tops = await beside_if_many(len(stored), _first, stored.values(), size)
        shown = await _complete(state.tx.driver, key, tops, stored)
    return TraceTree(experiment, state.as_of, logs[0], tops, shown, len(stored), extent_of(stored))


def extent_of(spans: Mapping[SpanKey, Span]) -> Extent:
    """The extent of a trace that has spans."""
    starts = [span.start_us or 0 for span in spans.values()]
    ends = [span.end_us or 0 for span in spans.values()]
    return Extent(min(starts), max(*starts, *ends))


async def _complete(driver: Driver, key: TraceKey, tops: Sequence[Node], stored: dict[SpanKey, Span]) -> int:
    """Add content and scores to the spans of the tree; how many they are."""
    by_key = {SpanKey(*key, node.span.span_id): node for node in _nodes(tops)}
    await add_content(driver, stored, by_key.keys())
    scores = await scores_of_traces(driver, [key])
    for one, node in by_key.items():
        node.span = with_all_scores(node.span, scores.get(one, []))
    return len(by_key)


def _nodes(tops: Iterable[Node]) -> Iterator[Node]:
    """Every node, each before the nodes below it."""
    pending = deque(tops)
    while pending:
        node = pending.popleft()
        yield node
        pending.extend(node.children)


def _first(spans: Iterable[Span], size: Size) -> list[Node]:
    """The tree of the first spans, a parent before its children."""
    tops = tree(spans, max_depth=size.depth)
    chosen = {id(span) for span in islice(walk(tops), size.spans)}
    first = [node for node in tops if id(node.span) in chosen]
    for node in _nodes(first):
        # The nodes below are looked at after this.
        node.children = [child for child in node.children if id(child.span) in chosen]
    return first
