"""The rows of a comparison: items with their values in both arms, the largest losses first."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..columnar.reader import Columns
from ..domain.keys import TenantId
from ..errors import invalid
from ..stats.evaluators import Evaluator, evaluators_of
from ..store.session import Database, Kind, Transaction
from .arm_traces import ArmTraces, Plan
from .arms import ResolvedArm
from .chosen import EvaluatorKeys, choose
from .compare import read_sides
from .item_values import PairedValues, values_of
from .items import Items, match
from .measures import Measure
from .ordering import After, Order, PageOfItems, Show, key_of, page_of
from .paired_sums import changes, size_of
from .pairing import PairBy
from .reading import read_traces
from .request import Request
from .trials import FirstTrial, first_trials

MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class RowsOptions:
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


@dataclass(frozen=True, slots=True)
class _Matched:
    """The items of two arms with the values of one measure, in whose unit `margin` is."""

    arms: Sequence[ResolvedArm]
    pair_by: PairBy
    items: Items
    values: PairedValues
    measure: Measure
    margin: Fraction | None


async def pages_of_rows(
    columns: Columns, database: Database, tenant_id: TenantId, options: RowsOptions, evaluators: EvaluatorKeys
) -> AsyncGenerator[Rows, None]:
    """Pages of rows of one snapshot, the first one behind `options.after`; there is at least one.

    Raises `NotFound`, `InvalidInput`, `TooLarge`, `Unavailable`.
    """
    async with database.transaction(Kind.SNAPSHOT) as tx:
        as_of_us = await tx.as_of()
        matched = await _read_matched(columns, tx, tenant_id, options.request, evaluators)
        after, more = options.after, True
        while more:
            page = await asyncio.to_thread(_page, options, matched, after)
            rows = await _rows(tx, matched, page)
            evaluators_by_key = await evaluators_of(tx, tenant_id, sorted(_score_keys(rows)))
            more = page.more
            after = After(rows[-1].difference, rows[-1].key) if more else None
            yield Rows(matched.measure, matched.margin, rows, page.count, after, evaluators_by_key, as_of_us)


async def _read_matched(
    columns: Columns, tx: Transaction, tenant_id: TenantId, request: Request, evaluators: EvaluatorKeys
) -> _Matched:
    """Raises `NotFound`, `InvalidInput`, `TooLarge`, `Unavailable`."""
    if request.pair_by is None:
        raise invalid("must not be none: rows are items", "body", "pair_by", code="pairing")
    sides = await read_sides(columns, tx, tenant_id, request)
    chosen = choose(request, [side.totals for side in sides], evaluators)
    if not chosen.measures:
        raise invalid("has text alone: only numbers have rows", "body", "measure", code="unknown_measure")
    measure, arms = chosen.measures[0], [side.arm for side in sides]
    plan = Plan([measure], request.pair_by, None, request.zero_for_missing)
    base, candidate = [await read_traces(columns, tx, arm, plan) for arm in arms]
    items, values = await asyncio.to_thread(_items, base, candidate)
    margin = size_of(chosen.margins[0], values, measure)
    return _Matched(arms, request.pair_by, items, values, measure, margin)


def _score_keys(rows: Sequence[Row]) -> set[str]:
    firsts = [arm.first for row in rows for arm in (row.base, row.candidate) if arm.first is not None]
    return {key for first in firsts for key in first.trial.row.score_keys or ()}


def _items(base: ArmTraces, candidate: ArmTraces) -> tuple[Items, PairedValues]:
    items = match(base, candidate)
    return items, values_of(items, base.values[0], candidate.values[0])


def _page(options: RowsOptions, matched: _Matched, after: After | None) -> PageOfItems:
    return page_of(
        matched.items,
        matched.values,
        matched.measure,
        matched.margin,
        show=options.show,
        order=options.order,
        after=after,
        limit=options.limit,
    )


async def _rows(tx: Transaction, matched: _Matched, page: PageOfItems) -> list[Row]:
    values, measure = matched.values, matched.measure
    keys = [key_of(matched.items, item) for item in page.items]
    firsts = [await first_trials(tx, arm, matched.pair_by, keys) for arm in matched.arms]
    change = await asyncio.to_thread(changes, values, measure, matched.margin)
    there = np.flatnonzero(values.there)
    rows = []
    for item, key in zip(page.items, keys, strict=True):
        base, candidate = _arms_of_row(matched, item, [of_arm.get(key) for of_arm in firsts])
        at = int(np.searchsorted(there, item)) if values.there[item] else None
        difference = None if at is None else Fraction(int(values.d[at]), measure.one * values.scale)
        sign = None if at is None else int(change[at]) * (1 if measure.higher_is_better else -1)
        rows.append(Row(key, base, candidate, difference, sign))
    return rows


def _arms_of_row(matched: _Matched, item: int, firsts: Sequence[FirstTrial | None]) -> list[RowArm]:
    values, arms = matched.values, (matched.items.base, matched.items.candidate)
    return [
        RowArm(_value(sums[item], counts[item], matched.measure), int(arm.traces[item]), first)
        for sums, counts, arm, first in zip(values.sums, values.counts, arms, firsts, strict=True)
    ]


def _value(total: int, count: int, measure: Measure) -> Fraction | None:
    return Fraction(int(total), int(count) * measure.one) if count else None
