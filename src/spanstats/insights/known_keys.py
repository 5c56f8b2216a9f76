"""Which keys the metadata and labels of an experiment's traces have, to choose from."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..columnar.format import OBJECTS
from ..domain.keys import TenantId
from ..store.session import Database
from .snapshot import Experiment, snapshot

MOST_KEYS = 500
NEWEST_TRACES = 1_000
"""Traces that are looked at themselves: columns may not hold them yet."""

# Columns are named `metadata.<key>` and `labels.<key>`; of a chunk that is read by its primary key, names alone.
_KEYS = """
SELECT DISTINCT name COLLATE "C" AS name FROM (
    SELECT d.name FROM column_chunks c JOIN column_data d ON d.chunk_id = c.id
    WHERE c.experiment_key = $1 AND split_part(d.name, '.', 1) = ANY($2::text[]) AND strpos(d.name, '.') > 0
    UNION ALL
    SELECT o.kind || '.' || k.key
    FROM (
        SELECT metadata, labels FROM traces WHERE experiment_key = $1 ORDER BY start_time DESC LIMIT $3
    ) newest
    CROSS JOIN LATERAL (VALUES ('metadata', metadata), ('labels', labels)) AS o(kind, members)
    CROSS JOIN LATERAL jsonb_object_keys(
        CASE WHEN jsonb_typeof(members) = 'object' THEN members ELSE '{}' END
    ) AS k(key)
) known
ORDER BY 1 LIMIT $4
"""


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """Keys by the object that has them, in the order of their bytes; `is_cut` where there are more."""

    experiment: Experiment
    as_of: int
    metadata: Sequence[str]
    labels: Sequence[str]
    is_cut: bool


async def find_known_keys(database: Database, tenant_id: TenantId, experiment_id: str) -> KnownKeys:
    """Keys of traces that are held as columns, and of the newest ones. Raises `NotFound`, `Unavailable`."""
    async with snapshot(database, tenant_id) as state:
        experiment = await state.experiment(experiment_id)
        await state.tx.plan_for_values()
        rows = await state.tx.driver.fetch(_KEYS, experiment.key, list(OBJECTS), NEWEST_TRACES, MOST_KEYS + 1)
    names = [row["name"].partition(".") for row in rows[:MOST_KEYS]]
    metadata, labels = (
        [key for of_object, _, key in names if of_object == object_name] for object_name in ("metadata", "labels")
    )
    return KnownKeys(experiment, state.as_of, metadata, labels, len(rows) > MOST_KEYS)
