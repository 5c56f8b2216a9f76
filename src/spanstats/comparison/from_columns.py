"""The traces of an arm put together from columns, chunk by chunk."""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ..columnar.chunk import Array, Numbers
from ..columnar.format import ITEM_KEY, KEY_SENT, TARGET_KEY
from ..columnar.needs import Needs, needs
from ..columnar.selection import ChunkView, Selection
from .arm_traces import NO_TARGET, ArmTraces, Flags, LazyValues, Plan, Values
from .exact import Whole, by_group
from .measures import Measure, Number, Scores
from .pairing import AUTO

_HAS_ROOT = "has_root"


def can_read(plan: Plan) -> bool:
    """Whether columns hold what the traces are paired by."""
    return plan.pair_by.name == AUTO and plan.cluster_by is None


def needs_of(plan: Plan) -> Needs:
    """The columns of all that is compared."""
    names = {measure.column for measure in plan.measures if isinstance(measure, Number)}
    keys = {measure.key for measure in plan.measures if isinstance(measure, Scores)}
    return needs({ITEM_KEY, TARGET_KEY, KEY_SENT, _HAS_ROOT, *names}, scores_of=keys)


def arm_traces(selection: Selection, plan: Plan) -> ArmTraces:
    """The selected traces."""
    views = list(selection.each())
    return ArmTraces(
        _joined([view.of(view.chunk.item_keys().rows()) for view in views], (0, 2), np.uint64),
        _flags(views, KEY_SENT),
        _flags(views, _HAS_ROOT),
        _joined([_values_or(NO_TARGET, view, TARGET_KEY) for view in views]),
        None,
        LazyValues(len(plan.measures), lambda i: _values(views, plan.measures[i], plan)),
    )


def _joined(arrays: Sequence[Whole], empty: tuple[int, ...] = (0,), dtype: type = np.int64) -> Whole:
    return np.concatenate(arrays) if arrays else np.zeros(empty, dtype)


def _flags(views: Sequence[ChunkView], name: str) -> Flags:
    flags: Flags = _joined([view.numbers(view.chunk.numbers(name)).values() for view in views]) != 0
    return flags


def _values_or(absent: int, view: ChunkView, name: str) -> NDArray[np.int64]:
    numbers = view.numbers(view.chunk.numbers(name))
    return numbers.values() if numbers.valid is None else np.where(numbers.valid, numbers.values(), absent)


def _values(views: Sequence[ChunkView], measure: Measure, plan: Plan) -> Values:
    if isinstance(measure, Number):
        columns = [view.numbers(view.chunk.numbers(measure.column)) for view in views]
        has: Flags = _joined([_valid(column) for column in columns], (0,), np.bool_)
        sums: Whole = _joined([column.values() for column in columns])
        sums[~has] = 0
        return Values(sums, has.astype(np.int64), has)
    return _scores(views, measure, zero_for_missing=plan.zero_for_missing)


def _valid(column: Numbers) -> Flags:
    return np.ones(len(column.codes), np.bool_) if column.valid is None else column.valid


def _scores(views: Sequence[ChunkView], measure: Scores, *, zero_for_missing: bool) -> Values:
    """Sum and count of each trace's numbers; a trace may have several."""
    n = sum(view.n for view in views)
    each = list(_scores_of_views(views, measure.key))
    rows, values = _joined([rows for rows, _ in each]), _joined([values for _, values in each])
    counts = np.bincount(rows, minlength=n)
    if len(rows) and counts.max() > 1:
        sums = by_group(values, rows, n)
    else:
        sums = np.zeros(n, np.int64)
        sums[rows] = values
    has = counts > 0
    return Values(sums, np.maximum(counts, 1) if zero_for_missing else counts, has)


def _scores_of_views(views: Sequence[ChunkView], key: str) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The numbers of this evaluator, and the traces that they are of, counted through all views."""
    starts = chain([0], np.cumsum([view.n for view in views]).tolist())
    for view, start in zip(views, starts, strict=False):
        scores = view.chunk.scores(key)
        if scores is None:
            continue
        of_view = view.scores(scores)
        rows = np.arange(view.n) if of_view.rows is None else _within(view, of_view.rows)
        valid = _valid(of_view.values)
        yield rows[valid] + start, of_view.values.values()[valid]


def _within(view: ChunkView, rows: Array) -> NDArray[np.int64]:
    """Rows of the chunk as rows of the view."""
    if view.rows is None:
        return rows.astype(np.int64)
    numbered: NDArray[np.int64] = np.cumsum(view.rows)[rows] - 1
    return numbered
