"""Figures by the values of one or two dimensions: the groups, what is left of them, and the total."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..columnar.dimensions import ByNumber
from ..columnar.dimensions import Dimension as ColumnDimension
from ..columnar.format import MANY_MODELS
from ..columnar.groups import group
from ..columnar.reader import Columns
from ..columnar.selection import Selection
from ..domain.keys import ExperimentKey, TenantId
from ..stats.evaluators import Evaluator, evaluators_of
from ..store.session import Database
from .dimensions import MODEL, SPAN, Dimension
from .from_rollups import FigureSet
from .group_figures import GroupedFigures, completed, figures_by_group, needs_rows
from .measures import MeasureSpec
from .measuring import measured_whole
from .ordering import Order, in_order
from .questions import Question
from .selecting import measures_in, needs_of_groups, select
from .snapshot import Experiment, Snapshot, snapshot
from .spans import dimension_of_spans, select_spans
from .summed_spans import are_kept, figures_of_spans

MAX_GROUPS = 1_000


@dataclass(frozen=True, slots=True)
class BreakdownOptions:
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
    measured: FigureSet


@dataclass(frozen=True, slots=True)
class Groups:
    """The listed groups in order; of the `others` that are not listed counts and sums; the total of all."""

    listed: Sequence[Group]
    others: int
    other: FigureSet
    total: FigureSet


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
    options: BreakdownOptions,
) -> Breakdown:
    """The groups, all of one snapshot. Raises `NotFound`, `Unavailable`."""
    async with snapshot(database, tenant_id) as state:
        experiment = await state.experiment(experiment_id)
        grouping = await _grouping(state, columns, experiment.key, question, options)
        measures = grouping.measures
        evaluators = await evaluators_of(state.tx, tenant_id, sorted({key for a in measures for key in a.measure.keys}))
    return Breakdown(
        experiment, state.as_of, await columns.run(lambda: groups_of(grouping, question, options)), evaluators
    )


@dataclass(frozen=True, slots=True)
class Grouping:
    """Rows of traces or spans that are to be grouped, or sums of their groups that were kept."""

    measures: Sequence[MeasureSpec]
    selection: Selection
    dimensions: Sequence[ColumnDimension] = ()
    summed: GroupedFigures | None = None


async def _grouping(
    state: Snapshot, columns: Columns, experiment_key: ExperimentKey, question: Question, options: BreakdownOptions
) -> Grouping:
    if options.unit != SPAN:
        dimensions = columns_of(options.dimensions)
        selection = await select(state, columns, experiment_key, question, needs_of_groups(dimensions))
        return Grouping(measures_in(selection, question.measures), selection, dimensions)
    await state.tx.plan_for_values()
    measures = question.measures or ()
    if are_kept(options.dimensions, question, measures):
        summed = await figures_of_spans(state, columns, experiment_key, question, options.dimensions[0], measures)
        if summed is not None:
            return Grouping(measures, summed.groups.selection, summed=summed)
    selection = await select_spans(state, columns, experiment_key, question, options.dimensions)
    return Grouping(measures, selection, [dimension_of_spans(i) for i in range(len(options.dimensions))])


def columns_of(dimensions: Sequence[Dimension]) -> list[ColumnDimension]:
    """What the traces are grouped by: with a model also by whether there are several."""
    by_dimension = [dimension.column() for dimension in dimensions]
    return [*by_dimension, ByNumber(MANY_MODELS)] if any(d.name == MODEL for d in dimensions) else by_dimension


def groups_of(grouping: Grouping, question: Question, options: BreakdownOptions) -> Groups:
    """The groups of the selected rows."""
    selection, measures, fill = grouping.selection, grouping.measures, question.fill_scores
    figures = grouping.summed or figures_by_group(group(selection, grouping.dimensions), measures, fill_scores=fill)
    listed, others = in_order(figures, options.order, options.limit)
    keys = zip(*figures.groups.keys_of(listed), strict=True)
    groups = [
        Group(_key(key, options.dimensions), _is_several(key, len(options.dimensions)), one)
        for key, one in zip(keys, completed(figures, listed), strict=True)
    ]
    needs_all = grouping.summed is None and (any(map(needs_rows, measures)) or not len(figures.groups))
    total = (
        measured_whole(selection, measures, question) if needs_all else figures.together(np.arange(len(figures.groups)))
    )
    return Groups(groups, len(others), figures.together(others), total)


def _key(keys: Sequence[Any], dimensions: Sequence[Dimension]) -> tuple[Any, ...]:
    return tuple(dimension.key(key) for dimension, key in zip(dimensions, keys, strict=False))


def _is_several(keys: Sequence[Any], dimensions: int) -> bool:
    return len(keys) > dimensions and keys[-1] == 1
