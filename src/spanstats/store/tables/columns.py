"""The metadata object of all tables, and the types of their columns.

Text is compared by bytes (`COLLATE "C"`), money is bigint picodollars, durations are bigint microseconds.
"""

from typing import Any

from sqlalchemy import Column, DateTime, MetaData, Text, TypeDecorator, func

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

ByBytes = Text(collation="C")


class Time(TypeDecorator[int]):
    """`timestamptz` that takes and gives microseconds since 1970 (the driver converts, see session/pool.py)."""

    impl = DateTime(timezone=True)
    cache_ok = True


def required(name: str, type_: Any, **options: Any) -> Column[Any]:
    """A column that is never null."""
    return Column(name, type_, nullable=options.pop("nullable", False), **options)


def optional(name: str, type_: Any) -> Column[Any]:
    """A column that may be null."""
    return Column(name, type_, nullable=True)


def written_at(name: str = "created_at") -> Column[Any]:
    """When the row's transaction began."""
    return required(name, Time, server_default=func.now())
