"""The exact sums of one measure over the items of two arms."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np
from numpy.typing import NDArray

from .arm_traces import Values
from .exact import by_group, dot, total
from .item_values import PairedValues, values_of
from .items import Items, trials_of
from .measures import Measure, Number, Scores
from .passes import PassesOfArms, passes
from .request import Margin
from .sums import Clustered, PairedSums


@dataclass(frozen=True, slots=True)
class PairedMeasure:
    """One measure over the items of two arms.

    `with_value` is how many traces of the base and of the candidate have a value, matched or not; `margin` is in the
    measure's unit.
    """

    sums: PairedSums
    margin: Fraction | None
    passes: PassesOfArms | None
    with_value: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Matched:
    """The items of two arms; `clusters` is the cluster of each, `both` how many items both arms have."""

    items: Items
    clusters: NDArray[np.int64] | None
    both: int


def add_up(matched: Matched, of_arms: tuple[Values, Values], measure: Measure, margin: Margin | None) -> PairedMeasure:
    """The measure of which these are the values of both arms' traces."""
    values = values_of(matched.items, *of_arms)
    size = size_of(margin, values, measure)
    with_value = int(np.count_nonzero(of_arms[0].has)), int(np.count_nonzero(of_arms[1].has))
    passes_of_arms = _passes(matched.items, *of_arms, measure)
    return PairedMeasure(_sums(matched, values, measure, size), size, passes_of_arms, with_value)


def size_of(margin: Margin | None, values: PairedValues, measure: Measure) -> Fraction | None:
    """The margin in the measure's unit; a part of the base's mean is `None` where there is no mean."""
    if margin is None or not margin.of_base:
        return None if margin is None else margin.size
    n = len(values.a)
    return margin.size * abs(Fraction(total(values.a), n * measure.one * values.scale)) if n else None


def changes(values: PairedValues, measure: Measure, margin: Fraction | None) -> NDArray[np.int8]:
    """Of the items that are there: 1 where the value rises by more than the margin, -1 where it falls so, else 0."""
    # Whole differences lie beyond the margin exactly where they lie beyond its whole part.
    edge = 0 if margin is None else floor(margin * measure.one * values.scale)
    d = values.d if edge < 2**63 else values.d.astype(object)
    return (d > edge).astype(np.int8) - (d < -edge).astype(np.int8)


def _sums(matched: Matched, values: PairedValues, measure: Measure, margin: Fraction | None) -> PairedSums:
    unit, clusters = measure.one * values.scale, matched.clusters
    up, down = _rises_and_falls(changes(values, measure, None))
    over, under = _rises_and_falls(changes(values, measure, margin))
    missing = [int(np.count_nonzero(matched.items.both & (counts == 0))) for counts in values.counts]
    return PairedSums(
        unit=unit,
        n=len(values.d),
        missing_base=missing[0],
        missing_candidate=missing[1],
        a=total(values.a),
        b=total(values.b),
        aa=dot(values.a, values.a),
        bb=dot(values.b, values.b),
        dd=dot(values.d, values.d),
        up=up,
        down=down,
        over=over,
        under=under,
        both=matched.both,
        single=_are_single(values),
        binary=_are_binary(values, measure),
        clusters=None if clusters is None else _clustered(values, clusters[values.there]),
    )


def _rises_and_falls(signs: NDArray[np.int8]) -> tuple[int, int]:
    return int(np.count_nonzero(signs > 0)), int(np.count_nonzero(signs < 0))


def _are_single(values: PairedValues) -> bool:
    """Whether each value is of one trace."""
    return values.scale == 1 and not any((counts[values.there] > 1).any() for counts in values.counts)


def _are_binary(values: PairedValues, measure: Measure) -> bool:
    """Whether all values are 0 or 1; only scores and booleans are."""
    may_be = not isinstance(measure, Number) or measure.boolean
    one = measure.one * values.scale
    return may_be and all(bool(((arm == 0) | (arm == one)).all()) for arm in (values.a, values.b))


def _passes(items: Items, of_base: Values, of_candidate: Values, measure: Measure) -> PassesOfArms | None:
    """Of scores of 0 and 1, where an item has several trials."""
    if not isinstance(measure, Scores) or max(items.base.repeats, items.candidate.repeats) < 2:
        return None
    base, candidate = (
        trials_of(arm, values, measure.one) for arm, values in ((items.base, of_base), (items.candidate, of_candidate))
    )
    return None if base is None or candidate is None else PassesOfArms(passes(base), passes(candidate))


def _clustered(values: PairedValues, clusters: NDArray[np.int64]) -> Clustered:
    _, codes = np.unique(clusters, return_inverse=True)
    n = int(codes.max()) + 1 if len(codes) else 0
    a, b, d = (by_group(x, codes, n) for x in (values.a, values.b, values.d))
    m = np.bincount(codes, minlength=n)
    return Clustered(n, dot(a, a), dot(b, b), dot(d, d), dot(a, m), dot(b, m), dot(m, m))
