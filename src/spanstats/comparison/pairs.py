"""How two arms' items meet, and the exact sums of each measure over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

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


def pair(base: ArmTraces, candidate: ArmTraces, plan: Plan, margins: Sequence[Margin | None]) -> Paired:
    """Match the arms' traces by item and add them up."""
    items = match(base, candidate)
    clusters = None if plan.cluster_by is None else clusters_of(items)
    both = int(np.count_nonzero(items.both))
    measures = [
        _measure(items, base.values[i], candidate.values[i], measure, margin, clusters, both)
        for i, (measure, margin) in enumerate(zip(plan.measures, margins, strict=True))
    ]
    return Paired(_pairing(items, plan, both), _counts(items.base), _counts(items.candidate), measures)


def _measure(
    items: Items,
    of_base: Values,
    of_candidate: Values,
    measure: Measure,
    margin: Margin | None,
    clusters: NDArray[np.int64] | None,
    both: int,
) -> PairedMeasure:
    values = values_of(items, of_base, of_candidate)
    size = size_of(margin, values, measure)
    sums = _sums(items, values, measure, size, clusters, both)
    with_value = int(np.count_nonzero(of_base.has)), int(np.count_nonzero(of_candidate.has))
    return PairedMeasure(sums, size, _passes(items, of_base, of_candidate, measure), with_value)


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


def _sums(
    items: Items,
    values: PairedValues,
    measure: Measure,
    margin: Fraction | None,
    clusters: NDArray[np.int64] | None,
    both: int,
) -> PairedSums:
    unit = measure.one * values.scale
    signs, beyond = changes(values, measure, None), changes(values, measure, margin)
    without = [int(np.count_nonzero(items.both & (counts == 0))) for counts in values.counts]
    single = values.scale == 1 and not any((counts[values.there] > 1).any() for counts in values.counts)
    may_be_binary = not isinstance(measure, Number) or measure.boolean
    return PairedSums(
        unit=unit,
        n=len(values.d),
        missing_base=without[0],
        missing_candidate=without[1],
        a=total(values.a),
        b=total(values.b),
        aa=dot(values.a, values.a),
        bb=dot(values.b, values.b),
        dd=dot(values.d, values.d),
        up=int(np.count_nonzero(signs > 0)),
        down=int(np.count_nonzero(signs < 0)),
        over=int(np.count_nonzero(beyond > 0)),
        under=int(np.count_nonzero(beyond < 0)),
        both=both,
        single=single,
        binary=may_be_binary and all(_is_binary(arm, unit) for arm in (values.a, values.b)),
        clusters=None if clusters is None else _clustered(values, clusters[values.there]),
    )


def _passes(items: Items, of_base: Values, of_candidate: Values, measure: Measure) -> PassesOfArms | None:
    """Of scores of 0 and 1, where an item has several trials."""
    if not isinstance(measure, Scores) or max(items.base.repeats, items.candidate.repeats) < 2:
        return None
    base, candidate = (
        trials_of(arm, values, measure.one) for arm, values in ((items.base, of_base), (items.candidate, of_candidate))
    )
    return None if base is None or candidate is None else PassesOfArms(passes(base), passes(candidate))


def _is_binary(values: Any, one: int) -> bool:
    return bool(((values == 0) | (values == one)).all())


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
    sent = np.concatenate(
        [arm.of.sent[arm.keyed][items.both[arm.codes[arm.keyed]]] for arm in (items.base, items.candidate)]
    )
    if not sent.any():
        return "input"
    return "comparison_key" if sent.all() else "mixed"
