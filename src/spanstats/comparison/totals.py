"""Each arm's own sums, as its summary has them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import literal_column, select

from ..columnar.arms import Arm as ColumnArm
from ..columnar.reader import Columns
from ..domain.values import NANO
from ..stats.matching import rows_of
from ..stats.measures import MEASURES
from ..stats.rolled_up import rolled_up
from ..stats.rolled_up_many import rolled_up_by_experiment
from ..stats.summary import Estimates, filtered
from ..stats.sums import ScoreSums, Sums
from ..store.session import Transaction
from ..store.tables import traces
from .arms import ResolvedArm
from .measures import Measure, Number
from .sums import ArmSums

SQUARES = f"squares_{MEASURES[0].column}"
"""Where sums have this aggregate, they have the squares of all."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The summary's sums of an arm, and by measure what the summary does not add up."""

    sums: Sums
    others: Mapping[str, int]

    @property
    def traces(self) -> int:
        """How many traces the arm has."""
        return self.sums[0]["n"] or 0

    @property
    def failed(self) -> int:
        """How many of its traces failed."""
        return self.sums[0]["n_errors"] or 0

    @property
    def has_squares(self) -> bool:
        """Whether there are sums of squares of all that summaries add up."""
        return SQUARES in self.sums[0]

    def knows(self, measure: Measure) -> bool:
        """Whether it knows all of the measure, where it has squares."""
        if isinstance(measure, Number):
            return measure.summed is not None
        return measure.key not in self.sums[1] or self.sums[1][measure.key].n_traces is not None

    def of(self, measure: Measure, with_score: int | None = None) -> ArmSums:
        """The arm's sums of the measure; `with_score` is how many traces have such a score, if it was counted."""
        if isinstance(measure, Number):
            return self._of_number(measure)
        scores = self.sums[1].get(measure.key, ScoreSums())
        with_score = scores.n_traces or 0 if with_score is None else with_score
        n, total = scores.n + scores.n_true + scores.n_false, scores.total + scores.n_true * NANO
        squares = scores.squares + scores.n_true * NANO * NANO
        return ArmSums(NANO, n, total, squares, with_score, self.traces - with_score)

    def _of_number(self, measure: Number) -> ArmSums:
        counts = self.sums[0]
        n = counts.get(f"n_{measure.summed}", self.traces) or 0
        total = self.others.get(measure.name, 0) if measure.summed is None else counts[measure.summed] or 0
        squares = total if measure.boolean else counts.get(f"squares_{measure.summed}") or 0
        return ArmSums(measure.one, n, total, squares, n, self.traces - n)

    def is_boolean(self, key: str) -> bool:
        """Whether the evaluator's scores are all true or false."""
        scores = self.sums[1].get(key)
        return scores is None or (scores.n == 0 and scores.n_text == 0)

    def is_text(self, key: str) -> bool:
        """Whether the evaluator has text and no number."""
        scores = self.sums[1].get(key)
        return scores is None or (scores.n + scores.n_true + scores.n_false == 0 and scores.n_text > 0)


async def totals_of(
    columns: Columns, tx: Transaction, arm: ResolvedArm, measures: Iterable[Measure], rolled: Sums | None = None
) -> Totals:
    """The arm's sums, which may be `rolled` up already; of measures that summaries do not add up, those among
    `measures`."""
    sums = await _sums(columns, tx, arm) if rolled is None else rolled
    others = [m for m in measures if isinstance(m, Number) and m.summed is None]
    return Totals(sums, await _others(tx, arm, others))


async def rolled_up_squares(tx: Transaction, arms: Sequence[ResolvedArm]) -> list[Sums | None]:
    """Of each arm that is a whole experiment in a window the sums, with those of squares.

    `None` for other arms, and where rollups do not hold them yet. One statement for all arms of one window.
    """
    whole = [arm for arm in arms if arm.is_whole]
    by_window = {}
    for window in {arm.definition.window for arm in whole}:
        keys = sorted({arm.key for arm in whole if arm.definition.window == window})
        by_window[window] = await rolled_up_by_experiment(tx.driver, keys, window) or {}
    return [by_window[arm.definition.window].get(arm.key) if arm.is_whole else None for arm in arms]


async def _sums(columns: Columns, tx: Transaction, arm: ResolvedArm) -> Sums:
    if arm.is_whole:
        return await rolled_up(tx.driver, arm.key, arm.definition.window)
    return await filtered(columns, tx, column_arm(arm), Estimates(n_scores=arm.n_scores))


def column_arm(arm: ResolvedArm) -> ColumnArm:
    """The same traces as columns know them."""
    return ColumnArm(arm.key, arm.definition.window, arm.definition.matching)


async def _others(tx: Transaction, arm: ResolvedArm, measures: Sequence[Number]) -> dict[str, int]:
    """Sums that are read from the traces themselves."""
    if not measures:
        return {}
    sums = ", ".join(f"sum({m.sql}) AS {m.name}" for m in measures)
    matching = rows_of(arm.disjuncts, *(traces.c[m.column] for m in measures)).subquery("matching")
    row = await tx.only_row(select(literal_column(sums)).select_from(matching))
    return {m.name: int(row[m.name] or 0) for m in measures}
