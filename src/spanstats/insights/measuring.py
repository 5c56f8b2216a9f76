"""The figures of one experiment: from rollups where they hold all that is asked for, else from columns."""

from collections.abc import Sequence
from dataclasses import replace

from ..columnar.aggregate import sums as sums_of
from ..columnar.format import FAILED, HAS_ROOT, WITHOUT_KEY
from ..columnar.groups import group
from ..columnar.measures import NumberOf
from ..columnar.needs import needs
from ..columnar.reader import Columns
from ..columnar.selection import Selection
from ..domain.keys import ExperimentKey
from ..stats.rolled_up_many import rolled_up_by_experiment
from .figures import Figures, OfScores
from .from_rollups import FigureSet, are_rolled_up, figures_in_rollups, has_cost, hold_all
from .group_figures import completed, figures_by_group
from .measures import MeasureSpec
from .questions import Question
from .selecting import measures_in, select
from .snapshot import Snapshot

_OF_TRACES = needs({FAILED, HAS_ROOT, WITHOUT_KEY})
"""What is counted of all traces, for any measures."""


async def measure(state: Snapshot, columns: Columns, experiment_key: ExperimentKey, question: Question) -> FigureSet:
    """What is asked for, of the experiment's traces in the window that match."""
    if question.matching is None and are_rolled_up(question.measures):
        sums = await rolled_up_by_experiment(state.tx.driver, [experiment_key], question.window)
        if sums is not None and hold_all(sums[experiment_key], question.measures):
            return figures_in_rollups(sums[experiment_key], question.measures, fill_scores=question.fill_scores)
    selection = await select(state, columns, experiment_key, question, _OF_TRACES)
    measures = measures_in(selection, question.measures)
    return await columns.run(lambda: measured_whole(selection, measures, question))


def measured_whole(selection: Selection, measures: Sequence[MeasureSpec], question: Question) -> FigureSet:
    """All figures of all selected rows together."""
    whole = figures_by_group(group(selection, []), measures, fill_scores=question.fill_scores)
    if not len(whole.groups):
        return no_figures(measures)
    (figures,) = completed(whole, [0], intervals=question.intervals)
    if not all(name in view.chunk.columns for view in selection.views for name in (HAS_ROOT, WITHOUT_KEY)):
        # Single spans have neither.
        return figures
    with_root, without_key = (sums_of(selection, NumberOf(name)).total for name in (HAS_ROOT, WITHOUT_KEY))
    return replace(figures, without_root=figures.traces - with_root, without_key=without_key)


def no_figures(measures: Sequence[MeasureSpec]) -> FigureSet:
    """The figures of no traces at all."""
    empty = [(spec, Figures(of_scores=OfScores() if spec.measure.is_score else None)) for spec in measures]
    return FigureSet(0, 0, 0 if has_cost(measures) else None, empty, 0, 0)
