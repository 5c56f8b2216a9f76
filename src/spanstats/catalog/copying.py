"""Copying a tenant's rows from one shard to another, beside running work.

What is copied is read in one snapshot, and replaces what the new shard has of it: every row that changes meanwhile
(`move_log.py`) is copied again, as often as it takes.
"""

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from sqlalchemy import JSON, Table, Text

from ..domain.keys import TenantId
from ..store.session import Driver
from ..store.tables import (
    experiments,
    patches,
    test_cases,
)
from .move_log import BY_TRACE, CATALOGS, key_of, read_logged

TRACES_AT_A_TIME = 500
PATCHES_AT_A_TIME = 5_000
_ROWS_AT_A_TIME = 1_000

_OF_TENANT = "tenant_id = $1"
_OF_DATASETS = "dataset_id IN (SELECT id FROM datasets WHERE tenant_id = $1)"
_OF_TRACES = "tenant_id = $1 AND trace_id = ANY ($2::text[])"
_OF_PATCHES = "tenant_id = $1 AND (trace_id, span_id) IN (SELECT * FROM unnest($2::text[], $3::text[]))"

_NEXT_TRACES = "SELECT trace_id FROM traces WHERE tenant_id = $1 AND trace_id > $2 ORDER BY trace_id LIMIT $3"
_NEXT_PATCHES = """
SELECT trace_id, span_id FROM patches WHERE tenant_id = $1 AND (trace_id, span_id) > ($2, $3)
ORDER BY trace_id, span_id LIMIT $4
"""
_INVALIDATE = f"""
WITH minutes AS MATERIALIZED (
    SELECT DISTINCT experiment_key, date_trunc('minute', start_time, 'UTC') FROM traces
    WHERE {_OF_TRACES} AND experiment_key IS NOT NULL
)
INSERT INTO rollup_marks (experiment_key, minute) SELECT * FROM minutes
"""
# Out of the way of rows that have taken their id or run name since. The row itself stays: with it would go what is
# cached of the experiment.
_RETIRE = "UPDATE experiments SET deleted_at = '-infinity' WHERE {} AND deleted_at IS NULL"

T = TypeVar("T")

PatchKey = tuple[str, str]


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
    await target.execute(_INVALIDATE, tenant_id, ids)
    for table in BY_TRACE:
        await _replace(source, target, table, _OF_TRACES, tenant_id, ids)
    await target.execute(_INVALIDATE, tenant_id, ids)


async def copy_patches(source: Driver, target: Driver, tenant_id: TenantId, keys: Collection[PatchKey]) -> None:
    """The same of patches."""
    of_keys = [trace_id for trace_id, _ in keys], [span_id for _, span_id in keys]
    await _replace(source, target, patches, _OF_PATCHES, tenant_id, *of_keys)


async def copy_logged(tenant_id: TenantId, after: int, source: Driver, target: Driver) -> list[int]:
    """Copy some of what is logged behind this number, in its order; the numbers of what was copied."""
    logged = await read_logged(source, tenant_id, after)
    of_traces = {table.name for table in BY_TRACE}
    changed = {row["trace_id"] for row in logged if row["relation"] in of_traces}
    patched = {(row["trace_id"], row["span_id"]) for row in logged if row["relation"] == patches.name}
    for ids in _in_parts(sorted(changed), TRACES_AT_A_TIME):
        await copy_traces(source, target, tenant_id, ids)
    if patched:
        await copy_patches(source, target, tenant_id, sorted(patched))
    for table in CATALOGS:
        keys = sorted({row["trace_id"] for row in logged if row["relation"] == table.name})
        if keys:
            where, values = _by_key(table, tenant_id, keys)
            await _copy_catalog(source, target, table, where, *values)
    return [row["id"] for row in logged]


async def copy_catalogs(source: Driver, target: Driver, tenant_id: TenantId) -> None:
    """Have the target hold just what the source does of the catalogs."""
    for table in CATALOGS:
        where = _OF_DATASETS if table is test_cases else _OF_TENANT
        await _copy_catalog(source, target, table, where, tenant_id)


async def _copy_catalog(source: Driver, target: Driver, table: Table, where: str, *values: Any) -> None:
    copy = _update if table is experiments else _replace
    await copy(source, target, table, where, *values)


def _by_key(table: Table, tenant_id: TenantId, keys: list[str]) -> tuple[str, list[Any]]:
    """The condition of rows with these keys, as the log has them, and its values."""
    key = key_of(table)
    texts = isinstance(key.type, Text)
    condition = f"{key.name} = ANY (${{}}::{'text' if texts else 'bigint'}[])"
    listed = keys if texts else [int(number) for number in keys]
    if table is test_cases:
        return condition.format(1), [listed]
    return f"{_OF_TENANT} AND {condition.format(2)}", [tenant_id, listed]


def _in_parts(ids: Sequence[T], size: int) -> list[Sequence[T]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _select(table: Table, where: str) -> str:
    """All columns, as they are written again: JSON as the text that it is."""
    read = [f"{c.name}::text AS {c.name}" if isinstance(c.type, JSON) else c.name for c in table.columns]
    return f"SELECT {', '.join(read)} FROM {table.name} WHERE {where}"


async def _replace(source: Driver, target: Driver, table: Table, where: str, *values: Any) -> None:
    names = [column.name for column in table.columns]
    rows = source.cursor(_select(table, where), *values, prefetch=_ROWS_AT_A_TIME)
    await target.execute(f"DELETE FROM {table.name} WHERE {where}", *values)
    await target.copy_records_to_table(table.name, records=(tuple(row) async for row in rows), columns=names)


async def _update(source: Driver, target: Driver, table: Table, where: str, *values: Any) -> None:
    """As `_replace`, but rows that are there already are changed."""
    names, key = [column.name for column in table.columns], key_of(table).name
    keys = [row[0] for row in await source.fetch(f"SELECT {key} FROM {table.name} WHERE {where}", *values)]
    gone = f"DELETE FROM {table.name} WHERE {where} AND NOT {key} = ANY (${len(values) + 1}::bigint[])"
    await target.execute(gone, *values, keys)
    await target.execute(_RETIRE.format(where), *values)
    put = (
        f"INSERT INTO {table.name} ({', '.join(names)}) OVERRIDING SYSTEM VALUE "
        f"VALUES ({', '.join(f'${n}' for n in range(1, len(names) + 1))}) "
        f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in names if name != key)}"
    )
    for part in _in_parts(keys, _ROWS_AT_A_TIME):
        rows = await source.fetch(_select(table, f"{key} = ANY ($1::bigint[])"), part)
        await target.executemany(put, [tuple(row) for row in rows])
