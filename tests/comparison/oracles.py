"""Sums of a comparison from plain lists of values, by other means than the product's SQL."""

from collections.abc import Hashable, Mapping, Sequence
from fractions import Fraction
from math import lcm

from spanstats.comparison.sums import ArmSums, Clustered, PairedSums

Items = Mapping[str, Sequence[int]]
"""Whole values by item; several of an item are its trials."""


def paired_sums(
    base: Items,
    candidate: Items,
    clusters: Mapping[str, Hashable] | None = None,
    margin: Fraction = Fraction(0),
    one: int = 1,
) -> PairedSums:
    """`one` is the whole number that means 1 in the measure's unit."""
    a = {key: Fraction(sum(v), len(v)) for key, v in base.items() if v}
    b = {key: Fraction(sum(v), len(v)) for key, v in candidate.items() if v}
    both = sorted(a.keys() & b.keys())
    scale = lcm(*(f.denominator for key in both for f in (a[key], b[key])), 1)
    values = [(int(a[k] * scale), int(b[k] * scale)) for k in both]
    d = [y - x for x, y in values]
    return PairedSums(
        unit=one * scale,
        n=len(both),
        missing_base=len([k for k in base if k in candidate and k not in a]),
        missing_candidate=len([k for k in candidate if k in base and k not in b]),
        a=sum(x for x, _ in values),
        b=sum(y for _, y in values),
        aa=sum(x * x for x, _ in values),
        bb=sum(y * y for _, y in values),
        dd=sum(x * x for x in d),
        up=sum(x > 0 for x in d),
        down=sum(x < 0 for x in d),
        over=sum(x > margin * one * scale for x in d),
        under=sum(x < -margin * one * scale for x in d),
        single=all(len(base[k]) == len(candidate[k]) == 1 for k in both),
        binary=all({x, y} <= {0, one * scale} for x, y in values),
        clusters=None if clusters is None else _clustered(both, values, clusters),
    )


def _clustered(both: list[str], values: list[tuple[int, int]], clusters: Mapping[str, Hashable]) -> Clustered:
    groups: dict[Hashable, list[tuple[int, int]]] = {}
    for key, pair in zip(both, values, strict=True):
        groups.setdefault(clusters[key], []).append(pair)
    totals = [(len(g), sum(x for x, _ in g), sum(y for _, y in g)) for g in groups.values()]
    return Clustered(
        n=len(totals),
        aa=sum(x * x for _, x, _ in totals),
        bb=sum(y * y for _, _, y in totals),
        dd=sum((y - x) ** 2 for _, x, y in totals),
        am=sum(x * m for m, x, _ in totals),
        bm=sum(y * m for m, _, y in totals),
        mm=sum(m * m for m, _, _ in totals),
    )


def arm_sums(values: Sequence[int], one: int = 1) -> ArmSums:
    return ArmSums(one, len(values), sum(values), sum(v * v for v in values), len(values))
