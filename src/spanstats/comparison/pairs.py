"""How two arms' items meet, and the exact sums of each measure over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np
from numpy.typing import NDArray

from .arm_traces import ArmTraces, Plan, Values
from .exact import by_group, dot, total
from .items import ArmItems, Items, PairedValues, clusters_of, match, targets_differ, trials_of, values_of
from .measures import Measure, Number, Scores
from .passes import PassesOfArms, passes
from .request import Margin
from .sums import Clustered, PairedSums


@dataclass(frozen=True, slots=True)
class Pairing:
    """How the items of two arms meet. `repeats` is the most traces of an item in each arm."""

    by: str
    both: int
    only_base: int
    only_candidate: int
    repeats: tuple[int, int]
    targets_differ: int
    unequal_repeats: int


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """One arm's items, and its traces that are of none, or whose root has not arrived."""

    items: int
    without_key: int
    without_root: int


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
class Paired:
    """What a comparison of two arms' items rests on; `measures` in the order of the plan."""

    pairing: Pairing
    base: ArmCounts
    candidate: ArmCounts
    measures: list[PairedMeasure]


@dataclass(frozen=True, slots=True)
class _Matched:
    """The items of two arms; `clusters` is the cluster of each, `both` how many items both arms have."""

    items: Items
    clusters: NDArray[np.int64] | None
    both: int


def pair(base: ArmTraces, candidate: ArmTraces, plan: Plan, margins: Sequence[Margin | None]) -> Paired:
    """Match the arms' traces by item and add them up."""
    items = match(base, candidate)
    clusters = None if plan.cluster_by is None else clusters_of(items)
    matched = _Matched(items, clusters, int(np.count_nonzero(items.both)))
    measures = [
        _measure(matched, (base.values[i], candidate.values[i]), measure, margin)
        for i, (measure, margin) in enumerate(zip(plan.measures, margins, strict=True))
    ]
    return Paired(_pairing(items, plan, matched.both), _counts(items.base), _counts(items.candidate), measures)


def _measure(
    matched: _Matched, of_arms: tuple[Values, Values], measure: Measure, margin: Margin | None
) -> PairedMeasure:
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


def _sums(matched: _Matched, values: PairedValues, measure: Measure, margin: Fraction | None) -> PairedSums:
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


def _counts(arm: ArmItems) -> ArmCounts:
    without_key = len(arm.of) - int(np.count_nonzero(arm.keyed))
    without_root = len(arm.of) - int(np.count_nonzero(arm.of.has_root))
    return ArmCounts(int(np.count_nonzero(arm.traces)), without_key, without_root)


def _pairing(items: Items, plan: Plan, both: int) -> Pairing:
    arms = items.base, items.candidate
    only = [int(np.count_nonzero(arm.traces)) - both for arm in arms]
    unequal = np.count_nonzero(items.both & (items.base.traces != items.candidate.traces))
    return Pairing(
        _by(items, plan),
        both,
        only[0],
        only[1],
        (arms[0].repeats, arms[1].repeats),
        targets_differ(items),
        int(unequal),
    )


def _by(items: Items, plan: Plan) -> str:
    """What the items of both arms are in fact paired by."""
    if plan.pair_by.name != "auto":
        return plan.pair_by.name
    has_comparison_key = np.concatenate(
        [
            arm.of.with_comparison_key[arm.keyed][items.both[arm.codes[arm.keyed]]]
            for arm in (items.base, items.candidate)
        ]
    )
    if not has_comparison_key.any():
        return "input"
    return "comparison_key" if has_comparison_key.all() else "mixed"
