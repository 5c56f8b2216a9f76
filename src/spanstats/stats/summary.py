"""Totals over the traces of an experiment that lie in a window and match a filter, exact to the last digit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import msgspec
from sqlalchemy import Select, literal_column, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ..domain.values import is_clean
from ..errors import NotFound
from ..filters.parts import Filter
from ..store.session import Kind, Timeouts, Transaction, transaction
from ..store.tables import traces
from ..tracing import REQUEST
from .dictionaries import ANY_NAME
from .matching import ALL, Parts, rows_of, within
from .measures import ANSWERED, MEASURES
from .rolled_up import bounds, read_sums, rolled_up_by_name
from .rollups import MINUTE
from .scored import MOST_PLACES, each_scored_statement, scored_statement
from .sliced import NOT_LISTED, NOT_SLICED, sliced_statement
from .sums import ScoreSums, Sums, Window


class Evaluator(msgspec.Struct, frozen=True):
    """What an evaluator is called; any of it may be unknown."""

    id: str | None = None
    slug: str | None = None
    name: str | None = None
    value_type: str = "numerical"


@dataclass(frozen=True, slots=True)
class Summary:
    """`sums` by the names of `ANSWERED`; `scores` and what is known of their evaluators by evaluator key."""

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
    experiment_id: str,
    window: Window,
    matching: Filter | None = None,
) -> Summary:
    """The summary of the experiment's traces in the window, of those that match if there is a filter.

    Raises `NotFound` where the tenant has no such experiment, `Unavailable` where the database is away or the statement
    takes too long.
    """
    if not is_clean(experiment_id):
        raise NotFound(_ABSENT)
    if matching is None:
        return await _from_rollups(engine, tenant_id, experiment_id, window)
    async with transaction(engine, Kind.SNAPSHOT, timeouts) as tx:
        first, _, last, _ = bounds(window)
        names = matching.names if matching.mask is not None else ()
        found = await tx.driver.fetchrow(_FIND, tenant_id, experiment_id, names, first, last)
        if found is None:
            raise NotFound(_ABSENT)
        with REQUEST.get().statement("summary of traces"):
            matching = await in_faster_form(tx, matching, found["n"], found["marks"], found["listed"])
            sums, scores = await filtered(tx, found["key"], window, matching, places=found["places"])
        return Summary(sums, scores, await evaluators_of(tx, tenant_id, list(scores)))


async def in_faster_form(tx: Transaction, matching: Filter, n: int, marks: int, listed: int) -> Filter:
    """Without its mask, where to read traces takes less than the slices of `n`.

    `marks` is of how many minutes, `listed` how many values of dictionaries the mask looks at.
    """
    directly = replace(matching, mask=None)
    if matching.mask is None or n < FEW_TRACES or marks > MANY_MARKS or listed * _TRACES_READ_WHILE_ONE_IS_MASKED > n:
        return directly
    for hint in matching.hints:
        if await tx.expected_rows(select(traces.c.trace_id).where(hint)) * _SLICED_WHILE_ONE_IS_READ < n:
            return directly
    return matching


async def _from_rollups(engine: AsyncEngine, tenant_id: int, experiment_id: str, window: Window) -> Summary:
    with REQUEST.get().statement("summary of rollups"):
        found = await rolled_up_by_name(engine, tenant_id, experiment_id, window)
    if found is None:
        raise NotFound(_ABSENT)
    (sums, scores), evaluators = found
    return Summary(sums, scores, {key: Evaluator(**known) for key, known in evaluators.items()})


async def filtered(tx: Transaction, experiment_key: int, window: Window, matching: Filter, *, places: int = 1) -> Sums:
    """The sums of the traces that match, and of their scores unless `places` is 0: from slices if the filter can be."""
    if matching.mask is None:
        return await directly(tx, experiment_key, window, matching.parts, places=places)
    found = dict(await tx.only_row(sliced_statement(experiment_key, window, matching, places)))
    if found.pop("longest", 0) > places:
        found = dict(await tx.only_row(sliced_statement(experiment_key, window, matching, places, each=True)))
        del found["longest"]
    return read_sums(found)


async def directly(
    tx: Transaction, experiment_key: int, window: Window, parts: Parts = ALL, *, places: int = 1
) -> Sums:
    """The sums from the traces themselves, and those of their scores unless `places` is 0.

    `places` is how many scores most of the traces have at most: more cost more time.
    """
    parts = within(experiment_key, window, parts)
    if not places:
        return read_sums((await tx.connection.execute(sums_statement(parts))).one()._mapping)
    found = dict((await tx.connection.execute(scored_statement(parts, places))).one()._mapping)
    if found.pop("longest") > places:
        found["scores"] = await tx.connection.scalar(each_scored_statement(parts))
    return read_sums(found)


def sums_statement(parts: Parts) -> Select[Any]:
    """The aggregates of these traces, from the covering index where the conditions allow it."""
    columns: list[Any] = [literal_column(a.sql).label(a.name) for a in ANSWERED]
    summed = (traces.c[name] for name in ("status", *(m.column for m in MEASURES)))
    return select(*columns).select_from(rows_of(parts, *summed).subquery("matching"))


FEW_TRACES = 20_000
"""So many are read from the traces in less time than it takes to prepare a statement over slices."""

MANY_MARKS = 5_000
"""With so many, most is read from the traces anyway, and each stretch would be compared with each mark."""

# A value that a dictionary lists takes up to one and a half microseconds, a trace for which all is read half a one.
_TRACES_READ_WHILE_ONE_IS_MASKED = 3

# One that an index leads to, wherever it stands, takes ten microseconds; one of those in a slice 50 nanoseconds.
_SLICED_WHILE_ONE_IS_READ = 200

_IN_WINDOW = "experiment_key = e.key AND start_time < $5::timestamptz AND end_time > $4::timestamptz"
_MARKS = f"""
(SELECT count(*) FROM (
    SELECT FROM {{}} WHERE experiment_key = e.key AND minute >= $4 AND minute < $5 LIMIT {MANY_MARKS + 1}
) marked)
"""
_MINUTES = f"""
(SELECT coalesce(sum(extract(epoch FROM end_time - start_time)::bigint / {MINUTE.length_us // 1_000_000}), 0)
FROM (SELECT DISTINCT start_time, end_time FROM slices WHERE {_IN_WINDOW} AND {{}}) stretches)
"""
_UNLISTED = NOT_LISTED.format(names=f"($3 || '{ANY_NAME}'::text)")
# A stretch is no longer than a day.
_LISTED = """
(SELECT coalesce(sum(d.n), 0) FROM unnest($3::text[]) AS asked(name) JOIN slice_dictionaries d USING (name)
WHERE d.experiment_key = e.key AND d.start_time < $5::timestamptz AND d.start_time > $4::timestamptz - interval '1 day')
"""
_ABSENT = "Experiment not found"
# Of the experiment in the window: traces in slices, minutes that are read from the traces, values that are looked at.
_FIND = f"""
SELECT e.key, CASE WHEN EXISTS (SELECT FROM evaluators WHERE tenant_id = $1) THEN (
    SELECT least(greatest(max(cardinality(score_keys)), 1), {MOST_PLACES})
    FROM (SELECT score_keys FROM traces WHERE experiment_key = e.key LIMIT 100) first_ones
) ELSE 0 END AS places,
    (SELECT coalesce(sum(slices.n), 0) FROM slices WHERE {_IN_WINDOW}) AS n,
    {_MARKS.format("rollup_marks")} + {_MARKS.format("slice_marks")}
        + CASE WHEN $3 = '{{}}'::text[] THEN {_MINUTES.format(NOT_SLICED)} ELSE {_MINUTES.format(_UNLISTED)} END
        AS marks,
    CASE WHEN $3 = '{{}}'::text[] THEN 0 ELSE {_LISTED} END AS listed
FROM experiments e WHERE e.tenant_id = $1 AND e.id = $2 AND e.deleted_at IS NULL
"""
_EVALUATORS = "SELECT key, id, slug, name, value_type FROM evaluators WHERE tenant_id = $1 AND key = ANY($2::text[])"


async def evaluators_of(tx: Transaction, tenant_id: int, keys: list[str]) -> dict[str, Evaluator]:
    """What the tenant's evaluators of these keys are called, by key."""
    rows = await tx.driver.fetch(_EVALUATORS, tenant_id, keys) if keys else []
    return {r["key"]: Evaluator(r["id"], r["slug"], r["name"], r["value_type"]) for r in rows}
