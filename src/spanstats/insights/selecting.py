"""The traces that a question is about, as columns of one snapshot."""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_

from ..columnar.arms import Arm
from ..columnar.dimensions import Dimension
from ..columnar.dimensions import needs_of as needs_of_dimension
from ..columnar.format import FAILED
from ..columnar.measures import needs_of as needs_of_measure
from ..columnar.needs import Needs, needs
from ..columnar.partial_costs import COST_COLUMNS
from ..columnar.reader import Columns
from ..columnar.selection import Selection, evaluators_in
from ..domain.keys import ExperimentKey
from ..filters.disjuncts import compile_filter
from .from_rollups import default_measures
from .group_figures import column_measure
from .measures import MeasureSpec
from .questions import Question
from .snapshot import Snapshot


async def select(
    state: Snapshot,
    columns: Columns,
    experiment_key: ExperimentKey,
    question: Question,
    more: Needs = Needs(),  # noqa: B008 (immutable)
) -> Selection:
    """The experiment's traces in the window that match, with what the measures look at, and more columns."""
    await state.tx.plan_for_values()
    matching = None if question.matching is None else compile_filter(question.matching, state.tenant_id)
    arm = Arm(experiment_key, question.window, matching)
    (selection,) = await columns.select(state.tx, [arm], needs_of(question.measures) | more)
    return selection


def needs_of(measures: Sequence[MeasureSpec] | None) -> Needs:
    """The columns of these measures; `None`: of the default ones, and all scores."""
    every_need = Needs(every_score=measures is None)
    for spec in default_measures(()) if measures is None else measures:
        every_need |= needs_of_measure(column_measure(spec.measure))
        if spec.measure.column == "cost_pd":
            every_need |= Needs(COST_COLUMNS)
    return every_need


def needs_of_groups(dimensions: Iterable[Dimension]) -> Needs:
    """The columns of these dimensions, and what is counted of every group."""
    return reduce(or_, map(needs_of_dimension, dimensions), needs({FAILED}))


def measures_in(selection: Selection, measures: Sequence[MeasureSpec] | None) -> Sequence[MeasureSpec]:
    """The measures, where none are named the default ones and the scores that the traces have."""
    return default_measures(evaluators_in([selection])) if measures is None else measures
