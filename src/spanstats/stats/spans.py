"""Totals over single spans, as exact as those over traces."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Join,
    Numeric,
    SmallInteger,
    Text,
    and_,
    case,
    cast,
    func,
    select,
    union_all,
)
from sqlalchemy.sql.expression import literal_column

from ..domain.keys import TenantId
from ..domain.span import ScoreKind, Uncounted
from ..domain.values import MAX_SCORE, NANO
from ..filters import scores_sql
from ..filters.sources import SpanRows, spans_matching
from ..filters.span_fields import SPAN_VALUES
from ..store.session import Database, Kind, Transaction
from ..store.tables import every_span, scores
from .evaluators import Evaluator, evaluators_of
from .measures import ANSWERED, How
from .score_measures import ROLLED_UP_SCORES
from .summary import Summary
from .sums import ScoreSums

_s = every_span.c


def _counted(name: str, uncounted: int) -> ColumnElement[Any]:
    """The column where it enters the sums of its trace: all spans of a trace add up to it."""
    return case((_s.uncounted.op("&")(literal_column(str(uncounted))) == literal_column("0"), _s[name]))


_MEASURED: dict[str, ColumnElement[Any]] = {
    "cost_pd": _counted("cost_pd", Uncounted.COST),
    **{name: _counted(name, Uncounted.TOKENS) for name in ("prompt_tokens", "completion_tokens", "total_tokens")},
    "latency_us": _s.latency_us,
    "tps": SPAN_VALUES["tokens_per_second"].value.column,
    "ttft_us": _s.ttft_us,
}
"""The value of a span for each of `MEASURES`."""

_AGGREGATED: dict[How, Callable[[ColumnElement[Any]], ColumnElement[Any]]] = {
    How.SUM: func.sum,
    How.COUNT: func.count,
    How.MIN: func.min,
    How.MAX: func.max,
}


async def summarize_spans(database: Database, tenant_id: TenantId, where: list[ColumnElement[bool]]) -> Summary:
    """The summary of the tenant's spans for which the conditions (over `spans` and `span_payloads`) hold.

    Raises `Unavailable`.
    """
    matching = spans_matching(tenant_id, where)
    columns: list[ColumnElement[Any]] = [
        func.count().label("n"),
        func.count().filter(_s.status == "error").label("n_errors"),
    ]
    for aggregate in ANSWERED:
        if aggregate.measure is not None and aggregate.how is not None:
            value = _AGGREGATED[aggregate.how](_MEASURED[aggregate.measure])
            columns.append(value.label(aggregate.name))
    async with database.transaction(Kind.SNAPSHOT) as tx:
        statements = [select(*columns).select_from(rows.source).where(*rows.where) for rows in matching.parts]
        each = [(await tx.connection.execute(statement)).one()._mapping for statement in statements]
        by_key = await _scores(tx, matching.keys)
        evaluators: dict[str, Evaluator] = await evaluators_of(tx, tenant_id, list(by_key))
    return Summary({name: _sum([sums[name] for sums in each]) for name in each[0]}, by_key, evaluators)


def _sum(values: Sequence[Any]) -> int | None:
    numbers = [int(value) for value in values if value is not None]
    return sum(numbers) if numbers else None


async def _scores(tx: Transaction, parts: Sequence[SpanRows]) -> dict[str, ScoreSums]:
    """By evaluator key."""
    c = scores.c
    # As text a double is what was sent, and so are its billionths.
    exact = func.round(cast(cast(c.value, Text), Numeric) * literal_column(str(NANO)))
    in_range = func.abs(c.value) <= literal_column(str(MAX_SCORE))
    value = case((in_range, cast(exact, BigInteger)))
    kind = case(
        (c.value.is_(None), ScoreKind.TEXT), (c.value_type == "boolean", ScoreKind.BOOLEAN), else_=ScoreKind.NUMBER
    )
    of_span = c.tenant_id, c.trace_id, c.span_id, c.evaluator_key, value.is_(None)
    is_first = and_(value.is_not(None), func.row_number().over(partition_by=of_span) == literal_column("1"))
    names = c.evaluator_key.label("name")
    of_source = select(names, value.label("v"), cast(kind, SmallInteger).label("k"), is_first.label("is_first"))
    flat = union_all(
        *(of_source.select_from(_with_scores(p)).where(*p.where, scores_sql.COUNTS) for p in parts)
    ).subquery()
    columns: list[Any] = [literal_column(a.sql).label(a.name) for a in ROLLED_UP_SCORES]
    statement = select(flat.c.name, *columns).group_by(flat.c.name).order_by(flat.c.name)
    rows = (await tx.connection.execute(statement)).all()
    return {
        row.name: ScoreSums(**{a.name: int(v) for a in ROLLED_UP_SCORES if (v := row._mapping[a.name]) is not None})
        for row in rows
    }


def _with_scores(rows: SpanRows) -> Join:
    c, s = scores.c, rows.keys.c
    return rows.source.join(scores, and_(c.tenant_id == s.tenant_id, c.trace_id == s.trace_id, c.span_id == s.span_id))
