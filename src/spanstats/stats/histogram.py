"""The distribution of one evaluator's scores over an experiment: exact bins of equal width."""

from collections.abc import Collection
from dataclasses import dataclass

from ..domain.keys import ExperimentKey
from ..store.session import Database, Kind

# In whole billionths: bin i of n holds what lies at or above low + i * (high - low) / n; the highest is in the last.
# Division of whole numerics that are not negative: exact.
_BINS = """
WITH v AS MATERIALIZED (
    SELECT s.v::numeric AS v FROM traces, unnest(score_keys, score_values, score_kinds) AS s(name, v, kind)
    WHERE experiment_key = $1 AND score_keys && $2::text[] AND s.name = ANY ($2::text[]) AND s.v IS NOT NULL
), bounds AS (
    SELECT min(v) AS low, max(v) AS high, sum(v) AS total, count(*) AS n FROM v
), binned AS (
    SELECT CASE WHEN high = low THEN 0 ELSE least(div((v - low) * $3::int, high - low), $3::int - 1) END AS bin
    FROM v, bounds
)
SELECT low, high, total, n, (
    SELECT array_agg(ARRAY[bin, k] ORDER BY bin) FROM (SELECT bin, count(*) AS k FROM binned GROUP BY bin) counted
) AS counts
FROM bounds
"""


@dataclass(frozen=True, slots=True)
class Histogram:
    """`low`, `high` and `total` in whole billionths; `counts` by bin, all of the same width."""

    low: int
    high: int
    total: int
    count: int
    counts: list[int]


async def histogram(
    database: Database, experiment_key: ExperimentKey, evaluator_keys: Collection[str], bins: int
) -> Histogram:
    """The numbers (booleans as 0 and 1) that these evaluators gave; one bin where all are equal, none where there is
    none. Raises `Unavailable`."""
    async with database.transaction(Kind.READ) as tx:
        row = await tx.driver.fetchrow(_BINS, experiment_key, sorted(evaluator_keys), bins)
    if not row["n"]:
        return Histogram(0, 0, 0, 0, [])
    counts = [0] * (bins if row["high"] > row["low"] else 1)
    for bin_, count in row["counts"]:
        counts[int(bin_)] = int(count)
    return Histogram(int(row["low"]), int(row["high"]), int(row["total"]), row["n"], counts)
