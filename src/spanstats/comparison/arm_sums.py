"""Sums and sums of squares over the traces of one arm, for a comparison of arms as a whole.

Rollups hold them of whole experiments, whatever their size; of all else they are added up from columns.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from ..columnar import measures as columnar
from ..columnar.aggregate import NumberSums, traces_with
from ..columnar.measures import each_column
from ..columnar.needs import Needs
from ..columnar.plan import plan_of
from ..columnar.reader import Columns, time_limit
from ..columnar.selection import Selection
from ..stats.rolled_up_many import rolled_up_by_experiment
from ..store.session import Transaction
from .arms import Found
from .measures import Measure, Number, Scores
from .sums import ArmSums
from .totals import Totals, column_arm

BySum = Mapping[Measure, ArmSums]


async def sums_of_arm(columns: Columns, tx: Transaction, found: Found, n: int, measures: Sequence[Measure]) -> BySum:
    """The sums of each measure over the arm's `n` traces."""
    rolled = await _from_rollups(tx, found, measures)
    return {**rolled, **await _from_columns(columns, tx, found, n, [m for m in measures if m not in rolled])}


async def _from_rollups(tx: Transaction, found: Found, measures: Sequence[Measure]) -> BySum:
    """Of the measures of which rollups hold all."""
    if not found.is_whole:
        return {}
    sums = await rolled_up_by_experiment(tx.driver, [found.key], found.arm.window)
    if sums is None:
        return {}
    totals = Totals(sums[found.key], {})
    return {m: totals.of(m) for m in measures if isinstance(m, Number) and m.summed is not None}


async def _from_columns(columns: Columns, tx: Transaction, found: Found, n: int, measures: Sequence[Measure]) -> BySum:
    if not measures:
        return {}
    added, arm = _Added(measures), column_arm(found)
    needs = Needs()
    for measure in measures:
        needs |= columnar.needs_of(_column(measure))
    async for selection in columns.batches(tx, arm, needs, await plan_of(tx, arm), time_limit(tx.timeouts)):
        await columns.run(partial(added.add, selection))
    return {measure: added.sums(measure, n) for measure in measures}


def _column(measure: Measure) -> columnar.Measure:
    if isinstance(measure, Scores):
        return columnar.ScoresOf(frozenset({measure.key}))
    return columnar.NumberOf(measure.column)


class _Added:
    """The sums over the traces so far, and how many of them have a value."""

    def __init__(self, measures: Sequence[Measure]) -> None:
        self._sums = {measure: NumberSums() for measure in measures}
        self._traces = dict.fromkeys(measures, 0)

    def add(self, selection: Selection) -> None:
        """More traces."""
        for measure, sums in self._sums.items():
            for column in each_column(selection, _column(measure)):
                sums.add(column.numbers, squares=True, extremes=False)
            self._traces[measure] += traces_with(selection, _column(measure))

    def sums(self, measure: Measure, n: int) -> ArmSums:
        found, having = self._sums[measure], self._traces[measure]
        return ArmSums(measure.one, found.count, found.total, found.squares, having, n - having)
