"""Figures of groups of traces from columns: counts, sums, squares, extremes and percentiles, all exact."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..columnar.format import FAILED, UNPRICED
from ..columnar.group_values import (
    ScoreCounts,
    group_order_statistics,
    group_partial_costs,
    group_score_counts,
    group_squares,
)
from ..columnar.groups import Groups, GroupSums, group_extremes, group_sums
from ..columnar.measures import Measure as ColumnMeasure
from ..columnar.measures import NumberOf, ScoresOf
from .figures import Figures, OfScores, wanted_ranks
from .measures import ERROR, Asked, Measure
from .rolled import Measured

COST_COLUMNS = ("cost_pd", UNPRICED)
"""What tells whether a cost is too low."""


def column_measure(measure: Measure) -> ColumnMeasure:
    """Where columns hold the measure."""
    if measure.is_score:
        return ScoresOf(measure.keys)
    return NumberOf(FAILED if measure.name == ERROR else measure.column or "")


@dataclass(frozen=True, slots=True)
class MeasureSums:
    """The counts and sums of one measure by group."""

    asked: Asked
    sums: GroupSums
    scores: ScoreCounts | None

    def figures(self, number: int, traces: int, *, fill_scores: bool) -> Figures:
        """The figures of one group of this many `traces`."""
        count, total = int(self.sums.counts[number]), self.sums.totals[number]
        if self.scores is None:
            return Figures(count, traces - count, total)
        found = Figures(count, total=total, of_scores=_of_scores(self.scores, number))
        found = replace(found, missing=traces - int(self.scores.traces[number]))
        return found.filled() if fill_scores else found


@dataclass(frozen=True, slots=True)
class Grouped:
    """Counts and sums of all groups; with `fill_scores` a trace without a score counts as a score of 0."""

    groups: Groups
    failed: Sequence[int]
    cost_partial: Sequence[int | None]
    measures: Sequence[MeasureSums]
    fill_scores: bool = False

    def totals(self, number: int) -> Measured:
        """The counts and sums of one group."""
        traces = int(self.groups.counts[number])
        figures = [(m.asked, m.figures(number, traces, fill_scores=self.fill_scores)) for m in self.measures]
        return Measured(traces, self.failed[number], self.cost_partial[number], figures)


def grouped(groups: Groups, measures: Sequence[Asked], *, fill_scores: bool = False) -> Grouped:
    """The counts and sums of all groups."""
    found = []
    for asked in measures:
        measure = asked.measure
        scores = group_score_counts(groups, measure.keys) if measure.is_score else None
        found.append(MeasureSums(asked, group_sums(groups, column_measure(measure)), scores))
    failed = group_sums(groups, NumberOf(FAILED)).totals
    return Grouped(groups, failed, _partial_costs(groups, measures), found, fill_scores)


def _partial_costs(groups: Groups, measures: Sequence[Asked]) -> Sequence[int | None]:
    """`None` where no cost is asked for, or of spans, whose cost is known or not."""
    has_both = all(name in part.chunk.columns for part in groups.selection.parts for name in COST_COLUMNS)
    if not has_both or all(asked.measure.column != "cost_pd" for asked in measures):
        return [None] * len(groups)
    return group_partial_costs(groups)


def completed(found: Grouped, numbers: Sequence[int], *, intervals: bool = False) -> list[Measured]:
    """These groups with all that was asked for: squares, extremes and percentiles too."""
    totals = [found.totals(number) for number in numbers]
    by_measure = [
        _completed(found.groups, m.asked, [t.figures[place][1] for t in totals], numbers, intervals=intervals)
        for place, m in enumerate(found.measures)
    ]
    asked = [m.asked for m in found.measures]
    return [
        replace(total, figures=list(zip(asked, (of_groups[i] for of_groups in by_measure), strict=True)))
        for i, total in enumerate(totals)
    ]


def _of_scores(scores: ScoreCounts, number: int) -> OfScores:
    return OfScores(*(int(counts[number]) for counts in (scores.traces, scores.texts, scores.true, scores.false)))


def _completed(
    groups: Groups, asked: Asked, found: list[Figures], numbers: Sequence[int], *, intervals: bool
) -> list[Figures]:
    column = column_measure(asked.measure)
    if "std_dev" in asked.aggregates:
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


def _with_extremes(figures: Figures, extremes: tuple[int, int] | None) -> Figures:
    ends = [] if extremes is None else list(extremes)
    ends += [0] if figures.of_scores is not None and figures.of_scores.filled else []
    return replace(figures, low=min(ends, default=None), high=max(ends, default=None))
