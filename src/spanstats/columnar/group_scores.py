"""The scores of groups of traces, and the traces of groups whose cost is partial."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from .chunk import Array, Scores
from .groups import Counted, Groups, ViewGroups, counts_by
from .measures import TEXT
from .partial_costs import partial_costs

_BOOLEAN = 1


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCounts:
    """By group: traces that have a number of the evaluators, and how many of their scores are texts or booleans."""

    traces: Counted
    texts: Counted
    true: Counted
    false: Counted

    def each(self) -> tuple[Counted, ...]:
        """All counts, in this order."""
        return self.traces, self.texts, self.true, self.false


def group_score_counts(groups: Groups, keys: Collection[str]) -> ScoreCounts:
    """The counts of the scores of these evaluators by group."""
    counts = ScoreCounts(*(np.zeros(len(groups), np.int64) for _ in range(4)))
    for by in groups.views:
        groups.selection.check()
        every = [scores for key in sorted(keys) if (scores := by.view.chunk.scores(key)) is not None]
        for scores in every:
            _add_kinds(counts, by, by.view.scores(scores))
        _add(counts.traces, by, _rows_with_numbers(by, every))
    return counts


def _add_kinds(totals: ScoreCounts, by: ViewGroups, scores: Scores) -> None:
    if scores.kinds.low + scores.kinds.step * int(scores.kinds.codes.max(initial=0)) == 0:
        # All are numbers.
        return
    codes = by.codes if scores.rows is None else by.codes[scores.rows]
    kinds, is_one = scores.kinds.values(), scores.values.values() != 0
    for counts, rows in (
        (totals.texts, kinds == TEXT),
        (totals.true, (kinds == _BOOLEAN) & is_one),
        (totals.false, (kinds == _BOOLEAN) & ~is_one),
    ):
        if len(counts):
            np.add.at(counts, by.groups, counts_by(codes[rows], len(by.groups)))


def _rows_with_numbers(by: ViewGroups, every: Collection[Scores]) -> Array | None:
    """Which rows of the chunk have a number; `None` where all of the selected ones have."""
    has = np.zeros(by.view.chunk.n, np.bool_)
    for scores in every:
        valid = scores.values.valid
        if scores.rows is None and valid is None:
            return None
        if scores.rows is None and valid is not None:
            has |= valid
        elif scores.rows is not None:
            has[scores.rows if valid is None else scores.rows[valid]] = True
    return has if by.view.rows is None else has & by.view.rows


def _add(counts: Counted, by: ViewGroups, rows: Array | None) -> None:
    if not len(counts):
        return
    of_codes = by.counts if rows is None else counts_by(by.codes[rows], len(by.groups))
    np.add.at(counts, by.groups, of_codes)


def group_partial_costs(groups: Groups) -> Counted:
    """The number of traces of each group whose cost is partial: known, but without spans that have no price."""
    counts = np.zeros(len(groups), np.int64)
    for by in groups.views:
        if (is_partial := partial_costs(by.view)) is not None:
            _add(counts, by, is_partial)
    return counts
