"""The fourth step of a write: merge the batch into the stored spans. It reads what it needs and writes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..domain.keys import SpanKey, TraceKey
from ..domain.merge import Price, merge, settle
from ..domain.span import Span
from ..domain.usage import count_usage
from ..store.session import Driver
from ..store.spans import add_content
from ..threads import beside_if_many
from .batch import Batch, join_overrides, overridden
from .changes import Changed
from .identities import read_overrides
from .resolve import Incoming, work_on
from .stored import Stored


@dataclass(slots=True)
class Merged:
    """The changes that a batch makes to the stored spans."""

    changed: Changed = field(default_factory=list)
    """The spans that are new or changed."""
    are_new: bool = True
    """Whether all of these are new."""
    rescored: list[SpanKey] = field(default_factory=list)
    """Stored spans whose own scores are replaced."""
    moved: list[tuple[SpanKey, str]] = field(default_factory=list)
    """Stored spans that now name another trace, with its id."""
    recounted: dict[SpanKey, int] = field(default_factory=dict)
    """`Uncounted` bits of spans that are not changed otherwise."""
    overrides: dict[SpanKey, dict[str, Any]] = field(default_factory=dict)
    """Of stored spans without a global id, joined with the stored overrides."""


async def merge_batch(driver: Driver, stored: Stored, batch: Batch, incoming: list[Incoming], price: Price) -> Merged:
    """Merge repeats into the stored spans, and keep `stored` up to date."""
    merged = Merged(overrides=await _overrides(driver, stored, batch))
    incoming = incoming + _overridden_alone(merged, incoming)
    befores = _befores(stored, incoming)
    await add_content(driver, befores, befores.keys())
    others = [key for key, before in befores.items() if not before.by_span_id and key not in merged.overrides]
    overrides = await read_overrides(driver, others) | merged.overrides
    work = work_on([*befores.values(), *(each.span for each in incoming)]) if befores else 0
    await beside_if_many(work, _merge_each, merged, stored, incoming, befores, overrides, price)
    _apply(stored, merged.changed, merged.moved)
    merged.recounted = await beside_if_many(stored.n_spans_to_fold, _recount, stored, merged.changed)
    return merged


def _merge_each(
    merged: Merged,
    stored: Stored,
    incoming: Iterable[Incoming],
    befores: dict[SpanKey, Span],
    overrides: dict[SpanKey, dict[str, Any]],
    price: Price,
) -> None:
    for each in incoming:
        before = befores.get(each.stored_key)
        if before is None:
            merged.changed.append((each.tenant_id, each.span))
        else:
            override = each.override or overrides.get(each.stored_key)
            after = settle(overridden(merge(before, each.span), override), price)
            _add_repeat(merged, stored, each, before, after)


async def _overrides(driver: Driver, stored: Stored, batch: Batch) -> dict[SpanKey, dict[str, Any]]:
    keys = [key for key in batch.stored_overrides if key.span_id in stored.spans.get(key.trace, {})]
    earlier = await read_overrides(driver, keys)
    return {key: join_overrides(earlier.get(key, {}), batch.stored_overrides[key]) for key in keys}


def _overridden_alone(merged: Merged, incoming: Iterable[Incoming]) -> list[Incoming]:
    """Stored spans that the batch overrides and does not bring: each as a repeat that carries nothing."""
    alone = merged.overrides.keys() - {each.stored_key for each in incoming} if merged.overrides else set()
    return [
        Incoming(key.tenant_id, Span(trace_id=key.trace_id, span_id=key.span_id), key, None) for key in sorted(alone)
    ]


def _befores(stored: Stored, incoming: Iterable[Incoming]) -> dict[SpanKey, Span]:
    """The stored spans that are sent again."""
    if not stored.spans:
        return {}
    keys = (each.stored_key for each in incoming)
    return {key: span for key in keys if (span := stored.spans.get(key.trace, {}).get(key.span_id)) is not None}


def _add_repeat(merged: Merged, stored: Stored, incoming: Incoming, before: Span, after: Span) -> None:
    if after == before:
        return
    if incoming.stored_key in stored.scores:
        merged.rescored.append(incoming.stored_key)
    if after.trace_id != before.trace_id:
        merged.moved.append((incoming.stored_key, after.trace_id))
    merged.changed.append((incoming.tenant_id, after))
    merged.are_new = False


def _apply(stored: Stored, changed: Changed, moved: Iterable[tuple[SpanKey, str]]) -> None:
    """Bring the loaded traces up to date with what is about to be written."""
    for key, target in moved:
        del stored.spans[key.trace][key.span_id]
        scores = stored.scores.pop(key, None)
        if scores is not None:
            stored.scores[key._replace(trace_id=target)] = scores
        stored.to_fold |= {key.trace, key.trace._replace(trace_id=target)}
    for tenant_id, span in changed:
        trace = TraceKey(tenant_id, span.trace_id)
        stored.spans.setdefault(trace, {})[span.span_id] = span
        if trace in stored.before:
            stored.to_fold.add(trace)


def _recount(stored: Stored, changed: Changed) -> dict[SpanKey, int]:
    recounted = count_again(stored)
    written = {SpanKey(tenant_id, span.trace_id, span.span_id) for tenant_id, span in changed} if recounted else set()
    return {key: bits for key, bits in recounted.items() if key not in written}


def count_again(stored: Stored) -> dict[SpanKey, int]:
    """Count the usage of every span of the changed traces. The `Uncounted` bits of spans whose bits change."""
    recounted: dict[SpanKey, int] = {}
    for key in stored.to_fold - stored.folds.keys():
        spans = [*stored.spans.get(key, {}).values()]
        before = [span.uncounted for span in spans]
        count_usage(spans, keeps_tree=False)
        for span, uncounted in zip(spans, before, strict=True):
            if span.uncounted != uncounted:
                recounted[SpanKey(*key, span.span_id)] = span.uncounted
    return recounted
