"""What the caches of experiments still lack, as after an upgrade: answers are exact meanwhile, and take long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..domain.keys import ExperimentKey
from ..store.session import Driver

MANY_MINUTES = 1_000
"""Fewer are refreshed within a second or two, and are read from the traces in less."""

_WAITING = """
SELECT key, (SELECT count(DISTINCT minute) FROM rollup_marks WHERE experiment_key = key) AS sums,
    (SELECT count(DISTINCT minute) FROM column_invalidations WHERE experiment_key = key) AS columns
FROM unnest($1::bigint[]) AS e(key)
"""


@dataclass(frozen=True, slots=True)
class Preparing:
    """Minutes in which traces start whose sums, and whose columns, are to be computed again."""

    sums: int
    columns: int

    @property
    def lacks_sums(self) -> bool:
        """Whether figures would be added up from more traces than can be read in time."""
        return self.sums > MANY_MINUTES


async def find_preparing(driver: Driver, experiments: Sequence[ExperimentKey]) -> Mapping[ExperimentKey, Preparing]:
    """The experiments of which many minutes wait, by key."""
    rows = await driver.fetch(_WAITING, list(experiments))
    waiting = {row["key"]: Preparing(row["sums"], row["columns"]) for row in rows}
    return {
        key: preparing for key, preparing in waiting.items() if max(preparing.sums, preparing.columns) > MANY_MINUTES
    }
