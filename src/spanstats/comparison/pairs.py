"""How two arms' items meet: which both have, by what they are paired, how many traces each has."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .arm_traces import ArmTraces, Plan
from .items import ArmItems, Items, clusters_of, match, targets_differ
from .paired_sums import Matched, PairedMeasure, add_up
from .request import Margin


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
    matched = Matched(items, clusters, int(np.count_nonzero(items.both)))
    measures = [
        add_up(matched, (base.values[i], candidate.values[i]), measure, margin)
        for i, (measure, margin) in enumerate(zip(plan.measures, margins, strict=True))
    ]
    return Paired(_pairing(items, plan, matched.both), _counts(items.base), _counts(items.candidate), measures)


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
