"""Two arms' items joined and summed, exactly: whole numbers of a unit in which every item's mean is whole.

An item's value is the mean over its traces. With `scales[i]` a common multiple of the counts behind the values of
measure i, each value times the scale is a whole number, and so is everything that is summed of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

from sqlalchemy import CTE, Select, literal_column, select, text

from ..store.session import Transaction
from .arms import Found
from .items import Plan, Shape, items_of
from .measures import Measure, Number
from .sums import Clustered, PairedSums

MOST_SCALE = 10**30
"""Where no smaller common multiple is found, values are cut to this part of a unit: far below what a float shows."""

# Whole squares up to this root fit a bigint, which PostgreSQL adds up faster than numeric; both are exact.
_ROOT = 3_037_000_499

Scales = Sequence[int] | None
"""By measure; `None` where each item has one value (`Shape.SINGLE`)."""


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
class ArmItems:
    """One arm's items and traces; `with_score` how many traces have a number, by place of the measure."""

    traces: int
    items: int
    without_key: int
    without_root: int
    with_score: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Paired:
    """What a comparison of two arms' items rests on; `sums` by place of the measure."""

    pairing: Pairing
    base: ArmItems
    candidate: ArmItems
    sums: list[PairedSums]


async def pair(
    tx: Transaction, base: Found, candidate: Found, plan: Plan, margins: Sequence[Fraction | None]
) -> Paired:
    """Sum the arms' items; margins in the measures' units, by place."""
    scales: Scales = None
    row = await tx.only_row(_sums(base, candidate, plan, scales, margins))
    if max(row["most_values"], *(row[f"many{i}"] or 0 for i in range(len(plan.measures)))) > 1:
        scales = await _scales(tx, base, candidate, plan)
        row = await tx.only_row(_sums(base, candidate, plan, scales, margins))
    clusters: Mapping[str, Any] = {}
    if plan.cluster_by is not None:
        clusters = await tx.only_row(_clusters(base, candidate, plan, scales))
    sums = [_paired_sums(i, m, row, clusters, scales) for i, m in enumerate(plan.measures)]
    return Paired(_pairing(row, plan), _arm(row, "b", plan), _arm(row, "c", plan), sums)


def _items(base: Found, candidate: Found, plan: Plan, scales: Scales) -> tuple[CTE, CTE]:
    shape = Shape.SINGLE if scales is None else Shape.REPEATED
    return items_of("base", base.parts, plan, shape), items_of("candidate", candidate.parts, plan, shape)


def joined(plan: Plan, scales: Scales) -> str:
    """A FROM item of a row for each item of either arm: `b.` and `c.` of both arms, and for measure i the values `a{i}`
    and `b{i}` and their difference `d{i}`, scaled, all null unless both arms have one."""
    values, differences = [], []
    for i in range(len(plan.measures)):
        values += [f"{_value('b', i, scales)} AS a{i}", f"{_value('c', i, scales)} AS b{i}"]
        differences.append(f"b{i} - a{i} AS d{i}")
    arms = ", ".join(f"{arm}.{column} AS {arm}_{column}" for arm in "bc" for column in _of_arms(plan))
    both = f"(SELECT {arms}, {', '.join(values)} FROM base_items b FULL JOIN candidate_items c ON b.key = c.key) j"
    return f"(SELECT *, {', '.join(differences)} FROM {both}) pairs"


def _of_arms(plan: Plan) -> list[str]:
    of_measures = [f"{column}{i}" for i in range(len(plan.measures)) for column in "sc"]
    with_score = [f"t{i}" for i in _scored(plan)]
    cluster = [] if plan.cluster_by is None else ["cluster"]
    named = ["key", "n", "sent", "without_root", "least_target", "most_target"]
    return [*named, *of_measures, *with_score, *cluster]


def _scored(plan: Plan) -> list[int]:
    return [i for i, m in enumerate(plan.measures) if not isinstance(m, Number)]


def _value(arm: str, i: int, scales: Scales) -> str:
    if scales is None:
        return f"{arm}.s{i}"
    return f"div({arm}.s{i} * {scales[i]}, nullif({arm}.c{i}, 0))"


