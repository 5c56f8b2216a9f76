"""Copying a tenant's rows from one shard to another, beside running work.

Triggers in the old shard log which rows of the tenant change. What is copied is read in one snapshot, and replaces what
the new shard has of it: whatever is logged is copied once more, as often as it takes.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import JSON, Table

from ..domain.keys import TenantId
from ..store.session import Driver
from ..store.tables import (
    datasets,
    early_scores,
    evaluators,
    experiments,
    packed_payloads,
    patches,
    projects,
    scores,
    span_payloads,
    spans,
    test_cases,
    traces,
)

BY_TRACE = (spans, span_payloads, packed_payloads, scores, traces)
"""Tables whose rows are copied trace by trace."""

LOGGED = (*BY_TRACE, patches)
"""Tables whose changes are logged."""

WHOLE = (projects, evaluators, datasets, test_cases, experiments, early_scores)
"""Tables that are copied whole, at the end."""

TRACES_AT_A_TIME = 500
PATCHES_AT_A_TIME = 5_000
LOGGED_AT_A_TIME = 5_000

_OF_TENANT = "tenant_id = $1"
_OF_DATASETS = "dataset_id IN (SELECT id FROM datasets WHERE tenant_id = $1)"
_OF_TRACES = "tenant_id = $1 AND trace_id = ANY ($2::text[])"
_OF_PATCHES = "tenant_id = $1 AND (trace_id, span_id) IN (SELECT * FROM unnest($2::text[], $3::text[]))"

_NEXT_TRACES = "SELECT trace_id FROM traces WHERE tenant_id = $1 AND trace_id > $2 ORDER BY trace_id LIMIT $3"
_NEXT_PATCHES = """
SELECT trace_id, span_id FROM patches WHERE tenant_id = $1 AND (trace_id, span_id) > ($2, $3)
ORDER BY trace_id, span_id LIMIT $4
"""
_MARK = f"""
INSERT INTO rollup_marks (experiment_key, minute)
SELECT DISTINCT experiment_key, date_trunc('minute', start_time, 'UTC') FROM traces
WHERE {_OF_TRACES} AND experiment_key IS NOT NULL
"""
_LOGGED = "SELECT id, relation, trace_id, span_id FROM move_log WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3"
_FORGET_LOGGED = "DELETE FROM move_log WHERE id = ANY ($1::bigint[])"
FORGET_LOG = "DELETE FROM move_log WHERE tenant_id = $1"

PatchKey = tuple[str, str]


def start_logging(tenant_id: TenantId) -> list[str]:
    """Statements that have every change of the tenant's rows logged; they wait for all who write."""
    name = _trigger(tenant_id)
    return [
        f"CREATE OR REPLACE TRIGGER {name} AFTER INSERT OR UPDATE OR DELETE ON {table.name} "
        f"FOR EACH ROW EXECUTE FUNCTION log_move('{int(tenant_id)}')"
        for table in LOGGED
    ]


def stop_logging(tenant_id: TenantId) -> list[str]:
    """Statements that end this."""
    return [f"DROP TRIGGER IF EXISTS {_trigger(tenant_id)} ON {table.name}" for table in LOGGED]


def _trigger(tenant_id: TenantId) -> str:
    return f"log_move_{int(tenant_id)}"


async def next_traces(source: Driver, tenant_id: TenantId, after: str) -> list[str]:
    """Ids of the tenant's traces behind this one."""
    return [row["trace_id"] for row in await source.fetch(_NEXT_TRACES, tenant_id, after, TRACES_AT_A_TIME)]


async def next_patches(source: Driver, tenant_id: TenantId, after: PatchKey) -> list[PatchKey]:
    """Keys of the tenant's patches behind this one."""
    rows = await source.fetch(_NEXT_PATCHES, tenant_id, *after, PATCHES_AT_A_TIME)
    return [(row["trace_id"], row["span_id"]) for row in rows]


