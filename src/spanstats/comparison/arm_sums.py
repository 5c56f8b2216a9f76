"""Sums and sums of squares over the traces of one arm, for a comparison of arms as a whole.

Rollups hold them of whole experiments of any size; of all else they are added up from columns.
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
from ..store.session import Transaction
from .measures import Measure, Scores
from .side import Side
from .sums import ArmSums
from .totals import Totals, column_arm, rolled_up_squares

BySum = Mapping[Measure, ArmSums]


async def sums_of_arm(columns: Columns, tx: Transaction, side: Side, measures: Sequence[Measure]) -> BySum:
    """The sums of each measure over the arm's traces."""
    rolled = await _from_rollups(tx, side, measures)
    others = [measure for measure in measures if measure not in rolled]
    return {**rolled, **await _from_columns(columns, tx, side, others)}


async def _from_rollups(tx: Transaction, side: Side, measures: Sequence[Measure]) -> BySum:
    """Of the measures of which rollups hold all."""
    totals = side.totals
    if not totals.has_squares:
        (sums,) = await rolled_up_squares(tx, [side.arm])
        if sums is None:
            return {}
        totals = Totals(sums, {})
    return {measure: totals.of(measure) for measure in measures if totals.knows(measure)}


async def _from_columns(columns: Columns, tx: Transaction, side: Side, measures: Sequence[Measure]) -> BySum:
    if not measures:
        return {}
    added, arm = _Added(measures), column_arm(side.arm)
    needs = Needs()
    for measure in measures:
        needs |= columnar.needs_of(_column(measure))
    async for selection in columns.batches(tx, arm, needs, await plan_of(tx, arm), time_limit(tx.timeouts)):
        await columns.run(partial(added.add, selection))
    return {measure: added.sums(measure, side.totals.traces) for measure in measures}


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
        sums, having = self._sums[measure], self._traces[measure]
        return ArmSums(measure.one, sums.count, sums.total, sums.squares, having, n - having)
