"""The experiments of a tenant with their figures: searched, sorted, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, and_, func, literal, or_, select

from ..columnar.reader import Columns
from ..domain.keys import TenantId
from ..domain.values import clean
from ..filters.experiment_fields import NAME, STATUS
from ..stats.rolled_up_many import rolled_up_by_experiment
from ..stats.summary import Evaluator, evaluators_of
from ..store.session import Database
from ..store.tables import ByBytes, experiments, projects
from .measured import measure
from .questions import Question
from .rolled import Measured, are_rolled_up, hold, measured
from .snapshot import COLUMNS, Experiment, Snapshot, snapshot

MAX_PAGE = 100

SORTS: Mapping[str, ColumnElement[str] | ColumnElement[int]] = {
    "created_at": experiments.c.created_at,
    "started_at": experiments.c.started_at,
    "finished_at": experiments.c.finished_at,
    "name": NAME,
    "status": STATUS,
}

Condition = ColumnElement[bool]
_c = experiments.c


@dataclass(frozen=True, slots=True)
class Search:
    """All of it must hold; `None` and empty ones ask for nothing.

    `text` is a part of the name, the run's name or the id, whatever its case; `project` the id or the name of a
    project; `metadata` the text of members.
    """

    text: str | None = None
    project: str | None = None
    status: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """By which name of `SORTS`, and which of the experiments in that order."""

    sort_by: str = "created_at"
    descending: bool = True
    size: int = 20
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """`count` experiments match; those of the page with their figures at a time; what evaluators are called."""

    as_of: int
    count: int
    page: Sequence[tuple[Experiment, Measured]]
    evaluators: Mapping[str, Evaluator]


async def list_experiments(
    database: Database,
    columns: Columns,
    tenant_id: TenantId,
    search: Search,
    page: Page,
    question: Question,
) -> Listed:
    """The page, all of one snapshot; the question holds for each experiment. Raises `Unavailable`."""
    where = _conditions(tenant_id, search)
    column = SORTS[page.sort_by]
    order = (
        (column.desc().nulls_last(), _c.key.desc()) if page.descending else (column.asc().nulls_last(), _c.key.asc())
    )
    wanted = select(*COLUMNS).where(*where).order_by(*order).limit(page.size).offset(page.offset)
    async with snapshot(database, tenant_id) as state:
        connection = state.tx.connection
        count = (await connection.execute(select(func.count()).select_from(experiments).where(*where))).scalar_one()
        found = [Experiment(*row) for row in await connection.execute(wanted)] if page.offset < count else []
        figures = await _figures(state, columns, found, question)
        keys = {key for one in figures for asked, _ in one.figures for key in asked.measure.keys}
        evaluators = await evaluators_of(state.tx, tenant_id, sorted(keys))
    return Listed(state.as_of, count, list(zip(found, figures, strict=True)), evaluators)


async def _figures(
    state: Snapshot, columns: Columns, found: Sequence[Experiment], question: Question
) -> list[Measured]:
    if question.matching is None and are_rolled_up(question.measures):
        sums = await rolled_up_by_experiment(state.tx.driver, [e.key for e in found], question.window)
        if sums is not None and all(hold(one, question.measures) for one in sums.values()):
            return [measured(sums[e.key], question.measures, fill_scores=question.fill_scores) for e in found]
    return [await measure(state, columns, experiment.key, question) for experiment in found]


def _conditions(tenant_id: TenantId, search: Search) -> list[Condition]:
    conditions: list[Condition] = [_c.tenant_id == tenant_id, _c.deleted_at.is_(None)]
    if search.text:
        part = func.lower(literal(clean(search.text), ByBytes))
        names = (func.lower(func.coalesce(column, "")) for column in (_c.name, _c.run_name, _c.id))
        conditions.append(or_(*(func.strpos(name, part) > 0 for name in names)))
    if search.project:
        named = and_(projects.c.tenant_id == tenant_id, projects.c.name == clean(search.project))
        of_name = _c.project_id.in_(select(projects.c.id).where(named))
        conditions.append(or_(_c.project_id == clean(search.project), of_name))
    if search.status:
        conditions.append(STATUS.is_not_distinct_from(clean(search.status)))
    conditions += [_c.metadata.op("->>")(clean(key)) == clean(value) for key, value in search.metadata.items()]
    return conditions