async def copy_traces(source: Driver, target: Driver, tenant_id: TenantId, trace_ids: Collection[str]) -> None:
    """Have the target hold of these traces just what the source does; caches follow as after every write."""
    ids = sorted(trace_ids)
    await target.execute(_MARK, tenant_id, ids)
    for table in BY_TRACE:
        await _replace(source, target, table, _OF_TRACES, tenant_id, ids)
    await target.execute(_MARK, tenant_id, ids)


async def copy_patches(source: Driver, target: Driver, tenant_id: TenantId, keys: Collection[PatchKey]) -> None:
    """The same of patches."""
    of_keys = [trace_id for trace_id, _ in keys], [span_id for _, span_id in keys]
    await _replace(source, target, patches, _OF_PATCHES, tenant_id, *of_keys)


async def copy_logged(tenant_id: TenantId, after: int, source: Driver, target: Driver) -> list[int]:
    """Copy some of what is logged behind this number, in its order; the numbers of what was copied."""
    logged = await source.fetch(_LOGGED, tenant_id, after, LOGGED_AT_A_TIME)
    changed = {row["trace_id"] for row in logged if row["relation"] != patches.name}
    patched = {(row["trace_id"], row["span_id"]) for row in logged if row["relation"] == patches.name}
    for ids in _in_parts(sorted(changed), TRACES_AT_A_TIME):
        await copy_traces(source, target, tenant_id, ids)
    if patched:
        await copy_patches(source, target, tenant_id, sorted(patched))
    return [row["id"] for row in logged]


async def forget_logged(source: Driver, numbers: list[int]) -> None:
    """These have been copied, and committed."""
    await source.execute(_FORGET_LOGGED, numbers)


def _in_parts(ids: Sequence[str], size: int) -> list[Sequence[str]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _read(table: Table) -> str:
    """All columns, as they are written again: JSON as the text that it is."""
    return ", ".join(f"{c.name}::text AS {c.name}" if isinstance(c.type, JSON) else c.name for c in table.columns)


async def _replace(source: Driver, target: Driver, table: Table, where: str, *values: Any) -> None:
    names = [column.name for column in table.columns]
    rows = await source.fetch(f"SELECT {_read(table)} FROM {table.name} WHERE {where}", *values)
    await target.execute(f"DELETE FROM {table.name} WHERE {where}", *values)
    if rows:
        await target.copy_records_to_table(table.name, records=[tuple(row) for row in rows], columns=names)


async def copy_whole(source: Driver, target: Driver, tenant_id: TenantId) -> None:
    """Have the target hold just what the source does of the tables that are copied whole.

    Rows that are there already are changed, not replaced: what is cached of an experiment goes with its row.
    """
    for table in WHOLE:
        where = _OF_DATASETS if table is test_cases else _OF_TENANT
        names = [column.name for column in table.columns]
        keys = [column.name for column in table.primary_key.columns]
        rows = await source.fetch(f"SELECT {_read(table)} FROM {table.name} WHERE {where}", tenant_id)
        await _delete_others(target, table, keys, where, tenant_id, [tuple(row[key] for key in keys) for row in rows])
        changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
        put = (
            f"INSERT INTO {table.name} ({', '.join(names)}) OVERRIDING SYSTEM VALUE "
            f"VALUES ({', '.join(f'${n}' for n in range(1, len(names) + 1))}) "
            f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"
        )
        if rows:
            await target.executemany(put, [tuple(row) for row in rows])


async def _delete_others(
    target: Driver, table: Table, keys: list[str], where: str, tenant_id: TenantId, kept: list[tuple[Any, ...]]
) -> None:
    found = await target.fetch(f"SELECT {', '.join(keys)} FROM {table.name} WHERE {where}", tenant_id)
    gone = {tuple(row) for row in found} - set(kept)
    if gone:
        condition = " AND ".join(f"{key} = ${n}" for n, key in enumerate(keys, 1))
        await target.executemany(f"DELETE FROM {table.name} WHERE {condition}", sorted(gone))