_BOTH = "b_key IS NOT NULL AND c_key IS NOT NULL"
_TARGETS_DIFFER = "least(b_least_target, c_least_target) <> greatest(b_most_target, c_most_target)"
_COUNTS = f"""
count(*) FILTER (WHERE {_BOTH}) AS both,
count(*) FILTER (WHERE {_BOTH} AND b_sent > 0 AND c_sent > 0) AS both_sent,
count(*) FILTER (WHERE {_BOTH} AND (b_sent > 0 OR c_sent > 0)) AS either_sent,
count(*) FILTER (WHERE {_BOTH} AND {_TARGETS_DIFFER}) AS targets_differ,
count(*) FILTER (WHERE {_BOTH} AND b_n <> c_n) AS unequal_repeats,
greatest(max(b_n) FILTER (WHERE {_BOTH}), max(c_n) FILTER (WHERE {_BOTH}), 0) AS most_values,
{{arms}}
"""
_OF_ARM = """
count(*) FILTER (WHERE {0}_key IS NOT NULL) AS {0}_items,
coalesce(sum({0}_n), 0) AS {0}_traces,
coalesce(sum({0}_n) FILTER (WHERE {0}_key IS NULL), 0) AS {0}_without_key,
coalesce(sum({0}_without_root), 0) AS {0}_without_root,
coalesce(max({0}_n) FILTER (WHERE {0}_key IS NOT NULL), 0) AS {0}_most
"""


def _sums(base: Found, candidate: Found, plan: Plan, scales: Scales, margins: Sequence[Fraction | None]) -> Select[Any]:
    columns = [_COUNTS.format(arms=", ".join(map(_OF_ARM.format, "bc")))]
    columns += [f"coalesce(sum({arm}_t{i}), 0) AS {arm}_t{i}" for i in _scored(plan) for arm in "bc"]
    for i, (measure, margin) in enumerate(zip(plan.measures, margins, strict=True)):
        columns += _of_measure(i, measure, scales, margin)
    found: Select[Any] = select(literal_column(", ".join(columns))).select_from(text(joined(plan, scales)))
    return found.add_cte(*_items(base, candidate, plan, scales))


def _of_measure(i: int, measure: Measure, scales: Scales, margin: Fraction | None) -> list[str]:
    one = measure.one * (1 if scales is None else scales[i])
    there, exact = f"FILTER (WHERE d{i} IS NOT NULL)", scales is not None
    columns = [
        f"count(d{i}) AS n{i}",
        f"count(*) FILTER (WHERE {_BOTH} AND a{i} IS NULL) AS missing_base{i}",
        f"count(*) FILTER (WHERE {_BOTH} AND b{i} IS NULL) AS missing_candidate{i}",
        f"sum(a{i}) {there} AS sum_a{i}",
        f"sum(b{i}) {there} AS sum_b{i}",
        f"{_squares(f'a{i}', there, numeric=exact)} AS sum_aa{i}",
        f"{_squares(f'b{i}', there, numeric=exact)} AS sum_bb{i}",
        f"{_squares(f'd{i}', '', numeric=exact)} AS sum_dd{i}",
        f"count(*) FILTER (WHERE d{i} > 0) AS up{i}",
        f"count(*) FILTER (WHERE d{i} < 0) AS down{i}",
        f"max(greatest(b_c{i}, c_c{i})) {there} AS many{i}",
    ]
    if margin is not None:
        edge = margin * one
        # Whole differences lie beyond the edge exactly where they lie beyond its whole part.
        whole = edge.numerator // edge.denominator
        columns += [f"count(*) FILTER (WHERE d{i} > {whole}) AS over{i}"]
        columns += [f"count(*) FILTER (WHERE d{i} < {-whole}) AS under{i}"]
    if not isinstance(measure, Number) or measure.boolean:
        other = f"a{i} NOT IN (0, {one}) OR b{i} NOT IN (0, {one})"
        columns.append(f"count(*) FILTER (WHERE d{i} IS NOT NULL AND ({other})) AS between{i}")
    return columns


def _squares(x: str, there: str, *, numeric: bool) -> str:
    if numeric:
        return f"sum({x} * {x}) {there}"
    few = f"sum(CASE WHEN {x} BETWEEN -{_ROOT} AND {_ROOT} THEN {x}::bigint * {x} END) {there}"
    many = f"sum(CASE WHEN NOT {x} BETWEEN -{_ROOT} AND {_ROOT} THEN {x}::numeric * {x} END) {there}"
    return f"coalesce({few}, 0) + coalesce({many}, 0)"


