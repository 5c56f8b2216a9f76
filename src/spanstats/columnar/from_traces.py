"""Traces read as arrays: each row of one statement is a block of traces, each column of it all values of a column.

Numbers come as the bytes of eight-byte integers in network order, dictionary-encoded columns as arrays of JSON texts,
the scores of a trace as PostgreSQL sends arrays (`scores.py`).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, func, literal, literal_column, select, text
from sqlalchemy.dialects.postgresql import JSONB

from ..store.session import Transaction
from ..store.tables import traces
from .build import Built
from .format import FAILED, FLAGS, MEASURED, MOST_TRACES, OBJECTS, START_MICROSECOND, START_MINUTE, Chunk
from .needs import Needs

_BLOCK = 4_096

_MOST_BYTES_OF_OBJECT = 8_192
"""Labels or metadata of a trace that are stored as more are not even unpacked: an empty text stands for them."""

NULLABLE = frozenset({"cost_pd", "latency_us", "tps", "ttft_us"})
_SCORES = ("score_keys", "score_values", "score_kinds")


async def chunks_of_traces(
    tx: Transaction,
    conditions: Sequence[ColumnElement[bool]],
    needs: Needs,
    *,
    every_member: bool = False,
    in_order: bool = False,
    most: int = MOST_TRACES,
) -> AsyncIterator[Chunk]:
    """The traces for which one of the conditions holds (never two of them), in chunks of at most `most` traces.

    They have the columns that are needed, with `every_member` also all members of labels and metadata that the limits
    of dictionaries allow. Traces are sorted by start and trace id if they are `in_order`, which stored chunks are.
    """
    for condition in conditions:
        built = Built(needs, every_member)
        statement = _blocks(condition, needs, every_member=every_member, in_order=in_order, size=min(_BLOCK, most))
        async for row in tx.rows(statement):
            # It takes some milliseconds, in which others want to go on.
            await asyncio.to_thread(built.add, row)
            if built.n >= most:
                yield await asyncio.to_thread(built.chunk)
                built = Built(needs, every_member)
        if built.n:
            yield await asyncio.to_thread(built.chunk)


def _blocks(
    condition: ColumnElement[bool], needs: Needs, *, every_member: bool, in_order: bool, size: int
) -> Select[Any]:
    """Aggregates take rows as they come: of one block all in the same order."""
    order = "ORDER BY traces.start_time, traces.trace_id" if in_order else ""
    block: ColumnElement[int] = literal_column(f"(row_number() OVER ({order}) - 1) / {size}").label("block")
    number: ColumnElement[int] = literal_column(f"row_number() OVER ({order})").label("number")
    columns = _columns(needs, every_member=every_member)
    found: Any = select(block, *columns).where(condition)
    if in_order:
        found = select(block, number, *columns).where(condition).subquery("found")
        found = select(found).order_by(found.c.block, found.c.number)
    aggregates = [literal_column("count(*)::int").label("n"), *_aggregates(needs, every_member=every_member)]
    return select(*aggregates).select_from(found.subquery("in_order")).group_by(text("block")).order_by(text("block"))


def _columns(needs: Needs, *, every_member: bool) -> list[ColumnElement[Any]]:
    """Of `traces`, by the names that `_aggregates` use. What is large is left where it stands as long as possible."""
    found: list[ColumnElement[Any]] = []
    if {START_MINUTE, START_MICROSECOND} & needs.columns:
        found.append(traces.c.start_time)
    found += [traces.c[name] for name in (*MEASURED, *FLAGS) if name in needs.columns]
    if FAILED in needs.columns:
        found.append((traces.c.status == literal_column("'error'")).label(FAILED))
    found += [json_of(name).label(f"text_{place}") for place, name in enumerate(needs.texts())]
    if every_member:
        found += [_object(name) for name in OBJECTS]
    if needs.wants_scores():
        found += [traces.c[name] for name in _SCORES]
    return found


def json_of(name: str) -> ColumnElement[str]:
    """The value of a dictionary-encoded column as JSON text, null where there is none."""
    column, dot, key = name.partition(".")
    if not dot:
        return cast(func.to_jsonb(traces.c[column]), Text())
    member = traces.c[column].op("->", return_type=JSONB())(literal(key, Text()))
    return func.nullif(cast(member, Text()), literal_column("'null'"), type_=Text())


def _object(name: str) -> ColumnElement[str]:
    is_large = f"pg_column_size(traces.{name}) > {_MOST_BYTES_OF_OBJECT}"
    shown = f"CASE WHEN jsonb_typeof(traces.{name}) = 'object' THEN traces.{name}::text END"
    return literal_column(f"CASE WHEN {is_large} THEN '' ELSE {shown} END", Text()).label(name)


def _aggregates(needs: Needs, *, every_member: bool) -> list[ColumnElement[Any]]:
    made: dict[str, str] = {}
    if {START_MINUTE, START_MICROSECOND} & needs.columns:
        made["starts"] = "string_agg(timestamptz_send(start_time), '')"
    for name in needs.numbers():
        if name in MEASURED:
            made[name] = f"string_agg(int8send(coalesce({name}, 0)::bigint), '')"
        elif name in (*FLAGS, FAILED):
            made[name] = f"string_agg(CASE WHEN {name} THEN '1' ELSE '0' END, '')"
        if name in NULLABLE:
            made[f"has_{name}"] = f"string_agg(CASE WHEN {name} IS NULL THEN '0' ELSE '1' END, '')"
    made |= {f"text_{place}": f"array_agg(text_{place})" for place, _ in enumerate(needs.texts())}
    if every_member:
        short = "CASE WHEN octet_length({0}) > " + str(_MOST_BYTES_OF_OBJECT) + " THEN '' ELSE {0} END"
        made |= {name: f"array_agg({short.format(name)})" for name in OBJECTS}
    if needs.wants_scores():
        made |= {name: f"array_agg(array_send({name}))" for name in _SCORES}
    return [literal_column(sql).label(name) for name, sql in made.items()]
