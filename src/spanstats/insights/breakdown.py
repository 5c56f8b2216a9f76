"""Figures by the values of one or two dimensions: the groups, what is left of them, and the total."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..columnar.dimensions import ByNumber
from ..columnar.dimensions import Dimension as ColumnDimension
from ..columnar.groups import group
from ..columnar.predicate import MANY_MODELS
from ..columnar.reader import Columns
from ..columnar.selection import Selection
from ..domain.keys import TenantId
from ..stats.summary import Evaluator, evaluators_of
from ..store.session import Database
from .dimensions import MODEL, SPAN, Dimension
from .figures import Figures, OfScores
from .grouped import Grouped, completed, grouped
from .measured import measured_whole
from .measures import Asked
from .ordering import Order, ranked
from .questions import Question
from .rolled import Measured
from .selecting import measures_in, select
from .snapshot import Experiment, snapshot
from .spans import dimension_of_spans, select_spans

MAX_GROUPS = 1_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """By what, of traces or of spans, in which order, and how many groups at most."""

    dimensions: Sequence[Dimension]
    unit: str
    order: Order
    limit: int


@dataclass(frozen=True, slots=True)
class Group:
    """A key for each dimension; `several` where the model is one of them and the trace's spans have several."""

    key: tuple[Any, ...]
    several: bool
    measured: Measured


@dataclass(frozen=True, slots=True)
class Groups:
    """The listed groups in order; of the `others` that are not listed counts and sums; the total of all."""

    listed: Sequence[Group]
    others: int
    other: Measured
    total: Measured


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The groups of an experiment's traces or spans at a time, and what its evaluators are called, by key."""

    experiment: Experiment
    as_of: int
    groups: Groups
    evaluators: Mapping[str, Evaluator]


async def break_down(
    database: Database,
    columns: Columns,
    tenant_id: TenantId,
    experiment_id: str,
    question: Question,
    wanted: Wanted,
) -> Breakdown:
    """The groups, all of one snapshot. Raises `NotFound`, `Unavailable`."""
    async with snapshot(database, tenant_id) as state:
        experiment = await state.experiment(experiment_id)
        if wanted.unit == SPAN:
            dimensions: list[ColumnDimension] = [dimension_of_spans(i) for i in range(len(wanted.dimensions))]
            selection = await select_spans(state, experiment.key, question, wanted.dimensions)
        else:
            dimensions = columns_of(wanted.dimensions)
            selection = await select(state, columns, experiment.key, question, dimensions)
        measures = measures_in(selection, question.measures)
        evaluators = await evaluators_of(state.tx, tenant_id, sorted({key for a in measures for key in a.measure.keys}))
    groups = await columns.run(lambda: groups_of(selection, measures, question, wanted, dimensions))
    return Breakdown(experiment, state.as_of, groups, evaluators)


def columns_of(dimensions: Sequence[Dimension]) -> list[ColumnDimension]:
    """What the traces are grouped by: with a model also by whether there are several."""
    found = [dimension.column() for dimension in dimensions]
    return [*found, ByNumber(MANY_MODELS)] if any(d.name == MODEL for d in dimensions) else found


def groups_of(
    selection: Selection,
    measures: Sequence[Asked],
    question: Question,
    wanted: Wanted,
    dimensions: Sequence[ColumnDimension],
) -> Groups:
    """The groups of the selected rows."""
    found = grouped(group(selection, dimensions), measures, fill_scores=question.fill_scores)
    keys = [_key(key, wanted.dimensions) for key in found.groups.keys]
    order = ranked(found, wanted.order, keys)
    listed, others = order[: wanted.limit], order[wanted.limit :]
    figures = completed(found, listed)
    several = [_is_several(key, len(wanted.dimensions)) for key in found.groups.keys]
    groups = [Group(keys[number], several[number], one) for number, one in zip(listed, figures, strict=True)]
    return Groups(groups, len(others), _together(found, others), measured_whole(selection, measures, question))


def _key(found: Sequence[Any], dimensions: Sequence[Dimension]) -> tuple[Any, ...]:
    return tuple(dimension.key(key) for dimension, key in zip(dimensions, found, strict=False))


def _is_several(found: Sequence[Any], dimensions: int) -> bool:
    return len(found) > dimensions and found[-1] == 1


def _together(found: Grouped, numbers: Sequence[int]) -> Measured:
    """Counts and sums of these groups together."""
    each = [found.totals(number) for number in numbers]
    figures = [
        (m.asked, _added([one.figures[place][1] for one in each], m.asked)) for place, m in enumerate(found.measures)
    ]
    partial = [one.cost_partial for one in each if one.cost_partial is not None]
    traces, failed = (sum(getattr(one, name) for one in each) for name in ("traces", "failed"))
    return Measured(traces, failed, sum(partial) if len(partial) == len(each) else None, figures)


def _added(every: Sequence[Figures], asked: Asked) -> Figures:
    of_scores = None
    if asked.measure.is_score:
        parts = [f.of_scores for f in every if f.of_scores is not None]
        names = OfScores.__dataclass_fields__
        of_scores = OfScores(*(sum(getattr(part, name) for part in parts) for name in names))
    count, missing, total = (sum(getattr(f, name) for f in every) for name in ("count", "missing", "total"))
    return Figures(count, missing, total, of_scores=of_scores)
