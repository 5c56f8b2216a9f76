"""The experiments of a tenant with their figures: searched, sorted, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import ColumnElement, and_, func, literal, or_, select

from ..columnar.reader import Columns
from ..domain.keys import TenantId
from ..domain.values import clean
from ..filters.experiment_fields import NAME, STATUS
from ..stats.evaluators import Evaluator, evaluators_of
from ..stats.rolled_up_many import rolled_up_by_experiment
from ..store.session import Database
from ..store.sql_types import SqlCondition
from ..store.tables import ByBytes, experiments, projects
from .from_rollups import FigureSet, are_rolled_up, figures_in_rollups, hold_all
from .keyset import Behind, Sorting
from .measuring import measure, no_figures
from .preparing import find_preparing
from .questions import Question
from .snapshot import COLUMNS, Experiment, Snapshot, snapshot

MAX_PAGE = 100

SORTS: Mapping[str, ColumnElement[str] | ColumnElement[int]] = {
    "created_at": experiments.c.created_at,
    "started_at": experiments.c.started_at,
    "finished_at": experiments.c.finished_at,
    "name": NAME,
    "status": STATUS,
}

_c = experiments.c


@dataclass(frozen=True, slots=True)
class Search:
    """All of it must hold; `None` and empty ones ask for nothing.

    `text` is a part of the name, the run's name or the id, in any case; `project` the id or the name of a
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
    behind: Behind | None = None

    @property
    def sorting(self) -> Sorting:
        return Sorting(SORTS[self.sort_by], (_c.key,), self.descending)


@dataclass(frozen=True, slots=True)
class Listed:
    """`count` experiments match; those of the page with their figures at a time; what evaluators are called; the
    experiment behind which more follow, `None` where none does."""

    as_of: int
    count: int
    page: Sequence[tuple[Experiment, FigureSet]]
    evaluators: Mapping[str, Evaluator]
    next: Behind | None


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
    where_of_page = [] if page.behind is None else [page.sorting.follows(page.behind)]
    one_more = select(*COLUMNS).where(*where, *where_of_page).order_by(*page.sorting.order()).limit(page.size + 1)
    async with snapshot(database, tenant_id) as state:
        await state.tx.plan_for_values()
        connection = state.tx.connection
        count = (await connection.execute(select(func.count()).select_from(experiments).where(*where))).scalar_one()
        rows = await connection.execute(one_more.offset(page.offset)) if page.offset < count else ()
        listed = [Experiment(*row) for row in rows]
        figures = await _figures(state, columns, listed[: page.size], question)
        keys = {key for one in figures for spec, _ in one.figures for key in spec.measure.keys}
        evaluators = await evaluators_of(state.tx, tenant_id, sorted(keys))
    of_page = list(zip(listed, figures, strict=False))
    return Listed(state.as_of, count, of_page, evaluators, _last(listed, page))


def _last(listed: Sequence[Experiment], page: Page) -> Behind | None:
    if len(listed) <= page.size:
        return None
    last = listed[page.size - 1]
    return Behind(getattr(last, page.sort_by), (last.key,))


async def _figures(
    state: Snapshot, columns: Columns, listed: Sequence[Experiment], question: Question
) -> list[FigureSet]:
    """Of each experiment; without a wait for those whose sums are being prepared, if the question says so."""
    if not question.skips_preparing:
        return await _computed(state, columns, listed, question)
    preparing = await find_preparing(state.tx.driver, [e.key for e in listed])
    lacking = {key for key, one in preparing.items() if one.lacks_sums}
    ready = [e for e in listed if e.key not in lacking]
    computed = dict(zip((e.key for e in ready), await _computed(state, columns, ready, question), strict=True))
    return [replace(computed.get(e.key) or no_figures([]), preparing=preparing.get(e.key)) for e in listed]


async def _computed(
    state: Snapshot, columns: Columns, listed: Sequence[Experiment], question: Question
) -> list[FigureSet]:
    if question.matching is None and are_rolled_up(question.measures):
        sums = await rolled_up_by_experiment(state.tx.driver, [e.key for e in listed], question.window)
        if sums is not None and all(hold_all(one, question.measures) for one in sums.values()):
            return [
                figures_in_rollups(sums[e.key], question.measures, fill_scores=question.fill_scores) for e in listed
            ]
    return [await measure(state, columns, experiment.key, question) for experiment in listed]


def _conditions(tenant_id: TenantId, search: Search) -> list[SqlCondition]:
    conditions: list[SqlCondition] = [_c.tenant_id == tenant_id, _c.deleted_at.is_(None)]
    if search.text:
        part = func.lower(literal(clean(search.text), ByBytes))
        names = (func.lower(func.coalesce(column, "")) for column in (_c.name, _c.run_name, _c.id))
        conditions.append(or_(*(func.strpos(name, part) > 0 for name in names)))
    if search.project:
        of_this_name = and_(projects.c.tenant_id == tenant_id, projects.c.name == clean(search.project))
        of_name = _c.project_id.in_(select(projects.c.id).where(of_this_name))
        conditions.append(or_(_c.project_id == clean(search.project), of_name))
    if search.status:
        conditions.append(STATUS.is_not_distinct_from(clean(search.status)))
    conditions += [_c.metadata.op("->>")(clean(key)) == clean(value) for key, value in search.metadata.items()]
    return conditions
