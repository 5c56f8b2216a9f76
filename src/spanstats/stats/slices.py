"""Bit slices of the traces of a stretch of time: a cache like the rollups, for filters."""

from typing import Any

from sqlalchemy import ARRAY, Column, Table
from sqlalchemy.dialects.postgresql import JSONB

from ..store.cache_tables import BITS, slice_dictionaries, slice_scores, slices
from ..store.session import Driver
from .chunks import Row, chunks_of
from .pieces import Stretch

_TABLES = (slices, slice_scores, slice_dictionaries)


def _cast(column: Column[Any]) -> tuple[str, str]:
    """Bit strings and JSON travel as text: how a value is taken, and how it is shown."""
    of_one, is_array = column.type, isinstance(column.type, ARRAY)
    if isinstance(column.type, ARRAY):
        of_one = column.type.item_type
    name = "varbit" if of_one is BITS else "jsonb" if isinstance(of_one, JSONB) else None
    array = "[]" if is_array else ""
    return (f"::text{array}::{name}{array}", f"::text{array}") if name else ("", "")


def _put(table: Table) -> str:
    given = ", ".join(f"${place}{_cast(column)[0]}" for place, column in enumerate(table.columns, start=1))
    return f"INSERT INTO {table.name} ({', '.join(column.name for column in table.columns)}) VALUES ({given})"


def _stored(table: Table) -> str:
    shown = ", ".join(f"{column.name}{_cast(column)[1]} AS {column.name}" for column in table.columns)
    in_order = ", ".join(table.primary_key.columns.keys())
    return f"SELECT {shown} FROM {table.name} WHERE experiment_key = $1 AND start_time = $2 ORDER BY {in_order}"


_NAMES = {table: [column.name for column in table.columns] for table in _TABLES}
_PUT = {table: _put(table) for table in _TABLES}
_STORED = {table: _stored(table) for table in _TABLES}


async def put_slices(driver: Driver, experiment_key: int, stretch: Stretch) -> None:
    """Slice the traces of the stretch, of which nothing is stored."""
    async for chunk in chunks_of(driver, experiment_key, stretch):
        for table, rows in chunk.items():
            await driver.executemany(_PUT[table], [[row.get(name) for name in _NAMES[table]] for row in rows])


async def slices_differ(driver: Driver, experiment_key: int, stretch: Stretch) -> bool:
    """Whether what is stored of the stretch is not what its traces make."""
    made: dict[Table, list[Row]] = {table: [] for table in _TABLES}
    async for chunk in chunks_of(driver, experiment_key, stretch):
        for table, rows in chunk.items():
            made[table] += [{name: row.get(name) for name in _NAMES[table]} for row in rows]
    stored = {table: await driver.fetch(_STORED[table], experiment_key, stretch[0]) for table in _TABLES}
    return any([*map(dict, stored[table])] != made[table] for table in _TABLES)
