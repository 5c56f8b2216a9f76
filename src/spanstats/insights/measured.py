"""The figures of one experiment: from rollups where they hold all that is asked for, else from columns."""

from collections.abc import Sequence

from ..columnar.groups import group
from ..columnar.reader import Columns
from ..columnar.selection import Selection
from ..domain.keys import ExperimentKey
from ..stats.rolled_up_many import rolled_up_by_experiment
from .figures import Figures, OfScores
from .grouped import completed, grouped
from .measures import Asked
from .questions import Question
from .rolled import Measured, are_rolled_up, hold, measured
from .selecting import measures_in, select
from .snapshot import Snapshot


async def measure(state: Snapshot, columns: Columns, experiment_key: ExperimentKey, question: Question) -> Measured:
    """What is asked for, of the experiment's traces in the window that match."""
    if question.matching is None and are_rolled_up(question.measures):
        sums = await rolled_up_by_experiment(state.tx.driver, [experiment_key], question.window)
        if sums is not None and hold(sums[experiment_key], question.measures):
            return measured(sums[experiment_key], question.measures, fill_scores=question.fill_scores)
    selection = await select(state, columns, experiment_key, question)
    measures = measures_in(selection, question.measures)
    return await columns.run(lambda: measured_whole(selection, measures, question))


def measured_whole(selection: Selection, measures: Sequence[Asked], question: Question) -> Measured:
    """All figures of all selected rows together."""
    whole = grouped(group(selection, []), measures, fill_scores=question.fill_scores)
    if not len(whole.groups):
        return nothing(measures)
    (found,) = completed(whole, [0], intervals=question.intervals)
    return found


def nothing(measures: Sequence[Asked]) -> Measured:
    """The figures of no traces at all."""
    empty = [(asked, Figures(of_scores=OfScores() if asked.measure.is_score else None)) for asked in measures]
    return Measured(0, 0, 0, empty, 0, 0)
