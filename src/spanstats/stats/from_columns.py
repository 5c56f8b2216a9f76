"""The sums of a summary from columns (`columnar/`): what `ANSWERED` and `SCORE_AGGREGATES` say in SQL, over arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..columnar.aggregate import NumberSums
from ..columnar.chunk import Mask, Numbers, Scores
from ..columnar.format import FAILED
from ..columnar.needs import Needs
from ..columnar.partial_costs import COST_COLUMNS, count_partial_costs
from ..columnar.selection import ChunkView, Selection
from .measures import ANSWERED, COST_PARTIAL, MEASURES, How
from .score_measures import BOOLEAN, NUMBER, TEXT
from .sums import ScoreSums, Sums

_VALUES: Mapping[How, Callable[[NumberSums], int | None]] = {
    How.SUM: lambda sums: sums.total if sums.count else None,
    How.COUNT: lambda sums: sums.count,
    How.MIN: lambda sums: sums.low,
    How.MAX: lambda sums: sums.high,
    How.SQUARES: lambda sums: sums.squares,
}
_OF_MEASURES = [(a.name, a.measure, a.how) for a in ANSWERED if a.measure is not None and a.how is not None]
_WITH_EXTREMES = {measure for _, measure, how in _OF_MEASURES if how in (How.MIN, How.MAX)}
_WITH_SQUARES = {measure for _, measure, how in _OF_MEASURES if how is How.SQUARES}

NEEDS = Needs(COST_COLUMNS | {FAILED, *(m.column for m in MEASURES)})


@dataclass(slots=True)
class _SumsByKind:
    """The scores of one evaluator by kind; of booleans also how many are true."""

    numbers: NumberSums = field(default_factory=NumberSums)
    booleans: NumberSums = field(default_factory=NumberSums)
    n_true: int = 0
    n_text: int = 0
    n_traces: int = 0


class RunningSums:
    """Sums over the traces so far; with `scores` those of their scores too."""

    def __init__(self, *, scores: bool) -> None:
        self._n = 0
        self._n_partial = 0
        self._failed = NumberSums()
        self._measures = {m.column: NumberSums() for m in MEASURES}
        self._scores: dict[str, _SumsByKind] | None = {} if scores else None

    @property
    def needs(self) -> Needs:
        """The columns that are added up."""
        return NEEDS | Needs(every_score=self._scores is not None)

    def add(self, selection: Selection) -> None:
        """Add these traces."""
        for view in selection.each():
            self._n += view.n
            self._n_partial += count_partial_costs(view)
            self._failed.add(view.numbers(view.chunk.numbers(FAILED)), extremes=False)
            for name, sums in self._measures.items():
                numbers = view.numbers(view.chunk.numbers(name))
                sums.add(numbers, squares=name in _WITH_SQUARES, extremes=name in _WITH_EXTREMES)
            if self._scores is not None:
                self._add_scores(view, self._scores)

    def _add_scores(self, view: ChunkView, by_key: dict[str, _SumsByKind]) -> None:
        for key in view.chunk.evaluators():
            scores = view.chunk.scores(key)
            if scores is not None and len((of_view := view.scores(scores)).values.codes):
                _add_kinds(by_key.setdefault(key, _SumsByKind()), of_view)

    def result(self) -> Sums:
        """As read from rollups or from the traces."""
        totals: dict[str, int | None] = {"n": self._n, "n_errors": self._failed.total, COST_PARTIAL: self._n_partial}
        totals |= {name: _VALUES[how](self._measures[measure]) for name, measure, how in _OF_MEASURES}
        scores = {} if self._scores is None else {key: _score_sums(self._scores[key]) for key in sorted(self._scores)}
        return totals, scores


def _add_kinds(by_kind: _SumsByKind, scores: Scores) -> None:
    by_kind.n_traces += _traces(scores)
    if scores.kinds.codes.strides == (0,) and scores.kinds.low == NUMBER:
        by_kind.numbers.add(scores.values, squares=True)
        return
    kinds = scores.kinds.values()
    by_kind.n_text += int(np.count_nonzero(kinds == TEXT))
    by_kind.numbers.add(_where(scores.values, kinds == NUMBER), squares=True)
    booleans = _where(scores.values, kinds == BOOLEAN)
    by_kind.booleans.add(booleans)
    is_true = booleans.values() != 0
    by_kind.n_true += int(np.count_nonzero(is_true if booleans.valid is None else is_true & booleans.valid))


def _traces(scores: Scores) -> int:
    """How many traces have a number. Scores are in the order of their traces."""
    valid = scores.values.valid
    if scores.rows is None:
        return len(scores.values.codes) if valid is None else int(np.count_nonzero(valid))
    rows = scores.rows if valid is None else scores.rows[valid]
    return len(rows) - int(np.count_nonzero(rows[1:] == rows[:-1]))


def _where(numbers: Numbers, rows: Mask) -> Numbers:
    if rows.all():
        return numbers
    valid = None if numbers.valid is None else numbers.valid[rows]
    return Numbers(numbers.low, numbers.step, numbers.codes[rows], valid)


def _score_sums(kinds: _SumsByKind) -> ScoreSums:
    numbers = kinds.numbers
    return ScoreSums(
        n=numbers.count,
        total=numbers.total,
        squares=numbers.squares,
        low=numbers.low,
        high=numbers.high,
        n_true=kinds.n_true,
        n_false=kinds.booleans.count - kinds.n_true,
        n_text=kinds.n_text,
        n_traces=kinds.n_traces,
    )
