"""The log of what changes of a tenant while it is copied to another shard: triggers in the old shard write it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table

from ..domain.keys import TenantId
from ..store.session import Driver
from ..store.tables import (
    datasets,
    early_scores,
    evaluators,
    experiments,
    packed_payloads,
    packed_spans,
    patches,
    projects,
    score_blocks,
    scores,
    span_payloads,
    spans,
    test_cases,
    traces,
)

BY_TRACE = (spans, packed_spans, span_payloads, packed_payloads, scores, score_blocks, traces)
"""Tables whose rows are copied trace by trace."""

CATALOGS = (projects, evaluators, test_cases, datasets, experiments, early_scores)
"""Tables that are copied whole once, and then row by row as they change. Test cases are found by their datasets."""

LOGGED = (*BY_TRACE, patches, *CATALOGS)
"""Tables whose changes are logged: all that a tenant has in its shard, but for caches."""

LOGGED_AT_A_TIME = 5_000

_LOGGED = "SELECT id, relation, trace_id, span_id FROM move_log WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3"
_FORGET_LOGGED = "DELETE FROM move_log WHERE id = ANY ($1::bigint[])"
FORGET_LOG = "DELETE FROM move_log WHERE tenant_id = $1"
_LEFT = f"""
SELECT (SELECT count(*) FROM move_log WHERE tenant_id = $1) AS changes,
    (SELECT coalesce(sum(n_spans), 0)::bigint FROM traces WHERE tenant_id = $1 AND trace_id IN (
        SELECT l.trace_id FROM move_log l WHERE tenant_id = $1 AND relation IN ({", ".join(f"'{t}'" for t in BY_TRACE)})
    )) AS spans
"""


@dataclass(frozen=True, slots=True)
class Left:
    """What is logged and not copied: how many changes of rows, and how many spans the changed traces have."""

    changes: int
    spans: int


def start_logging(tenant_id: TenantId) -> list[str]:
    """Statements that have every change of the tenant's rows logged; they wait for all who write."""
    name = _trigger(tenant_id)
    return [
        f"CREATE OR REPLACE TRIGGER {name} AFTER INSERT OR UPDATE OR DELETE ON {table.name} "
        f"FOR EACH ROW EXECUTE FUNCTION {_function(table, tenant_id)}"
        for table in LOGGED
    ]


def stop_logging(tenant_id: TenantId) -> list[str]:
    """Statements that end this."""
    return [f"DROP TRIGGER IF EXISTS {_trigger(tenant_id)} ON {table.name}" for table in LOGGED]


def _trigger(tenant_id: TenantId) -> str:
    return f"log_move_{int(tenant_id)}"


def _function(table: Table, tenant_id: TenantId) -> str:
    if table in CATALOGS:
        return f"log_catalog_move('{int(tenant_id)}', '{key_of(table).name}')"
    return f"log_move('{int(tenant_id)}')"


async def read_logged(source: Driver, tenant_id: TenantId, after: int) -> list[Any]:
    """Some of what is logged behind this number, in its order: (id, relation, trace_id, span_id)."""
    rows: list[Any] = await source.fetch(_LOGGED, tenant_id, after, LOGGED_AT_A_TIME)
    return rows


async def forget_logged(source: Driver, numbers: list[int]) -> None:
    """These have been copied, and committed."""
    await source.execute(_FORGET_LOGGED, numbers)


async def left_to_copy(source: Driver, tenant_id: TenantId) -> Left:
    """How much is logged and not copied."""
    return Left(**await source.fetchrow(_LEFT, tenant_id))


def key_of(table: Table) -> Column[Any]:
    """What a row of a catalog is found by in its tenant."""
    *_, key = table.primary_key.columns
    return key
