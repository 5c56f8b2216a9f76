"""The spans of the traces that a question is about, as columns: each span once, with what of it counts."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, Text, and_, case, cast, func, literal, literal_column, null, select, text
from sqlalchemy import column as sql_column
from sqlalchemy.dialects.postgresql import JSONB

from ..columnar.chunk import Chunk, Column, Info, Mask
from ..columnar.dimensions import ByText
from ..columnar.encode import numbers_of, texts_of
from ..columnar.format import FAILED, MOST_TRACES
from ..columnar.reader import Columns
from ..columnar.selection import ChunkView, Selection
from ..domain.keys import ExperimentKey
from ..domain.span import Uncounted
from ..filters.disjuncts import compile_filter
from ..stats.matching import ALL, within
from ..store.tables import every_span, traces
from .dimensions import OF_SPANS, Dimension
from .questions import Question
from .snapshot import Snapshot

_BLOCK = 4_096
_TPS = "tps"


def dimension_of_spans(number: int) -> ByText:
    """The column of the dimension with this number."""
    return ByText(f"dimension_{number}")


def _counted(name: str, uncounted: int) -> ColumnElement[Any]:
    counts = every_span.c.uncounted.op("&")(uncounted) == literal_column("0")
    return case((counts, every_span.c[name]), else_=null())


_NUMBERS: Mapping[str, ColumnElement[Any]] = {
    "cost_pd": _counted("cost_pd", Uncounted.COST),
    **{name: _counted(name, Uncounted.TOKENS) for name in ("prompt_tokens", "completion_tokens", "total_tokens")},
    "latency_us": every_span.c.latency_us,
    "ttft_us": every_span.c.ttft_us,
    "output_tokens": every_span.c.completion_tokens,
    FAILED: case((every_span.c.status == literal_column("'error'"), literal_column("1")), else_=literal_column("0")),
}
"""Of each span; `output_tokens` are those of its own speed, whether they count in the trace or not."""


async def select_spans(
    state: Snapshot,
    columns: Columns,
    experiment_key: ExperimentKey,
    question: Question,
    dimensions: Sequence[Dimension],
) -> Selection:
    """The spans of the traces in the window that match. Raises `Unavailable` for more of them than memory holds."""
    matching = None if question.matching is None else compile_filter(question.matching, state.tenant_id)
    reservation, views = columns.memory.begin(), list[ChunkView]()
    for condition in within(experiment_key, question.window, ALL if matching is None else matching.disjuncts):
        async for chunk in _chunks(state, condition, dimensions):
            views.append(ChunkView(chunk))
            reservation.add(views[-1:])
    return Selection(views, reservation=reservation)


async def _chunks(
    state: Snapshot, condition: ColumnElement[bool], dimensions: Sequence[Dimension]
) -> AsyncIterator[Chunk]:
    rows: list[Mapping[str, Any]] = []
    async for row in state.tx.rows(_blocks(condition, dimensions)):
        rows.append(row)
        if len(rows) * _BLOCK >= MOST_TRACES:
            yield await asyncio.to_thread(_chunk, rows, len(dimensions))
            rows = []
    if rows:
        yield await asyncio.to_thread(_chunk, rows, len(dimensions))


def _blocks(condition: ColumnElement[bool], dimensions: Sequence[Dimension]) -> Select[Any]:
    """A row is a block of spans: of each number its bytes, of each dimension the JSON texts."""
    block: ColumnElement[int] = literal_column(f"(row_number() OVER () - 1) / {_BLOCK}").label("block")
    keys = [_json(dimension).label(f"dimension_{i}") for i, dimension in enumerate(dimensions)]
    numbers = [value.label(name) for name, value in _NUMBERS.items()]
    same_trace = and_(every_span.c.tenant_id == traces.c.tenant_id, every_span.c.trace_id == traces.c.trace_id)
    rows = select(block, *numbers, *keys).select_from(traces.join(every_span, same_trace)).where(condition)
    aggregates: list[ColumnElement[Any]] = [literal_column("count(*)::int").label("n")]
    for name in _NUMBERS:
        packed = f"string_agg(int8send(coalesce({name}, 0)::bigint), '')"
        aggregates.append(literal_column(packed).label(name))
        has = f"string_agg(CASE WHEN {name} IS NULL THEN '0' ELSE '1' END, '')"
        aggregates.append(literal_column(has).label(f"has_{name}"))
    aggregates += [func.array_agg(sql_column(f"dimension_{i}")).label(f"dimension_{i}") for i in range(len(keys))]
    return select(*aggregates).select_from(rows.subquery("each_span")).group_by(text("block"))


def _json(dimension: Dimension) -> ColumnElement[str]:
    """The value of the dimension as JSON text: of the span where it has it, else of its trace."""
    if dimension.name in OF_SPANS:
        return cast(func.to_jsonb(every_span.c[OF_SPANS[dimension.name]]), Text())
    column, dot, key = dimension.of_trace().partition(".")
    if not dot:
        return cast(func.to_jsonb(traces.c[column]), Text())
    member = traces.c[column].op("->", return_type=JSONB())(literal(key, Text()))
    return func.nullif(cast(member, Text()), literal_column("'null'"), type_=Text())


def _chunk(rows: Sequence[Mapping[str, Any]], dimensions: int) -> Chunk:
    numbers = dict(_numbers(rows))
    columns: dict[str, Column] = {name: numbers_of(*values) for name, values in numbers.items()}
    columns[_TPS] = numbers_of(*_speeds(numbers["output_tokens"], numbers["latency_us"]))
    for number in range(dimensions):
        keys = [key for row in rows for key in row[f"dimension_{number}"]]
        columns[f"dimension_{number}"] = texts_of([None if key is None else key.encode() for key in keys])
    return Chunk(Info(sum(row["n"] for row in rows), tuple(columns)), columns)


def _numbers(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, tuple[NDArray[np.int64], Mask]]]:
    for name in _NUMBERS:
        values = np.frombuffer(b"".join([row[name] for row in rows]), ">i8").astype(np.int64)
        has = np.frombuffer("".join([row[f"has_{name}"] for row in rows]).encode(), np.uint8) == ord("1")
        yield name, (values, has)


def _speeds(
    tokens: tuple[NDArray[np.int64], Mask], latency: tuple[NDArray[np.int64], Mask]
) -> tuple[NDArray[np.int64], Mask]:
    """Thousandths of a token per second, to the nearest, ties to even, as `tps_thousandths` has them."""
    has = tokens[1] & latency[1] & (tokens[0] > 0) & (latency[0] > 0)
    divisor = np.where(has, latency[0], 1)
    quotient, rest = np.divmod(np.where(has, tokens[0], 0) * 1_000_000_000, divisor)
    up = (2 * rest > divisor) | ((2 * rest == divisor) & (quotient % 2 == 1))
    return quotient + up, has
