"""The traces of an arm from the table, as one row of a statement: each column is the bytes of all values of a column.

Aggregates without an order take rows as they come, all of one statement in the same order.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Integer, Select, Text, func, literal, literal_column, select

from ..stats.matching import rows_of
from ..store.session import Transaction
from ..store.tables import traces
from .arm_traces import NO_TARGET, ArmTraces, LazyValues, Plan, Values
from .arms import ResolvedArm
from .exact import Whole
from .measures import COLUMNS_OF_TRACES, Measure, Scores
from .pairing import has_comparison_key, text_of

_NONE = NO_TARGET
_SEVERAL = _NONE + 1
"""Below every value and every score: there is none; there are several scores, which are in a column of their own."""


async def read_from_traces(tx: Transaction, arm: ResolvedArm, plan: Plan) -> ArmTraces:
    """The arm's traces, for any way to pair them."""
    row = await tx.only_row(_statement(arm, plan))
    return await asyncio.to_thread(_arrays, row, plan)


def _statement(arm: ResolvedArm, plan: Plan) -> Select[Any]:
    # OFFSET keeps the position of a score from being looked up again for each use.
    rows = rows_of(arm.disjuncts, *_columns(plan)).offset(literal_column("0")).subquery("matching")
    return select(literal_column(", ".join(_aggregates(plan)))).select_from(rows)


def _columns(plan: Plan) -> list[ColumnElement[Any]]:
    columns: list[ColumnElement[Any]] = [
        plan.pair_by.digest().label("key"),
        has_comparison_key().label("with_comparison_key"),
        traces.c.has_root,
        traces.c.target_key,
        *(traces.c[name] for name in COLUMNS_OF_TRACES),
    ]
    if plan.cluster_by is not None:
        columns.append(text_of(plan.cluster_by).label("cluster"))
    scores = [(i, m) for i, m in enumerate(plan.measures) if isinstance(m, Scores)]
    if scores:
        columns += [traces.c.score_keys, traces.c.score_values]
    return columns + [
        func.array_position(traces.c.score_keys, literal(m.key, Text()), type_=Integer()).label(f"p{i}")
        for i, m in scores
    ]


_NO_KEY = f"'\\x{'00' * 16}'::bytea"


def _aggregates(plan: Plan) -> list[str]:
    aggregates = [f"string_agg(coalesce(key, {_NO_KEY}), ''::bytea) AS keys", _numbers("target_key", "targets")]
    aggregates += [
        f"string_agg(CASE WHEN {flag} THEN '1' ELSE '0' END, '') AS {flag}"
        for flag in ("with_comparison_key", "has_root")
    ]
    if plan.cluster_by is not None:
        aggregates.append("array_agg(cluster) AS clusters")
    for i, measure in enumerate(plan.measures):
        if not isinstance(measure, Scores):
            aggregates.append(_numbers(measure.sql, f"v{i}"))
            continue
        several = f"array_position(score_keys, score_keys[p{i}], p{i} + 1) IS NOT NULL"
        aggregates.append(_numbers(f"CASE WHEN {several} THEN {_SEVERAL} ELSE score_values[p{i}] END", f"v{i}"))
        each = f"FROM unnest(score_keys, score_values) AS u(k, v) WHERE k = score_keys[p{i}]"
        sums = f"(SELECT coalesce(sum(v), 0)::text || ' ' || count(v) {each})"
        aggregates.append(f"array_agg({sums}) FILTER (WHERE {several}) AS several{i}")
    return aggregates


def _numbers(sql: str, name: str) -> str:
    return f"string_agg(int8send(coalesce({sql}, {_NONE})), ''::bytea) AS {name}"


def _arrays(row: Mapping[str, Any], plan: Plan) -> ArmTraces:
    keys = np.frombuffer(row["keys"] or b"", ">u8").astype(np.uint64).reshape(-1, 2)
    return ArmTraces(
        keys,
        _flags(row["with_comparison_key"]),
        _flags(row["has_root"]),
        _whole(row["targets"]),
        None if plan.cluster_by is None else row["clusters"] or [],
        LazyValues(len(plan.measures), lambda i: _values(i, plan.measures[i], row, plan)),
    )


def _flags(text: str | None) -> NDArray[np.bool_]:
    flags: NDArray[np.bool_] = np.frombuffer((text or "").encode(), np.uint8) == ord("1")
    return flags


def _whole(content: bytes | None) -> NDArray[np.int64]:
    return np.frombuffer(content or b"", ">i8").astype(np.int64)


def _values(i: int, measure: Measure, row: Mapping[str, Any], plan: Plan) -> Values:
    sums: Whole = _whole(row[f"v{i}"])
    counts = (sums != _NONE).astype(np.int64)
    if isinstance(measure, Scores) and row[f"several{i}"]:
        pairs = [text.split() for text in row[f"several{i}"]]
        positions = np.flatnonzero(sums == _SEVERAL)
        counts[positions] = [int(count) for _, count in pairs]
        sums = sums.astype(object)
        sums[positions] = [int(value) for value, _ in pairs]
    has = counts > 0
    sums[~has] = 0
    if isinstance(measure, Scores) and plan.zero_for_missing:
        counts = np.maximum(counts, 1)
    return Values(sums, counts, has)
