"""Of groups of traces: exact squares, order statistics, and what the scores of evaluators are."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .dimensions import Codes
from .format import UNPRICED, Array, Numbers
from .groups import Groups
from .measures import TEXT, Measure, Measured, each_column
from .percentiles import order_statistics

_LIMB = 16
_BOOLEAN = 1

Counts = NDArray[np.int64]


def group_squares(groups: Groups, measure: Measure) -> list[int]:
    """The exact sum of the squares of the values by group."""
    found = np.zeros(len(groups), object)
    for column, codes in each_with_groups(groups, measure):
        numbers = column.numbers
        values, of_values = _valid(numbers.codes, numbers, codes)
        counts = np.bincount(of_values, minlength=len(groups)).astype(object)
        # The value is low + step * code.
        sums, squares = _moments(values, of_values, len(groups))
        found += numbers.low**2 * counts + 2 * numbers.low * numbers.step * sums + numbers.step**2 * squares
    return [int(total) for total in found]


def group_order_statistics(
    groups: Groups,
    measure: Measure,
    wanted: Sequence[int],
    ranks: Sequence[Collection[int]],
    zeros: Sequence[int],
) -> list[dict[int, int]]:
    """For each wanted group the values at these ranks (from 0) among its sorted values and its zeros."""
    if not wanted:
        return []
    values, ends = _by_group(groups, measure, wanted)
    found = []
    for of_group, of_ranks, more in zip(np.split(values, ends[:-1]), ranks, zeros, strict=True):
        groups.selection.check()
        every = np.concatenate([of_group, np.zeros(more, np.int64)]) if more else of_group
        in_order = sorted(of_ranks)
        found.append(dict(zip(in_order, order_statistics(every, in_order), strict=True)))
    return found


def _by_group(groups: Groups, measure: Measure, wanted: Sequence[int]) -> tuple[NDArray[np.int64], Counts]:
    """All values of the wanted groups, one group after the other, and where each group ends."""
    # Sorting whole numbers of one or two bytes takes a tenth of the time of larger ones.
    small = next(t for t in (np.uint8, np.uint16, np.uint32) if len(wanted) < np.iinfo(t).max)
    place = np.full(len(groups) + 1, len(wanted), small)
    place[np.array(wanted, np.int64)] = np.arange(len(wanted))
    values, places = [np.empty(0, np.int64)], [np.empty(0, small)]
    for column, codes in each_with_groups(groups, measure):
        of_column, of_values = _valid(column.numbers.values(), column.numbers, codes)
        values.append(of_column)
        places.append(place[of_values])
    all_values, all_places = np.concatenate(values), np.concatenate(places)
    counts = np.bincount(all_places, minlength=len(wanted) + 1)[:-1]
    if len(groups) > 1:
        all_values = all_values[np.argsort(all_places, kind="stable")][: int(counts.sum())]
    return all_values, np.cumsum(counts)


@dataclass(frozen=True, slots=True)
class ScoreCounts:
    """By group: traces that have a number of the evaluators, and how many of their scores are texts or booleans."""

    traces: Counts
    texts: Counts
    true: Counts
    false: Counts


def group_score_counts(groups: Groups, keys: Collection[str]) -> ScoreCounts:
    """What the scores of these evaluators are, by group."""
    size = len(groups)
    found = ScoreCounts(*(np.zeros(size, np.int64) for _ in range(4)))
    for part, codes in zip(groups.selection.parts, groups.codes, strict=True):
        groups.selection.check()
        has = np.zeros(part.chunk.n, np.bool_)
        for key in sorted(keys):
            every = part.chunk.scores(key)
            if every is None:
                continue
            scores = part.scores(every)
            rows = np.arange(part.chunk.n) if scores.rows is None else scores.rows
            valid, kinds = scores.values.valid, scores.kinds.values()
            has[rows if valid is None else rows[valid]] = True
            of_scores = codes[rows]
            found.texts[:] += np.bincount(of_scores[kinds == TEXT], minlength=size)
            is_one = scores.values.values() != 0
            found.true[:] += np.bincount(of_scores[(kinds == _BOOLEAN) & is_one], minlength=size)
            found.false[:] += np.bincount(of_scores[(kinds == _BOOLEAN) & ~is_one], minlength=size)
        found.traces[:] += np.bincount(codes[has], minlength=size)
    return found


def group_partial_costs(groups: Groups) -> list[int]:
    """Of how many traces of each group the cost is known and leaves out spans without a price."""
    found = np.zeros(len(groups), np.int64)
    for part, codes in zip(groups.selection.parts, groups.codes, strict=True):
        unpriced, cost = part.chunk.numbers(UNPRICED), part.chunk.numbers("cost_pd")
        is_partial = unpriced.values() > 0
        if cost.valid is not None:
            is_partial &= cost.valid
        of_rows = codes[is_partial if part.rows is None else is_partial & part.rows]
        found += np.bincount(of_rows, minlength=len(groups))
    return [int(count) for count in found]


def each_with_groups(groups: Groups, measure: Measure) -> Iterator[tuple[Measured, Codes]]:
    """Each column of the measure beside the groups of its values."""
    codes = {id(part): of_part for part, of_part in zip(groups.selection.parts, groups.codes, strict=True)}
    for column in each_column(groups.selection, measure):
        yield column, column.of_rows(codes[id(column.part)])


def _valid(values: Array, numbers: Numbers, codes: Codes) -> tuple[Array, Codes]:
    return (values, codes) if numbers.valid is None else (values[numbers.valid], codes[numbers.valid])


def _moments(codes: Array, groups: Codes, size: int) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Sums of whole numbers and of their squares by group, in parts of 16 bits: products of 65,536 rows are exact in
    the doubles that are added up."""
    width = codes.dtype.itemsize * 8
    wide = codes.astype(np.uint64)
    mask = np.uint64(2**_LIMB - 1)
    limbs = [(wide >> np.uint64(shift)) & mask for shift in range(0, width, _LIMB)]
    sums, squares = np.zeros(size, object), np.zeros(size, object)
    for i, a in enumerate(limbs):
        sums += _added(a, groups, size) * 2 ** (_LIMB * i)
        for j, b in enumerate(limbs[: i + 1]):
            squares += _added(a * b, groups, size) * (2 ** (_LIMB * (i + j)) * (1 if i == j else 2))
    return sums, squares


def _added(numbers: NDArray[np.uint64], groups: Codes, size: int) -> NDArray[np.object_]:
    return np.bincount(groups, weights=numbers, minlength=size).astype(np.int64).astype(object)