async def _scales(tx: Transaction, base: Found, candidate: Found, plan: Plan) -> list[int]:
    """By measure the least common multiple of the counts behind the items' values."""
    arrays = [f"array(SELECT DISTINCT c{i} FROM either WHERE c{i} > 0) AS c{i}" for i in range(len(plan.measures))]
    counts = ", ".join(f"c{i}" for i in range(len(plan.measures)))
    each = [f"SELECT {counts} FROM {arm}_items WHERE key IS NOT NULL" for arm in ("base", "candidate")]
    either = select(literal_column(counts)).select_from(text(f"({' UNION ALL '.join(each)}) e")).cte("either")
    # The shape does not matter for counts.
    found: Select[Any] = select(literal_column(", ".join(arrays))).add_cte(*_items(base, candidate, plan, None), either)
    row = await tx.only_row(found)
    return [_least_common(row[f"c{i}"]) for i in range(len(plan.measures))]


def _least_common(counts: Sequence[int]) -> int:
    scale = 1
    for count in counts:
        scale = lcm(scale, count)
        if scale > MOST_SCALE:
            return MOST_SCALE
    return scale


def _clusters(base: Found, candidate: Found, plan: Plan, scales: Scales) -> Select[Any]:
    """Sums over clusters; the least value where arms disagree, the item itself where it has none."""
    inner, outer = [], []
    for i in range(len(plan.measures)):
        there = f"FILTER (WHERE d{i} IS NOT NULL)"
        inner += [f"count(d{i}) AS m{i}", *(f"(sum({x}{i}) {there})::numeric AS {x}{i}" for x in "abd")]
        there = f"FILTER (WHERE m{i} > 0)"
        outer.append(f"count(*) {there} AS clusters{i}")
        outer += [f"sum({x}{i} * {y}{i}) {there} AS {x}{y}{i}" for x, y in ("aa", "bb", "dd", "am", "bm", "mm")]
    cluster = "least(b_cluster, c_cluster)"
    own = f"CASE WHEN {cluster} IS NULL THEN b_key END"
    grouped = f"SELECT {', '.join(inner)} FROM {joined(plan, scales)} WHERE {_BOTH} GROUP BY {cluster}, {own}"
    found: Select[Any] = select(literal_column(", ".join(outer))).select_from(text(f"({grouped}) clusters"))
    return found.add_cte(*_items(base, candidate, plan, scales))


def _paired_sums(
    i: int, measure: Measure, row: Mapping[str, Any], clusters: Mapping[str, Any], scales: Scales
) -> PairedSums:
    def whole(name: str) -> int:
        return int(row[f"{name}{i}"] or 0)

    of_clusters = None
    if clusters:
        products = (int(clusters[f"{xy}{i}"] or 0) for xy in ("aa", "bb", "dd", "am", "bm", "mm"))
        of_clusters = Clustered(clusters[f"clusters{i}"], *products)
    return PairedSums(
        unit=measure.one * (1 if scales is None else scales[i]),
        n=whole("n"),
        missing_base=whole("missing_base"),
        missing_candidate=whole("missing_candidate"),
        a=whole("sum_a"),
        b=whole("sum_b"),
        aa=whole("sum_aa"),
        bb=whole("sum_bb"),
        dd=whole("sum_dd"),
        up=whole("up"),
        down=whole("down"),
        over=whole("over") if f"over{i}" in row else whole("up"),
        under=whole("under") if f"under{i}" in row else whole("down"),
        both=row["both"],
        single=whole("many") <= 1,
        binary=f"between{i}" in row and whole("between") == 0,
        clusters=of_clusters,
    )


def _pairing(row: Mapping[str, Any], plan: Plan) -> Pairing:
    by = plan.pair_by.name
    if by == "auto":
        by = "comparison_key" if row["both"] and row["both_sent"] == row["both"] else "input"
        by = "mixed" if row["either_sent"] and by == "input" else by
    both: int = row["both"]
    repeats = int(row["b_most"]), int(row["c_most"])
    differ, unequal = row["targets_differ"], row["unequal_repeats"]
    return Pairing(by, both, row["b_items"] - both, row["c_items"] - both, repeats, differ, unequal)


def _arm(row: Mapping[str, Any], arm: str, plan: Plan) -> ArmItems:
    traces, items, without_key, without_root = (
        int(row[f"{arm}_{name}"]) for name in ("traces", "items", "without_key", "without_root")
    )
    return ArmItems(traces, items, without_key, without_root, {i: int(row[f"{arm}_t{i}"]) for i in _scored(plan)})
