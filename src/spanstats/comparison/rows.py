"""The rows of a comparison: items with their values in both arms, the largest losses first."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..columnar.reader import Columns
from ..domain.keys import TenantId
from ..errors import invalid
from ..stats.evaluators import Evaluator, evaluators_of
from ..store.session import Database, Kind, Transaction
from .arm_traces import ArmTraces, Plan
from .arms import Found
from .chosen import EvaluatorKeys, choose
from .compare import read_sides
from .items import Items, PairedValues, match, values_of
from .measures import Measure
from .ordering import After, Order, PageOfItems, Show, key_of, page_of
from .pairing import PairBy
from .pairs import changes, size_of
from .reading import read_traces
from .request import Request
from .trials import FirstTrial, first_trials

MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows of one measure of a comparison that has one candidate."""

    request: Request
    show: Show = Show.WORSENED
    order: Order = Order.WORSENED_FIRST
    limit: int = 50
    after: After | None = None


@dataclass(frozen=True, slots=True)
class RowArm:
    """One arm of a row: the mean over its traces in the measure's unit, how many traces, and the first of them."""

    value: Fraction | None
    traces: int
    first: FirstTrial | None


@dataclass(frozen=True, slots=True)
class Row:
    """One item; `difference` is candidate less base, `change` 1, -1 or 0 as the value is better, worse or neither."""

    key: bytes
    base: RowArm
    candidate: RowArm
    difference: Fraction | None
    change: int | None


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of rows, how many there are in all, and where the next page begins."""

    measure: Measure
    margin: Fraction | None
    rows: list[Row]
    count: int
    next: After | None
    evaluators: Mapping[str, Evaluator]
    as_of_us: int


async def pages_of_rows(
    columns: Columns,
    database: Database,
    tenant_id: TenantId,
    wanted: Wanted,
    evaluators: EvaluatorKeys,
) -> AsyncGenerator[Rows, None]:
    """Pages of rows of one snapshot, the first one behind `wanted.after`; there is at least one.

    Raises `NotFound`, `InvalidInput`, `TooLarge`, `Unavailable`.
    """
    request = wanted.request
    if request.pair_by is None:
        raise invalid("must not be none: rows are items", "body", "pair_by", kind="pairing")
    async with database.transaction(Kind.SNAPSHOT) as tx:
        as_of_us = await tx.as_of()
        sides = await read_sides(columns, tx, tenant_id, request)
        arms = [side.found for side in sides]
        chosen = choose(request, [side.totals for side in sides], evaluators)
        if not chosen.measures:
            raise invalid("has text alone: only numbers have rows", "body", "measure", kind="unknown_measure")
        measure, margin = chosen.measures[0], chosen.margins[0]
        plan = Plan([measure], request.pair_by, None, request.zero_for_missing)
        base, candidate = [await read_traces(columns, tx, arm, plan) for arm in arms]
        items, values = await asyncio.to_thread(_items, base, candidate)
        size = size_of(margin, values, measure)
        after, more = wanted.after, True
        while more:
            page = await asyncio.to_thread(_page, wanted, items, values, measure, size, after)
            rows = await _rows(tx, request.pair_by, arms, items, values, measure, size, page)
            known = await evaluators_of(tx, tenant_id, sorted(_score_keys(rows)))
            more = page.more
            after = After(rows[-1].difference, rows[-1].key) if more else None
            yield Rows(measure, size, rows, page.count, after, known, as_of_us)


def _score_keys(rows: Sequence[Row]) -> set[str]:
    firsts = [arm.first for row in rows for arm in (row.base, row.candidate) if arm.first is not None]
    return {key for first in firsts for key in first.trial.row.score_keys or ()}


def _items(base: ArmTraces, candidate: ArmTraces) -> tuple[Items, PairedValues]:
    items = match(base, candidate)
    return items, values_of(items, base.values[0], candidate.values[0])


def _page(
    wanted: Wanted, items: Items, values: PairedValues, measure: Measure, margin: Fraction | None, after: After | None
) -> PageOfItems:
    return page_of(
        items, values, measure, margin, show=wanted.show, order=wanted.order, after=after, limit=wanted.limit
    )


async def _rows(
    tx: Transaction,
    pair_by: PairBy,
    arms: Sequence[Found],
    items: Items,
    values: PairedValues,
    measure: Measure,
    margin: Fraction | None,
    page: PageOfItems,
) -> list[Row]:
    keys = [key_of(items, item) for item in page.items]
    firsts = [await first_trials(tx, arm, pair_by, keys) for arm in arms]
    change = changes(values, measure, margin)
    index = {item: i for i, item in enumerate(values.there.nonzero()[0].tolist())}
    found = []
    for item, key in zip(page.items, keys, strict=True):
        of_arms = [
            RowArm(_value(sums[item], counts[item], measure), int(arm.traces[item]), of_arm.get(key))
            for sums, counts, arm, of_arm in zip(
                values.sums, values.counts, (items.base, items.candidate), firsts, strict=True
            )
        ]
        at = index.get(item)
        difference = None if at is None else Fraction(int(values.d[at]), measure.one * values.scale)
        sign = None if at is None else int(change[at]) * (1 if measure.higher_is_better else -1)
        found.append(Row(key, of_arms[0], of_arms[1], difference, sign))
    return found


def _value(total: int, count: int, measure: Measure) -> Fraction | None:
    return Fraction(int(total), int(count) * measure.one) if count else None
