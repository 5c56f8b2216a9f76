"""Figures of groups of traces from columns: counts, sums, squares, extremes and percentiles, all exact."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..columnar.format import FAILED
from ..columnar.group_order import group_order_statistics
from ..columnar.group_scores import ScoreCounts, group_partial_costs, group_score_counts
from ..columnar.group_squares import group_squares
from ..columnar.group_sums import GroupSums, group_extremes, group_sums
from ..columnar.groups import Counted, Groups
from ..columnar.measures import Measure as ColumnMeasure
from ..columnar.measures import NumberOf, ScoresOf
from ..columnar.partial_costs import COST_COLUMNS
from .figures import Figures, OfScores, wanted_ranks
from .measures import ERROR, Asked, Measure
from .rolled import Measured, has_cost


def column_measure(measure: Measure) -> ColumnMeasure:
    """Where columns hold the measure."""
    if measure.is_score:
        return ScoresOf(measure.keys)
    return NumberOf(FAILED if measure.name == ERROR else measure.column or "")


@dataclass(frozen=True, slots=True, eq=False)
class MeasureSums:
    """The counts and sums of one measure by group; with `fill_scores`, a trace without a score counts as 0."""

    asked: Asked
    traces: Counted
    sums: GroupSums
    scores: ScoreCounts | None
    fill_scores: bool

    def figures(self, number: int) -> Figures:
        """Those of one group."""
        of_scores = None
        if self.scores is not None:
            of_scores = OfScores(*(int(counts[number]) for counts in self.scores.each()))
        return self._figures(
            int(self.traces[number]), int(self.sums.counts[number]), int(self.sums.totals[number]), of_scores
        )

    def together(self, wanted: NDArray[np.intp]) -> Figures:
        """Those of these groups together."""
        of_scores = None
        if self.scores is not None:
            of_scores = OfScores(*(int(counts[wanted].sum()) for counts in self.scores.each()))
        return self._figures(int(self.traces[wanted].sum()), *self.sums.together(wanted), of_scores)

    def filled(self) -> Counted:
        """How many traces without a score count as a score of 0, by group."""
        is_filled = self.fill_scores and self.scores is not None
        return self.traces - self.scores.traces if is_filled and self.scores else np.zeros_like(self.traces)

    def _figures(self, traces: int, count: int, total: int, of_scores: OfScores | None) -> Figures:
        if of_scores is None:
            return Figures(count, traces - count, total)
        found = Figures(count, traces - of_scores.trace_count, total, of_scores=of_scores)
        return found.filled() if self.fill_scores else found


@dataclass(frozen=True, slots=True, eq=False)
class GroupedFigures:
    """Counts and sums of all groups."""

    groups: Groups
    failed: Counted
    cost_partial: Counted | None
    measures: Sequence[MeasureSums]

    def totals(self, number: int) -> Measured:
        """The counts and sums of one group."""
        figures = [(m.asked, m.figures(number)) for m in self.measures]
        return self._measured(np.array([number]), figures)

    def together(self, wanted: NDArray[np.intp]) -> Measured:
        """The counts and sums of these groups together."""
        return self._measured(wanted, [(m.asked, m.together(wanted)) for m in self.measures])

    def _measured(self, wanted: NDArray[np.intp], figures: Sequence[tuple[Asked, Figures]]) -> Measured:
        traces, failed = (int(counts[wanted].sum()) for counts in (self.groups.counts, self.failed))
        partial = None if self.cost_partial is None else int(self.cost_partial[wanted].sum())
        return Measured(traces, failed, partial, figures)


def grouped(groups: Groups, measures: Sequence[Asked], *, fill_scores: bool = False) -> GroupedFigures:
    """The counts and sums of all groups."""
    found = []
    for asked in measures:
        measure = asked.measure
        scores = group_score_counts(groups, measure.keys) if measure.is_score else None
        sums = group_sums(groups, column_measure(measure))
        found.append(MeasureSums(asked, groups.counts, sums, scores, fill_scores))
    failed = group_sums(groups, NumberOf(FAILED)).totals
    return GroupedFigures(groups, failed, _partial_costs(groups, measures), found)


def _partial_costs(groups: Groups, measures: Sequence[Asked]) -> Counted | None:
    """`None` where no cost is asked for, or of spans, whose cost is known or not."""
    has_both = all(name in part.chunk.columns for part in groups.selection.parts for name in COST_COLUMNS)
    if not has_both or not has_cost(measures):
        return None
    return group_partial_costs(groups)


def completed(found: GroupedFigures, numbers: Sequence[int], *, intervals: bool = False) -> list[Measured]:
    """These groups with all that was asked for: squares, extremes and percentiles too."""
    totals = [found.totals(number) for number in numbers]
    by_measure = [
        _completed(found.groups, m.asked, [t.figures[index][1] for t in totals], numbers, intervals=intervals)
        for index, m in enumerate(found.measures)
    ]
    asked = [m.asked for m in found.measures]
    return [
        replace(total, figures=list(zip(asked, (of_groups[i] for of_groups in by_measure), strict=True)))
        for i, total in enumerate(totals)
    ]


def _completed(
    groups: Groups, asked: Asked, found: list[Figures], numbers: Sequence[int], *, intervals: bool
) -> list[Figures]:
    column = column_measure(asked.measure)
    if "std_dev" in asked.aggregates or (intervals and "mean" in asked.aggregates):
        squares = group_squares(groups, column)
        found = [replace(f, squares=squares[number]) for f, number in zip(found, numbers, strict=True)]
    if {"min", "max"} & {*asked.aggregates}:
        extremes = group_extremes(groups, column)
        found = [_with_extremes(f, extremes[number]) for f, number in zip(found, numbers, strict=True)]
    if asked.percentiles:
        ranks = [wanted_ranks(f.count, asked, intervals=intervals) for f in found]
        zeros = [0 if f.of_scores is None else f.of_scores.filled for f in found]
        order = group_order_statistics(groups, column, numbers, ranks, zeros)
        found = [replace(f, order=of_group) for f, of_group in zip(found, order, strict=True)]
    return found


def needs_rows(asked: Asked) -> bool:
    """Whether it takes more than the sums of parts to complete the figures of all."""
    return bool(asked.percentiles) or not {"std_dev", "min", "max"}.isdisjoint(asked.aggregates)


def _with_extremes(figures: Figures, extremes: tuple[int, int] | None) -> Figures:
    ends = [] if extremes is None else list(extremes)
    ends += [0] if figures.of_scores is not None and figures.of_scores.filled else []
    return replace(figures, low=min(ends, default=None), high=max(ends, default=None))
