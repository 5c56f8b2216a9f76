"""Totals over the traces of an experiment that lie in a window and match a filter, exact to the last digit."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, func, literal_column, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from ..store.session import Kind, Timeouts, Transaction, transaction
from ..store.tables import traces
from .measures import AGGREGATES, MEASURES, SCORE_AGGREGATES
from .rolled_up import read_sums, rolled_up
from .rollups import SCORES_KEPT
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
            scored = await tx.driver.fetchval(_ANY_EVALUATOR, tenant_id)
            sums, scores = await directly(tx, experiment_key, window, condition, scored=scored)
        return Summary(sums, scores, await evaluators_of(tx, tenant_id, list(scores)))


async def directly(
    tx: Transaction,
    experiment_key: int,
    window: Window,
    condition: ColumnElement[bool] | None,
    *,
    scored: bool = True,
) -> Sums:
    """The sums from the traces themselves, and their scores unless it is known that there are none."""
    where = _where(experiment_key, window, condition)
    statement = scored_statement(where) if scored else sums_statement(where)
    return read_sums((await tx.connection.execute(statement)).one()._mapping)


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


def scored_statement(where: list[ColumnElement[bool]]) -> Select[Any]:
    """The aggregates of these traces and of their scores, in one scan: the covering index has no scores."""
    t = traces.c
    read = {c: t[c] for c in ("status", *(m.column for m in MEASURES), "score_keys", "score_values", "score_kinds")}
    matching = select(*read.values()).where(*where).cte("matching")
    sums = select(*(literal_column(a.sql).label(a.name) for a in AGGREGATES)).select_from(matching).subquery("sums")
    m = matching.c
    # In step, as in `each_score`.
    arrays = {"name": m.score_keys, "v": m.score_values, "kind": m.score_kinds}
    each = select(*(func.unnest(array).label(name) for name, array in arrays.items())).subquery("each_score")
    flat = select(each.c.name, each.c.v, func.coalesce(each.c.kind, 0).label("k")).subquery("flat")
    by_score: list[Any] = [literal_column(a.sql).label(a.name) for a in SCORE_AGGREGATES]
    by_name = select(flat.c.name, *by_score).group_by(flat.c.name).subquery("by_name")
    kept = select(literal_column(SCORES_KEPT)).select_from(by_name).scalar_subquery()
    return select(sums, type_coerce(kept, JSONB).label("scores"))


_ANY_EVALUATOR = "SELECT EXISTS (SELECT FROM evaluators WHERE tenant_id = $1)"
_EVALUATORS = "SELECT key, id, slug, name, value_type FROM evaluators WHERE tenant_id = $1 AND key = ANY($2::text[])"


async def evaluators_of(tx: Transaction, tenant_id: int, keys: list[str]) -> dict[str, Evaluator]:
    """What the tenant's evaluators of these keys are called, by key."""
    rows = await tx.driver.fetch(_EVALUATORS, tenant_id, keys) if keys else []
    return {r["key"]: Evaluator(r["id"], r["slug"], r["name"], r["value_type"]) for r in rows}
