"""The spans of a batch as they meet the store: where each stands, its patch, and its values filled in."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from ..domain.merge import Price, settle
from ..domain.span import Filled, Span
from ..store.session import Driver
from ..store.spans import StoredKey, TraceKey
from . import reading
from .batch import Batch, join_patches, lock_number, patched
from .changes import put_patches
from .experiments import hold_named
from .reading import LooseKey


@dataclass(slots=True)
class Loose:
    """Where spans that are found by their id alone stand, and the patches that lie over them."""

    homes: dict[LooseKey, str] = field(default_factory=dict)
    patches: dict[LooseKey, dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Arrival:
    """One span of the batch. `home` is its key in the store if it stands there, the key that it would get if not."""

    tenant_id: int
    span: Span
    home: StoredKey
    patch: dict[str, Any] | None


async def find_loose(driver: Driver, batch: Batch) -> Loose:
    """Serialise the writers of the batch's loose spans, find their homes, and store and join the batch's patches."""
    ids = batch.loose_ids
    if not ids:
        return Loose()
    await reading.serialise(driver, [lock_number(*key) for key in ids])
    loose = Loose(*await reading.loose(driver, ids))
    if batch.patches:
        joined = {k: join_patches(loose.patches.get(k, {}), fields) for k, fields in batch.patches.items()}
        loose.patches |= joined
        await put_patches(driver, {(t, "", s): fields for (t, s), fields in joined.items()})
        _touch_patched(batch, loose)
    return loose


def _touch_patched(batch: Batch, loose: Loose) -> None:
    """A stored span that is patched is written again, as by a repeat that carries nothing."""
    for tenant_id, span_id in batch.patches:
        home = loose.homes.get((tenant_id, span_id))
        if home is not None:
            nothing = Span(trace_id=home, span_id=span_id, by_span_id=True, filled=Filled.TRACE)
            batch.spans.setdefault((tenant_id, "", span_id), nothing)


async def name_experiments(driver: Driver, batch: Batch) -> set[int]:
    """Give the spans the keys of the experiments that they name; the keys, held against deletion."""
    named = {(key[0], s.experiment_id) for key, s in batch.spans.items() if s.experiment_id is not None}
    if not named:
        return set()
    keys = await hold_named(driver, named)
    for key, span in batch.spans.items():
        if span.experiment_id is not None:
            span.experiment_key, span.experiment_id = keys[key[0], span.experiment_id], None
    return set(keys.values())


def arrive(batch: Batch, loose: Loose, price: Price, now_us: int) -> list[Arrival]:
    """The batch's spans, settled as if they were new."""
    arrivals = []
    for (tenant_id, _, span_id), span in batch.spans.items():
        key = tenant_id, span_id
        home = loose.homes.get(key) if span.by_span_id else None
        if home is not None and span.filled & Filled.TRACE:
            span.trace_id = home
        span.received_us = now_us
        patch = loose.patches.get(key) if span.by_span_id else None
        settled = settle(patched(span, patch), price)
        arrivals.append(Arrival(tenant_id, settled, (tenant_id, home or settled.trace_id, span_id), patch))
    return arrivals


def by_trace(arrivals: list[Arrival], others: Collection[TraceKey] = ()) -> dict[TraceKey, list[Span]]:
    """The spans by the trace that they belong to, in key order; a trace that a span leaves is there without it.

    So are the other traces that are to be locked.
    """
    found: dict[TraceKey, list[Span]] = {key: [] for key in others}
    for arrival in arrivals:
        found.setdefault((arrival.tenant_id, arrival.span.trace_id), []).append(arrival.span)
        found.setdefault(arrival.home[:2], [])
    return dict(sorted(found.items()))
