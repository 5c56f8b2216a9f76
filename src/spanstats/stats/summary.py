"""Totals over the traces of an experiment that lie in a window and match a filter, exact to the last digit."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ..store.session import Kind, Timeouts, Transaction, transaction
from ..store.tables import traces
from .measures import AGGREGATES, SCORE_AGGREGATES
from .rolled_up import rolled_up
from .sums import ScoreSums, Sums, Window


class Evaluator(msgspec.Struct, frozen=True):
    """What an evaluator is called; any of it may be unknown."""

    id: str | None = None
    slug: str | None = None
    name: str | None = None
    value_type: str = "numerical"


@dataclass(frozen=True, slots=True)
class Summary:
    """`sums` by the names of `AGGREGATES`; `scores` and what is known of their evaluators by evaluator key."""

    sums: Mapping[str, int | None]
    scores: Mapping[str, ScoreSums]
    evaluators: Mapping[str, Evaluator]

    def total(self, name: str) -> int:
        """The sum or count, 0 where nothing was summed."""
        return self.sums[name] or 0

    def mean(self, name: str) -> Fraction | None:
        """The mean over the traces that have the value, `None` where none has."""
        count = self.total(f"n_{name}")
        return Fraction(self.total(name), count) if count else None


async def summarize(
    engine: AsyncEngine,
    timeouts: Timeouts,
    tenant_id: int,
    experiment_key: int,
    window: Window,
    condition: ColumnElement[bool] | None = None,
) -> Summary:
    """The summary of the experiment's traces in the window for which the condition (over `traces`) holds.

    Raises `Unavailable` where the database is away or the statement takes too long.
    """
    async with transaction(engine, Kind.SNAPSHOT, timeouts) as tx:
        if condition is None:
            sums, scores = await rolled_up(tx.driver, experiment_key, window)
        else:
            sums, scores = await directly(tx, experiment_key, window, condition)
        return Summary(sums, scores, await evaluators_of(tx, tenant_id, list(scores)))


async def directly(tx: Transaction, experiment_key: int, window: Window, condition: ColumnElement[bool] | None) -> Sums:
    """The sums and scores from the traces themselves."""
    where = _where(experiment_key, window, condition)
    row = (await tx.connection.execute(sums_statement(where))).one()
    sums = {name: None if value is None else int(value) for name, value in row._mapping.items()}
    return sums, await _scores(tx, where)


def _where(experiment_key: int, window: Window, condition: ColumnElement[bool] | None) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [traces.c.experiment_key == experiment_key]
    if window.start_us is not None:
        where.append(traces.c.start_time >= window.start_us)
    if window.end_us is not None:
        where.append(traces.c.start_time < window.end_us)
    if condition is not None:
        where.append(condition)
    return where


def sums_statement(where: list[ColumnElement[bool]]) -> Select[Any]:
    """The aggregates of these traces, from the covering index where the conditions allow it."""
    columns: list[Any] = [literal_column(a.sql).label(a.name) for a in AGGREGATES]
    return select(*columns).select_from(traces).where(*where)


async def _scores(tx: Transaction, where: list[ColumnElement[bool]]) -> dict[str, ScoreSums]:
    found = (await tx.connection.execute(scores_statement(where))).all()
    return {r.name: _score_sums(r._mapping) for r in found}


def scores_statement(where: list[ColumnElement[bool]]) -> Select[Any]:
    """The aggregates of the scores of these traces, by evaluator key."""
    t = traces.c
    arrays = {"name": t.score_keys, "v": t.score_values, "kind": t.score_kinds}
    # In step, as in `each_score`.
    unnested = select(*(func.unnest(array).label(name) for name, array in arrays.items()))
    each = unnested.where(*where, t.score_keys.is_not(None)).subquery()
    flat = select(each.c.name, each.c.v, func.coalesce(each.c.kind, 0).label("k")).subquery()
    columns: list[Any] = [literal_column(a.sql).label(a.name) for a in SCORE_AGGREGATES]
    return select(flat.c.name, *columns).group_by(flat.c.name).order_by(flat.c.name)


def _score_sums(row: Mapping[Any, Any]) -> ScoreSums:
    return ScoreSums(**{a.name: int(row[a.name]) for a in SCORE_AGGREGATES if row[a.name] is not None})


_EVALUATORS = "SELECT key, id, slug, name, value_type FROM evaluators WHERE tenant_id = $1 AND key = ANY($2::text[])"


async def evaluators_of(tx: Transaction, tenant_id: int, keys: list[str]) -> dict[str, Evaluator]:
    """What the tenant's evaluators of these keys are called, by key."""
    rows = await tx.driver.fetch(_EVALUATORS, tenant_id, keys) if keys else []
    return {r["key"]: Evaluator(r["id"], r["slug"], r["name"], r["value_type"]) for r in rows}
