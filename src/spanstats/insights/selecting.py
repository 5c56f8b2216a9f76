"""The traces that a question is about, as columns of one snapshot."""

from collections.abc import Iterable, Sequence

from ..columnar.arms import Arm
from ..columnar.dimensions import Dimension
from ..columnar.dimensions import needs_of as needs_of_dimension
from ..columnar.format import FAILED, HAS_ROOT, WITHOUT_KEY
from ..columnar.measures import needs_of as needs_of_measure
from ..columnar.needs import Needs
from ..columnar.partial_costs import COST_COLUMNS
from ..columnar.reader import Columns
from ..columnar.selection import Selection, evaluators_in
from ..domain.keys import ExperimentKey
from ..filters.parts import compile_filter
from .grouped import column_measure
from .measures import Asked
from .questions import Question
from .rolled import default_measures
from .snapshot import Snapshot


async def select(
    state: Snapshot,
    columns: Columns,
    experiment_key: ExperimentKey,
    question: Question,
    dimensions: Iterable[Dimension] = (),
) -> Selection:
    """The experiment's traces in the window that match, with what the measures and dimensions look at."""
    matching = None if question.matching is None else compile_filter(question.matching, state.tenant_id)
    arm = Arm(experiment_key, question.window, matching)
    (selection,) = await columns.select(state.tx, [arm], needs_of(question.measures, dimensions))
    return selection


def needs_of(measures: Sequence[Asked] | None, dimensions: Iterable[Dimension]) -> Needs:
    """The columns of these measures (`None`: of the default ones, and all scores) and dimensions."""
    found = Needs(frozenset({FAILED, HAS_ROOT, WITHOUT_KEY}), every_score=measures is None)
    for asked in default_measures(()) if measures is None else measures:
        found |= needs_of_measure(column_measure(asked.measure))
        if asked.measure.column == "cost_pd":
            found |= Needs(COST_COLUMNS)
    for dimension in dimensions:
        found |= needs_of_dimension(dimension)
    return found


def measures_in(selection: Selection, measures: Sequence[Asked] | None) -> Sequence[Asked]:
    """The measures, where none are named the default ones and the scores that the traces have."""
    return default_measures(evaluators_in([selection])) if measures is None else measures
