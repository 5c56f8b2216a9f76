"""Datasets and their rows. A request that comes again, as after a lost answer, changes nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Interval, cast, exists, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from ..domain.keys import TenantId
from ..domain.values import is_clean
from ..errors import Conflict, NotFound
from ..store.repeating import repeated
from ..store.session import Database, Kind, Transaction
from ..store.tables import datasets, test_cases

RETRY_WINDOW_S = 600
"""So long rows that come again in the same request are taken for a retry: longer than clients wait for an answer."""

_MAX_ID = 2**31 - 1
_d, _t = datasets.c, test_cases.c


@dataclass(frozen=True, slots=True)
class Row:
    """A test case as a client sends it."""

    inputs: dict[str, str]
    target: str | None
    tags: list[str]


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A test case; ids are unique among all datasets."""

    id: int
    inputs: dict[str, str]
    target: str | None
    tags: list[str]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset with its rows in the order in which they came. Times are microseconds since 1970."""

    id: int
    name: str
    column_names: list[str]
    created_at: int
    changed_at: int
    rows: list[StoredRow]


@repeated
async def create(
    database: Database, tenant_id: TenantId, name: str, column_names: list[str], rows: Sequence[Row]
) -> None:
    """Make a dataset. Raises `Conflict` where another one has this name, `Unavailable`."""
    # Clients that collect the names in a set send them in another order every time.
    digest = _digest(name, sorted(column_names), rows)
    new = upsert(datasets).values(tenant_id=tenant_id, name=name, column_names=column_names, request=digest)
    async with database.transaction(Kind.WRITE) as tx:
        # An insert that meets another's waits for its commit, so that the statement after it sees the row.
        new_id = (await tx.connection.execute(new.on_conflict_do_nothing().returning(_d.id))).scalar_one_or_none()
        if new_id is not None:
            await _insert(tx, new_id, rows, digest)
            return
        first = select(_d.request).where(_d.tenant_id == tenant_id, _d.name == name)
        if (await tx.connection.execute(first)).scalar_one() != digest:
            raise Conflict(f"A dataset named {name} exists already")


@repeated
async def add(database: Database, tenant_id: TenantId, dataset: int | str, rows: Sequence[Row]) -> None:
    """Add rows to the dataset of this id or name; input names that are new become columns of it.

    The same rows within ten minutes are a retry. Raises `NotFound`, `Unavailable`.
    """
    digest = _digest(rows)
    async with database.transaction(Kind.WRITE) as tx:
        locked = await _locked(tx, _is_the_one(tenant_id, dataset))
        recently = _t.created_at > func.now() - cast(literal(f"{RETRY_WINDOW_S} s"), Interval)
        repeated = select(exists().where(_t.dataset_id == locked.id, _t.request == digest, recently))
        if (await tx.connection.execute(repeated)).scalar_one():
            return
        await _insert(tx, locked.id, rows, digest)
        names = dict.fromkeys([*locked.column_names, *(name for row in rows for name in row.inputs)])
        await _touch(tx, locked.id, column_names=list(names))


async def find(database: Database, tenant_id: TenantId, id_or_name: str) -> Dataset | None:
    """The tenant's dataset of this id, else of this name, of one snapshot. Raises `Unavailable`."""
    async with database.transaction(Kind.SNAPSHOT) as tx:
        for dataset in (number_of(id_or_name), id_or_name):
            if dataset is None or not is_clean(id_or_name):
                continue
            statement = select(_d.id, _d.name, _d.column_names, _d.created_at, _d.changed_at)
            row = (await tx.connection.execute(statement.where(*_is_the_one(tenant_id, dataset)))).one_or_none()
            if row is not None:
                return Dataset(*row, await _rows(tx, row.id))
    return None


@repeated
async def change(database: Database, tenant_id: TenantId, dataset_id: int, row_id: int, values: dict[str, Any]) -> None:
    """Set these columns of a row. Raises `NotFound`, `Unavailable`."""
    async with database.transaction(Kind.WRITE) as tx:
        locked = await _locked(tx, _is_the_one(tenant_id, dataset_id))
        of_row = _t.id == row_id, _t.dataset_id == locked.id
        is_stored = (await tx.connection.execute(select(exists().where(*of_row)))).scalar_one()
        if not is_stored:
            raise NotFound("Test case not found")
        if values:
            await tx.connection.execute(update(test_cases).where(*of_row).values(**values))
            await _touch(tx, locked.id)


def number_of(text: str) -> int | None:
    """The id that the text is, if it can be one."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None
    return number if number is not None and number <= _MAX_ID else None


def _is_the_one(tenant_id: TenantId, dataset: int | str) -> list[ColumnElement[bool]]:
    return [_d.tenant_id == tenant_id, (_d.id if isinstance(dataset, int) else _d.name) == dataset]


async def _locked(tx: Transaction, conditions: list[ColumnElement[bool]]) -> Any:
    """The dataset, held against other changes."""
    statement = select(_d.id, _d.column_names).where(*conditions).with_for_update()
    row = (await tx.connection.execute(statement)).one_or_none()
    if row is None:
        raise NotFound("Dataset not found")
    return row


async def _insert(tx: Transaction, dataset_id: int, rows: Sequence[Row], digest: str) -> None:
    if rows:
        values = [{**asdict(row), "dataset_id": dataset_id, "request": digest} for row in rows]
        await tx.connection.execute(insert(test_cases), values)


async def _touch(tx: Transaction, dataset_id: int, **values: Any) -> None:
    await tx.connection.execute(update(datasets).where(_d.id == dataset_id).values(changed_at=func.now(), **values))


async def _rows(tx: Transaction, dataset_id: int) -> list[StoredRow]:
    statement = select(_t.id, _t.inputs, _t.target, _t.tags).where(_t.dataset_id == dataset_id).order_by(_t.id)
    return [StoredRow(*row) for row in await tx.connection.execute(statement)]


def _digest(*parts: object) -> str:
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()
