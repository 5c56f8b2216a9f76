"""Totals over the traces of an experiment that start in a window and match a filter, exact to the last digit."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Boolean, Select, func, literal_column, select

from ..columnar.arms import Arm
from ..columnar.plan import N_STORED, plan_of
from ..columnar.reader import Columns, time_limit
from ..domain.keys import ExperimentKey, TenantId
from ..domain.values import is_clean
from ..errors import NotFound
from ..filters.disjuncts import Filter
from ..store.session import Database, Kind, Transaction
from ..store.tables import traces
from ..tracing import REQUEST
from .evaluators import Evaluator, evaluators_of
from .from_columns import RunningSums
from .matching import ALL, Disjuncts, rows_of, within
from .measures import ANSWERED, COST_PARTIAL, IS_COST_PARTIAL, MEASURES
from .rolled_up import count_scored_traces, have_trace_counts, read_sums, rolled_up, rolled_up_by_name
from .scored import N_SCORES, each_scored_statement, scored_statement
from .sums import ScoreSums, Sums, Window


@dataclass(frozen=True, slots=True)
class Summary:
    """`sums` by the names of `ANSWERED`; `scores` and what is known of their evaluators by evaluator key."""

    sums: Mapping[str, int | None]
    scores: Mapping[str, ScoreSums]
    evaluators: Mapping[str, Evaluator]

    def total(self, name: str) -> int:
        """The sum or count, 0 where nothing was summed."""
        return self.sums[name] or 0


@dataclass(frozen=True, slots=True)
class Estimates:
    """What an experiment's traces are like, as far as it is known before they are read."""

    n_scores: int = 1
    """How many scores most of them have at most; 0 where none has any."""
    has_partial_costs: bool = True
    """Whether some costs may be partial."""
    n_stored: int | None = None
    """How many of them are in columns."""


_NO_ESTIMATES = Estimates()


async def summarize(
    columns: Columns,
    database: Database,
    tenant_id: TenantId,
    experiment_id: str,
    window: Window,
    matching: Filter | None = None,
) -> Summary:
    """The summary of the experiment's traces that start in the window and match the filter, if there is one.

    Raises `NotFound` where the tenant has no such experiment, `Unavailable` where the database is away or the statement
    takes too long.
    """
    if matching is None and is_clean(experiment_id):
        summary = await _from_rollups(database, tenant_id, experiment_id, window)
        if have_trace_counts(summary.scores):
            return summary
    async with database.transaction(Kind.SNAPSHOT) as tx:
        return await summarize_in(tx, columns, tenant_id, experiment_id, window, matching)


async def summarize_in(
    tx: Transaction,
    columns: Columns,
    tenant_id: TenantId,
    experiment_id: str,
    window: Window,
    matching: Filter | None = None,
) -> Summary:
    """The same in the snapshot of a transaction (`Kind.SNAPSHOT`)."""
    row = await tx.driver.fetchrow(_FIND, tenant_id, experiment_id) if is_clean(experiment_id) else None
    if row is None:
        raise NotFound(_NOT_FOUND)
    key = row["key"]
    with REQUEST.get().statement("summary of traces"):
        if matching is None:
            sums, scores = await _whole(tx, key, window)
        else:
            estimates = Estimates(row["n_scores"], row["has_partial_costs"], row["n_stored"])
            sums, scores = await filtered(columns, tx, Arm(key, window, matching), estimates)
    return Summary(sums, scores, await evaluators_of(tx, tenant_id, list(scores)))


async def _whole(tx: Transaction, key: ExperimentKey, window: Window) -> Sums:
    """Without a filter, from rollups; what these do not know yet is counted in the traces."""
    sums, scores = await rolled_up(tx.driver, key, window)
    if not have_trace_counts(scores):
        counts = await count_scored_traces(tx.driver, key, window)
        for name, score in scores.items():
            score.n_traces = counts.get(name, 0)
    sums[COST_PARTIAL] = await _cost_partial(tx, within(key, window, ALL))
    return sums, scores


async def _cost_partial(tx: Transaction, disjuncts: Disjuncts) -> int:
    """How many of the traces have a cost that leaves out a span without a price: they are found by an index."""
    partial = literal_column(f"({IS_COST_PARTIAL})", Boolean)
    rows = rows_of([disjunct & partial for disjunct in disjuncts], traces.c.trace_id).subquery("partial_costs")
    return int(await tx.connection.scalar(select(func.count()).select_from(rows)) or 0)


async def _from_rollups(database: Database, tenant_id: TenantId, experiment_id: str, window: Window) -> Summary:
    with REQUEST.get().statement("summary of rollups"):
        answer = await rolled_up_by_name(database, tenant_id, experiment_id, window)
    if answer is None:
        raise NotFound(_NOT_FOUND)
    (sums, scores), evaluators = answer
    return Summary(sums, scores, evaluators)


async def filtered(columns: Columns, tx: Transaction, arm: Arm, estimates: Estimates = _NO_ESTIMATES) -> Sums:
    """The sums of the traces of the arm, how many of their costs are partial, and the sums of their scores unless there
    are none: from columns where that is faster."""
    plan = await plan_of(tx, arm, estimates.n_stored)
    if plan is None:
        disjuncts = ALL if arm.matching is None else arm.matching.disjuncts
        return await directly(tx, arm.experiment_key, arm.window, disjuncts, estimates)
    sums = RunningSums(scores=estimates.n_scores > 0)
    async for selection in columns.batches(tx, arm, sums.needs, plan, time_limit(tx.timeouts)):
        await columns.run(partial(sums.add, selection))
    return sums.result()


async def directly(
    tx: Transaction,
    experiment_key: ExperimentKey,
    window: Window,
    disjuncts: Disjuncts = ALL,
    estimates: Estimates = _NO_ESTIMATES,
) -> Sums:
    """The same from the traces themselves. A trace with more scores than estimated costs a second statement."""
    disjuncts, n_scores = within(experiment_key, window, disjuncts), estimates.n_scores
    if n_scores:
        row = dict((await tx.connection.execute(scored_statement(disjuncts, n_scores))).one()._mapping)
        if row.pop("longest") > n_scores:
            row["scores"] = await tx.connection.scalar(each_scored_statement(disjuncts))
    else:
        row = dict((await tx.connection.execute(sums_statement(disjuncts))).one()._mapping)
    sums, scores = read_sums(row)
    return sums | {COST_PARTIAL: await _cost_partial(tx, disjuncts) if estimates.has_partial_costs else 0}, scores


def sums_statement(disjuncts: Disjuncts) -> Select[Any]:
    """The aggregates of these traces, from the covering index where the conditions allow it."""
    columns: list[Any] = [literal_column(a.sql).label(a.name) for a in ANSWERED]
    summed = (traces.c[name] for name in ("status", *(m.column for m in MEASURES)))
    return select(*columns).select_from(rows_of(disjuncts, *summed).subquery("matching"))


_NOT_FOUND = "Experiment not found"
_FIND = f"""
SELECT e.key, {N_SCORES} AS n_scores, {N_STORED} AS n_stored,
EXISTS (SELECT 1 FROM traces WHERE experiment_key = e.key AND {IS_COST_PARTIAL}) AS has_partial_costs
FROM experiments e WHERE e.tenant_id = $1 AND e.id = $2 AND e.deleted_at IS NULL
"""
