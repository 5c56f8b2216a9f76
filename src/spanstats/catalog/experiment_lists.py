"""Experiments that match what a client looks for, newest first, in bounded pages."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB

from ..domain.keys import TenantId
from ..domain.values import clean, is_clean
from ..store.session import Database, Kind
from ..store.sql_types import SqlCondition
from ..store.tables import experiments, projects
from .experiments import Experiment

PAGE = 100

_c = experiments.c
_COLUMNS = [_c[name] for name in Experiment.__dataclass_fields__]
_ZERO = literal(0)


@dataclass(frozen=True, slots=True)
class Search:
    """All conditions hold; `None` and empty ones ask for nothing. Parts of names mind case.

    An experiment that was never created has its id as name. Metadata is compared as text; null asks for its absence.
    """

    project_name: str | None = None
    name_part: str | None = None
    run_name_part: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    ids: tuple[str, ...] = ()


async def pages(
    database: Database, tenant_id: TenantId, search: Search, size: int = PAGE
) -> AsyncGenerator[list[Experiment], None]:
    """The tenant's experiments; the last page may be short or empty. Raises `Unavailable`."""
    conditions = _conditions(tenant_id, search)
    newest_first = select(*_COLUMNS).where(*conditions).order_by(_c.created_at.desc(), _c.key.desc()).limit(size)
    statement = newest_first
    while True:
        async with database.transaction(Kind.READ) as tx:
            page = [Experiment(*row) for row in await tx.connection.execute(statement)]
        yield page
        if len(page) < size:
            return
        last = literal(page[-1].created_at, _c.created_at.type), literal(page[-1].key)
        statement = newest_first.where(tuple_(_c.created_at, _c.key) < tuple_(*last))


def _conditions(tenant_id: TenantId, search: Search) -> list[SqlCondition]:
    conditions: list[SqlCondition] = [_c.tenant_id == tenant_id, _c.deleted_at.is_(None)]
    if search.project_name is not None:
        project = select(projects.c.id).where(
            projects.c.tenant_id == tenant_id, projects.c.name == clean(search.project_name)
        )
        conditions.append(_c.project_id.in_(project))
    if search.name_part:
        conditions.append(_contains(func.coalesce(_c.name, _c.id), search.name_part))
    if search.run_name_part:
        conditions.append(_contains(func.coalesce(_c.run_name, ""), search.run_name_part))
    conditions += [_has(key, value) for key, value in search.metadata.items()]
    if search.ids:
        conditions.append(_c.id.in_([i for i in search.ids if is_clean(i)]))
    return conditions


def _contains(text: ColumnElement[Any], part: str) -> SqlCondition:
    return func.strpos(text, clean(part)) > _ZERO


def _has(key: str, value: Any) -> SqlCondition:
    as_text = _c.metadata.op("->>")(clean(key))
    if value is None:
        return as_text.is_(None)
    if isinstance(value, dict | list):
        return and_(_c.metadata.is_not(None), _c.metadata.op("->")(clean(key)) == literal(value, JSONB))
    return as_text == clean(value if isinstance(value, str) else msgspec.json.encode(value).decode())
