"""Traces of an arm added up by item, each measure as columns of its own.

Columns of measure i: `s{i}` the sum over the item's traces that have it, `c{i}` how many values these are. Where each
item has at most one trace (`Shape.SINGLE`) the value is its own sum, which spares the work of adding it up; whether
that was so is seen from the counts, which are right in either shape.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import CTE, BigInteger, ColumnElement, Integer, Select, Text, func, literal, literal_column, select

from ..filters.fields import json_member, known
from ..stats.matching import Parts, rows_of
from ..store.tables import traces
from .measures import MEASURED_COLUMNS, OTHER_COLUMNS, Measure, Scores
from .pairing import PairBy, text_of


class Shape(Enum):
    """Whether items are taken to have one trace each."""

    SINGLE = "single"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is added up. `zero_for_missing`: a trace without a score counts as 0."""

    measures: Sequence[Measure]
    pair_by: PairBy
    cluster_by: str | None = None
    zero_for_missing: bool = False


def items_of(name: str, parts: Parts, plan: Plan, shape: Shape) -> CTE:
    """The items of an arm by `key`; traces without a key are the row whose key is null.

    `n` traces, `sent` of them with a comparison key, `without_root`, `least_target`, `most_target`, `cluster`.
    """
    # OFFSET keeps the place of a score from being looked up again for each use.
    raw = rows_of(parts, *_columns(plan)).offset(literal_column("0")).subquery(f"{name}_traces")
    found: Select[Any] = select(literal_column(_aggregates(plan, shape))).select_from(raw)
    return found.group_by(literal_column("key")).cte(f"{name}_items")


def _columns(plan: Plan) -> list[ColumnElement[Any]]:
    sent = func.coalesce(json_member(traces.c.labels, known("comparison_key")), known("")) != known("")
    columns: list[ColumnElement[Any]] = [
        plan.pair_by.key().label("key"),
        sent.cast(Integer).label("sent"),
        traces.c.has_root,
        traces.c.target_key,
        *(traces.c[name] for name in (*MEASURED_COLUMNS, *OTHER_COLUMNS)),
    ]
    if plan.cluster_by is not None:
        columns.append(text_of(plan.cluster_by).label("cluster"))
    scores = [(i, m) for i, m in enumerate(plan.measures) if isinstance(m, Scores)]
    if scores:
        columns += [traces.c.score_keys, traces.c.score_values]
    return columns + [
        func.array_position(traces.c.score_keys, literal(m.key, Text()), type_=BigInteger()).label(f"p{i}")
        for i, m in scores
    ]


def _aggregates(plan: Plan, shape: Shape) -> str:
    found = ["key", "count(*) AS n", "sum(sent) AS sent", "count(*) FILTER (WHERE NOT has_root) AS without_root"]
    found += ["min(target_key) AS least_target", "max(target_key) AS most_target"]
    if plan.cluster_by is not None:
        found.append("min(cluster) AS cluster")
    for i, measure in enumerate(plan.measures):
        if isinstance(measure, Scores):
            found += _score(i, shape, zero=plan.zero_for_missing)
        elif shape is Shape.SINGLE:
            found += [f"min({measure.sql}) AS s{i}", f"count({measure.sql}) AS c{i}"]
        else:
            found += [f"sum({measure.sql})::numeric AS s{i}", f"count({measure.sql}) AS c{i}"]
    return ", ".join(found)


def _score(i: int, shape: Shape, *, zero: bool) -> list[str]:
    """Of the evaluator whose first score stands at `p{i}`; more of them in one trace are rare."""
    first = f"score_values[p{i}]"
    others = f"array_position(score_keys, score_keys[p{i}], (p{i} + 1)::int) IS NOT NULL"
    all_of = f"FROM unnest(score_keys, score_values) AS u(k, v) WHERE k = score_keys[p{i}]"
    count = f"CASE WHEN {others} THEN (SELECT count(v) {all_of}) WHEN {first} IS NULL THEN 0 ELSE 1 END"
    with_value = f"count(*) FILTER (WHERE {count} > 0) AS t{i}"
    if shape is Shape.SINGLE:
        value = first
        summed = f"min({{}}) AS s{i}"
    else:
        value = f"CASE WHEN {others} THEN (SELECT sum(v) {all_of}) ELSE {first} END::numeric"
        summed = f"sum({{}}) AS s{i}"
    if zero:
        value, count = f"coalesce({value}, 0)", f"greatest({count}, 1)"
    return [summed.format(value), f"sum({count})::bigint AS c{i}", with_value]
