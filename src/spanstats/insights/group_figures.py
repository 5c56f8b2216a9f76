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
from .from_rollups import FigureSet, has_cost
from .measures import ERROR, Measure, MeasureSpec


def column_measure(measure: Measure) -> ColumnMeasure:
    """Where columns hold the measure."""
    if measure.is_score:
        return ScoresOf(measure.keys)
    return NumberOf(FAILED if measure.name == ERROR else measure.column or "")


@dataclass(frozen=True, slots=True, eq=False)
class MeasureSums:
    """The counts and sums of one measure by group; with `fill_scores`, a trace without a score counts as 0."""

    spec: MeasureSpec
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

    def together(self, group_numbers: NDArray[np.intp]) -> Figures:
        """Those of these groups together."""
        of_scores = None
        if self.scores is not None:
            of_scores = OfScores(*(int(counts[group_numbers].sum()) for counts in self.scores.each()))
        return self._figures(int(self.traces[group_numbers].sum()), *self.sums.together(group_numbers), of_scores)

    def filled(self) -> Counted:
        """How many traces without a score count as a score of 0, by group."""
        is_filled = self.fill_scores and self.scores is not None
        return self.traces - self.scores.traces if is_filled and self.scores else np.zeros_like(self.traces)

    def _figures(self, traces: int, count: int, total: int, of_scores: OfScores | None) -> Figures:
        if of_scores is None:
            return Figures(count, traces - count, total)
        figures = Figures(count, traces - of_scores.trace_count, total, of_scores=of_scores)
        return figures.filled() if self.fill_scores else figures


@dataclass(frozen=True, slots=True, eq=False)
class GroupedFigures:
    """Counts and sums of all groups."""

    groups: Groups
    failed: Counted
    cost_partial: Counted | None
    measures: Sequence[MeasureSums]

    def totals(self, number: int) -> FigureSet:
        """The counts and sums of one group."""
        figures = [(m.spec, m.figures(number)) for m in self.measures]
        return self._measured(np.array([number]), figures)

    def together(self, group_numbers: NDArray[np.intp]) -> FigureSet:
        """The counts and sums of these groups together."""
        return self._measured(group_numbers, [(m.spec, m.together(group_numbers)) for m in self.measures])

    def _measured(self, group_numbers: NDArray[np.intp], figures: Sequence[tuple[MeasureSpec, Figures]]) -> FigureSet:
        traces, failed = (int(counts[group_numbers].sum()) for counts in (self.groups.counts, self.failed))
        partial = None if self.cost_partial is None else int(self.cost_partial[group_numbers].sum())
        return FigureSet(traces, failed, partial, figures)


def figures_by_group(groups: Groups, measures: Sequence[MeasureSpec], *, fill_scores: bool = False) -> GroupedFigures:
    """The counts and sums of all groups."""
    sums_by_measure = []
    for spec in measures:
        measure = spec.measure
        scores = group_score_counts(groups, measure.keys) if measure.is_score else None
        sums = group_sums(groups, column_measure(measure))
        sums_by_measure.append(MeasureSums(spec, groups.counts, sums, scores, fill_scores))
    failed = group_sums(groups, NumberOf(FAILED)).totals
    return GroupedFigures(groups, failed, _partial_costs(groups, measures), sums_by_measure)


def _partial_costs(groups: Groups, measures: Sequence[MeasureSpec]) -> Counted | None:
    """`None` where no cost is asked for, or of spans, whose cost is known or not."""
    has_both = all(name in view.chunk.columns for view in groups.selection.views for name in COST_COLUMNS)
    if not has_both or not has_cost(measures):
        return None
    return group_partial_costs(groups)


def completed(figures: GroupedFigures, numbers: Sequence[int], *, intervals: bool = False) -> list[FigureSet]:
    """These groups with all that was asked for: squares, extremes and percentiles too."""
    totals = [figures.totals(number) for number in numbers]
    by_measure = [
        _completed(figures.groups, m.spec, [t.figures[index][1] for t in totals], numbers, intervals=intervals)
        for index, m in enumerate(figures.measures)
    ]
    specs = [m.spec for m in figures.measures]
    return [
        replace(total, figures=list(zip(specs, (of_groups[i] for of_groups in by_measure), strict=True)))
        for i, total in enumerate(totals)
    ]


def _completed(
    groups: Groups, spec: MeasureSpec, figures: list[Figures], numbers: Sequence[int], *, intervals: bool
) -> list[Figures]:
    column = column_measure(spec.measure)
    if "std_dev" in spec.aggregates or (intervals and "mean" in spec.aggregates):
        squares = group_squares(groups, column)
        figures = [replace(f, squares=squares[number]) for f, number in zip(figures, numbers, strict=True)]
    if {"min", "max"} & {*spec.aggregates}:
        extremes = group_extremes(groups, column)
        figures = [_with_extremes(f, extremes[number]) for f, number in zip(figures, numbers, strict=True)]
    if spec.percentiles:
        ranks = [wanted_ranks(f.count, spec, intervals=intervals) for f in figures]
        zeros = [0 if f.of_scores is None else f.of_scores.filled for f in figures]
        order = group_order_statistics(groups, column, numbers, ranks, zeros)
        figures = [replace(f, order=of_group) for f, of_group in zip(figures, order, strict=True)]
    return figures


def needs_rows(spec: MeasureSpec) -> bool:
    """Whether it takes more than the sums of parts to complete the figures of all."""
    return bool(spec.percentiles) or not {"std_dev", "min", "max"}.isdisjoint(spec.aggregates)


def _with_extremes(figures: Figures, extremes: tuple[int, int] | None) -> Figures:
    ends = [] if extremes is None else list(extremes)
    ends += [0] if figures.of_scores is not None and figures.of_scores.filled else []
    return replace(figures, low=min(ends, default=None), high=max(ends, default=None))
