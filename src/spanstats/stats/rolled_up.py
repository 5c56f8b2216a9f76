"""Reading the rollups: one statement for every window, whichever minutes are invalid."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..domain.keys import ExperimentKey, TenantId
from ..store.session import Database, Driver
from .evaluators import Evaluator, evaluators, evaluators_sql
from .measures import ANSWERED, COST_PARTIAL, IS_COST_PARTIAL, Aggregate
from .ranges import bounds, ranges
from .rollups import (
    SCORES_JOINED,
    SCORES_KEPT,
    SCORES_READ,
    score_sums,
    trace_sums,
)
from .score_measures import ROLLED_UP_SCORES, each_score
from .sums import ScoreSums, Sums, Window


def sums_statement(experiment: str, ctes: str = "", more: str = "", aggregates: Sequence[Aggregate] = ANSWERED) -> str:
    """The aggregates over both kinds of ranges. `ctes` are CTEs that go before, `more` goes into the select list."""
    names = ", ".join(a.name for a in aggregates)
    joined = ", ".join(f"{a.joined} AS {a.name}" for a in aggregates)
    in_range = f"experiment_key = {experiment} AND start_time >= l.lo AND start_time < l.hi"
    return f"""
WITH {ctes} {ranges(experiment)}, rolled AS MATERIALIZED (
    SELECT r.* FROM of_rollups c CROSS JOIN LATERAL (
        SELECT {names}, scores FROM rollups
        WHERE experiment_key = {experiment} AND level = c.level AND bucket >= c.lo AND bucket < c.hi OFFSET 0
    ) r
), sums AS (
    SELECT {joined} FROM (
        SELECT {names} FROM rolled
        UNION ALL
        SELECT r.* FROM of_traces l CROSS JOIN LATERAL ({trace_sums(in_range, aggregates)} OFFSET 0) r
    ) parts
), by_name AS (
    SELECT name, {SCORES_JOINED} FROM (
        SELECT j.name, {SCORES_READ} FROM rolled, jsonb_each(scores) AS j(name, v)
        UNION ALL
        SELECT r.* FROM of_traces l CROSS JOIN LATERAL ({score_sums(in_range)} OFFSET 0) r
    ) parts GROUP BY name
)
SELECT sums.*, (SELECT {SCORES_KEPT} FROM by_name) AS scores {more} FROM sums
"""


def cost_partial(experiment: str) -> str:
    """For the select list: how many traces have a cost that leaves out a span without a price."""
    return f""", (
    SELECT count(*) FROM traces
    WHERE experiment_key = {experiment} AND start_time >= $2 AND start_time < $4 AND {IS_COST_PARTIAL}
) AS {COST_PARTIAL}"""


STATEMENT = sums_statement("$5::bigint")
# $5 the tenant, $6 the experiment's id.
NAMED_STATEMENT = sums_statement(
    "(SELECT key FROM named)",
    """
named AS MATERIALIZED (
    SELECT key FROM experiments WHERE tenant_id = $5 AND id = $6 AND deleted_at IS NULL
),""",
    cost_partial("(SELECT key FROM named)")
    + ", (SELECT key FROM named) AS experiment_key"
    + f", ({evaluators_sql('$5', 'IN (SELECT name FROM by_name)')}) AS evaluators",
)


_TRACES_SCORED = f"""
SELECT name, count(*) FILTER (WHERE is_first) AS n
FROM ({each_score("experiment_key = $1 AND start_time >= $2 AND start_time < $3")}) flat GROUP BY name
"""


async def rolled_up(driver: Driver, experiment_key: ExperimentKey, window: Window) -> Sums:
    """The sums and scores of the experiment's traces in the window."""
    return read_sums(await driver.fetchrow(STATEMENT, *bounds(window), experiment_key))


async def count_scored_traces(driver: Driver, experiment_key: ExperimentKey, window: Window) -> dict[str, int]:
    """How many traces have a number of each evaluator, from the traces themselves."""
    _, start, _, end = bounds(window)
    return {row["name"]: row["n"] for row in await driver.fetch(_TRACES_SCORED, experiment_key, start, end)}


async def rolled_up_by_name(
    database: Database, tenant_id: TenantId, experiment_id: str, window: Window
) -> tuple[Sums, dict[str, Evaluator]] | None:
    """The same of the tenant's experiment of this id, with what its evaluators are called; `None` if there is none.

    One round trip. Raises `Unavailable`.
    """
    values = dict(await database.row(NAMED_STATEMENT, *bounds(window), tenant_id, experiment_id))
    evaluators_by_key = evaluators(values.pop("evaluators"))
    return None if values.pop("experiment_key") is None else (read_sums(values), evaluators_by_key)


def read_sums(row: Mapping[str, Any]) -> Sums:
    """A row of aggregates with, under `scores`, those of the scores as kept in rollups."""
    values = dict(row)
    scores = {name: _score(score) for name, score in sorted((values.pop("scores", None) or {}).items())}
    return {name: None if value is None else int(value) for name, value in values.items()}, scores


def have_trace_counts(scores: Mapping[str, ScoreSums]) -> bool:
    """Whether all have the number of their traces: rollups that an earlier version of the program wrote lack it."""
    return all(sums.n_traces is not None for sums in scores.values())


def _score(values: list[int | None]) -> ScoreSums:
    """Lists that lack the newest aggregates are shorter."""
    aggregates = zip(ROLLED_UP_SCORES, values, strict=False)
    return ScoreSums(**{a.name: value for a, value in aggregates if value is not None})
