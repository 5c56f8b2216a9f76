"""Experiments as clients define them with an id of their choice: created or adopted, changed, listed, deleted."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.sql.expression import literal

from ..domain.keys import ExperimentKey, TenantId
from ..domain.values import is_clean
from ..errors import Conflict, NotFound
from ..filters.experiment_fields import NAME, STATUS
from ..store.repeating import repeated
from ..store.session import Database, Kind
from ..store.sql_types import SqlOrder
from ..store.tables import experiments
from .experiments import is_the_one

_c = experiments.c
DEFINED = "defined"
"""The member of `definition` that the functions here write."""


@dataclass(frozen=True, slots=True)
class Defined:
    """An experiment as its client defined it. Times are microseconds since 1970."""

    key: ExperimentKey
    id: str
    created: bool
    name: str | None
    status: str | None
    definition: dict[str, Any] | None
    created_at: int
    started_at: int | None
    finished_at: int | None

    @property
    def details(self) -> dict[str, Any]:
        """What the client defined besides the name and the status."""
        return dict((self.definition or {}).get(DEFINED) or {})


_COLUMNS = [_c[name] for name in Defined.__dataclass_fields__]


@repeated
async def create(database: Database, tenant_id: TenantId, experiment_id: str, values: dict[str, Any]) -> Defined:
    """A new experiment; one that was only named by spans until now is taken over.

    Raises `Conflict` where one of this id was created before, `Unavailable`.
    """
    row = _row_of(values)
    inserted = {"tenant_id": tenant_id, "id": experiment_id, "created": True, **row}
    new = insert(experiments).values(inserted)
    statement = new.on_conflict_do_update(
        index_elements=["tenant_id", "id"],
        index_where=_c.deleted_at.is_(None),
        set_={"created": True, "created_at": new.excluded.created_at, **row},
        where=~_c.created,
    ).returning(*_COLUMNS)
    async with database.transaction(Kind.WRITE) as tx:
        new_row = (await tx.connection.execute(statement)).one_or_none()
    if new_row is None:
        raise Conflict(f"Experiment {experiment_id} was created before")
    return Defined(*new_row)


async def get(database: Database, tenant_id: TenantId, experiment_id: str) -> Defined:
    """The tenant's experiment of this id. Raises `NotFound`, `Unavailable`."""
    statement = select(*_COLUMNS).where(_is_the_one(tenant_id, experiment_id))
    async with database.transaction(Kind.READ) as tx:
        row = (await tx.connection.execute(statement)).one_or_none()
    return _there(row)


@repeated
async def change(
    database: Database,
    tenant_id: TenantId,
    experiment_id: str,
    values: dict[str, Any],
    *,
    whole: bool = False,
) -> Defined:
    """Change what the values name; `whole` empties what they do not. Raises `NotFound`, `Unavailable`."""
    changes = _row_of(values)
    defined: ColumnElement[Any] = literal(changes["definition"][DEFINED], JSONB)
    if not whole:
        defined = func.coalesce(_c.definition[DEFINED], _empty()).op("||")(defined)
        changes = {name: value for name, value in changes.items() if name in values}
    changes["definition"] = func.coalesce(_c.definition, _empty()).op("||")(func.jsonb_build_object(DEFINED, defined))
    statement = update(experiments).where(_is_the_one(tenant_id, experiment_id)).values(changes).returning(*_COLUMNS)
    async with database.transaction(Kind.WRITE) as tx:
        row = (await tx.connection.execute(statement)).one_or_none()
    return _there(row)


@repeated
async def delete(database: Database, tenant_id: TenantId, experiment_id: str) -> None:
    """The experiment is gone at once; its traces follow (`erasure.py`).

    Waits for the writes that hold it; the next one that names its id begins a new experiment. Raises `NotFound`,
    `Unavailable`.
    """
    the_one = _is_the_one(tenant_id, experiment_id)
    async with database.transaction(Kind.WRITE) as tx:
        key = (await tx.connection.execute(select(_c.key).where(the_one).with_for_update())).scalar_one_or_none()
        if key is None:
            raise NotFound("Experiment not found")
        await tx.connection.execute(update(experiments).where(_c.key == key).values(deleted_at=func.now()))


def order_by(name: str, descending: bool) -> SqlOrder:
    """Experiments by this field of theirs, nulls last, and by their creation where it is the same."""
    own: dict[str, ColumnElement[Any]] = {"name": NAME, "status": STATUS}
    column = own[name] if name in own else experiments.c[name]
    key = experiments.c.key
    return (column.desc().nulls_last(), key.desc()) if descending else (column.asc().nulls_last(), key.asc())


async def page(
    database: Database,
    tenant_id: TenantId,
    condition: ColumnElement[bool] | None,
    order: SqlOrder,
    limit: int,
    offset: int,
) -> tuple[int, list[Defined]]:
    """How many of the tenant's experiments match, and a page of them. Raises `Unavailable`."""
    where = [_c.tenant_id == tenant_id, _c.deleted_at.is_(None)]
    if condition is not None:
        where.append(condition)
    counting = select(func.count()).select_from(experiments).where(*where)
    statement = select(*_COLUMNS).where(*where).order_by(*order).limit(limit).offset(offset)
    async with database.transaction(Kind.SNAPSHOT) as tx:
        count = int((await tx.connection.execute(counting)).scalar_one())
        rows = (await tx.connection.execute(statement)).all() if limit and offset < count else []
    return count, [Defined(*row) for row in rows]


def _row_of(values: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in values.items() if name not in ("name", "status")}
    return {"name": values.get("name"), "status": values.get("status"), "definition": {DEFINED: rest}}


def _empty() -> ColumnElement[Any]:
    return literal({}, JSONB)


def _there(row: Any) -> Defined:
    if row is None:
        raise NotFound("Experiment not found")
    return Defined(*row)


def _is_the_one(tenant_id: TenantId, experiment_id: str) -> ColumnElement[bool]:
    """No experiment has an id that cannot be stored."""
    storable_id = experiment_id if is_clean(experiment_id) else ""
    return is_the_one(tenant_id, storable_id)
