"""Standalone scores, with the names of their evaluators."""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, func, select

from ..domain.keys import TenantId
from ..domain.span import Score
from ..domain.standalone import StandaloneScore
from ..domain.values import is_clean
from ..store.by_key import has_id
from ..store.session import Database, Kind
from ..store.sql_types import SqlOrder
from ..store.tables import evaluators, every_span_with, scores

_NAMES = "coalesce({s}.evaluator_id, e.id) AS evaluator_id, coalesce({s}.slug, e.slug) AS slug"
_STORED = f"""
SELECT s.id, s.log_id, s.scorer, s.details, s.created_at, s.trace_id, s.span_id, s.evaluator_key, s.value, s.value_type,
    s.text, s.reason, {_NAMES.format(s="s")}, coalesce(s.name, e.name) AS name
FROM scores s LEFT JOIN evaluators e ON e.tenant_id = s.tenant_id AND e.key = s.evaluator_key
WHERE s.tenant_id = $1 AND s.id IS NOT NULL
"""
_BY_ID = f"{_STORED} AND s.id = $2"
_OF_LOG = f"""
{_STORED} AND (s.span_id = $2 OR s.trace_id = $2 OR s.log_id = $2) AND s.trace_id IN (
    SELECT trace_id FROM {every_span_with()} s WHERE {has_id("$1", "$2")} UNION SELECT $2
)
ORDER BY s.created_at, s.id
"""
_PENDING_BY_ID = "SELECT fields FROM early_scores WHERE tenant_id = $1 AND id = $2"
_PENDING_OF_LOG = "SELECT fields FROM early_scores WHERE tenant_id = $1 AND log_id = $2 ORDER BY created_at, id"
_IS_LOG = f"""
SELECT EXISTS (SELECT 1 FROM {every_span_with()} s WHERE {has_id("$1", "$2")})
    OR EXISTS (SELECT 1 FROM traces WHERE tenant_id = $1 AND trace_id = $2)
"""


async def find_score(database: Database, tenant_id: TenantId, score_id: str) -> StandaloneScore | None:
    """The tenant's score of this id.

    In one snapshot: when its span is stored, a pending score moves from one table to another. Raises `Unavailable`.
    """
    if not is_clean(score_id):
        return None
    async with database.transaction(Kind.SNAPSHOT) as tx:
        row = await tx.driver.fetchrow(_BY_ID, tenant_id, score_id)
        if row is not None:
            return _stored(row)
        fields = await tx.driver.fetchval(_PENDING_BY_ID, tenant_id, score_id)
    return None if fields is None else msgspec.convert(fields, StandaloneScore)


async def scores_of_log(database: Database, tenant_id: TenantId, log_id: str) -> list[StandaloneScore] | None:
    """The standalone scores of a span or trace in order of arrival; `None` where there is no such log."""
    if not is_clean(log_id):
        return None
    async with database.transaction(Kind.SNAPSHOT) as tx:
        stored = [_stored(row) for row in await tx.driver.fetch(_OF_LOG, tenant_id, log_id)]
        rows = await tx.driver.fetch(_PENDING_OF_LOG, tenant_id, log_id)
        pending = [msgspec.convert(row["fields"], StandaloneScore) for row in rows]
        if not stored and not pending and not await tx.driver.fetchval(_IS_LOG, tenant_id, log_id):
            return None
    return stored + pending


def _stored(row: Any) -> StandaloneScore:
    score = Score(
        key=row["evaluator_key"],
        value=row["value"],
        value_type=row["value_type"],
        text=row["text"],
        reason=row["reason"],
        evaluator_id=row["evaluator_id"],
        slug=row["slug"],
        name=row["name"],
        source="api",
    )
    return StandaloneScore(
        id=row["id"],
        log_id=row["log_id"],
        score=score,
        scorer=row["scorer"],
        details=row["details"] or {},
        created_us=row["created_at"],
        trace_id=row["trace_id"],
        span_id=row["span_id"],
    )


_JOINED = scores.outerjoin(
    evaluators, and_(evaluators.c.tenant_id == scores.c.tenant_id, evaluators.c.key == scores.c.evaluator_key)
)
_LISTED = (
    *(scores.c[name] for name in ("id", "log_id", "scorer", "details", "created_at", "trace_id", "span_id")),
    *(scores.c[name] for name in ("evaluator_key", "value", "value_type", "text", "reason")),
    func.coalesce(scores.c.evaluator_id, evaluators.c.id).label("evaluator_id"),
    func.coalesce(scores.c.slug, evaluators.c.slug).label("slug"),
    func.coalesce(scores.c.name, evaluators.c.name).label("name"),
)


def order_by(name: str, descending: bool) -> SqlOrder:
    """Standalone scores by this column, nulls last, then by id."""
    column = scores.c[name]
    return (column.desc() if descending else column.asc()).nulls_last(), scores.c.id


async def page_of_scores(
    database: Database,
    tenant_id: TenantId,
    condition: ColumnElement[bool] | None,
    order: SqlOrder,
    limit: int,
    offset: int,
) -> tuple[int, list[StandaloneScore]]:
    """How many of the tenant's standalone scores match, and a page of them; pending scores are left out."""
    where = [scores.c.tenant_id == tenant_id, scores.c.id.is_not(None)]
    if condition is not None:
        where.append(condition)
    counting = select(func.count()).select_from(scores).where(*where)
    statement = select(*_LISTED).select_from(_JOINED).where(*where).order_by(*order).limit(limit).offset(offset)
    async with database.transaction(Kind.SNAPSHOT) as tx:
        count = int((await tx.connection.execute(counting)).scalar_one())
        rows = (await tx.connection.execute(statement)).all() if offset < count else []
    return count, [_stored(row._mapping) for row in rows]
