"""The spans of a batch as they meet the store: where each stands, its patch, and its values filled in."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from ..domain.keys import ExperimentKey, GlobalSpanKey, NamedExperiment, SpanKey, TenantId, TraceKey
from ..domain.merge import Price, settle
from ..domain.span import Filled, Span
from ..store.session import Driver
from . import reading
from .batch import Batch, join_patches, patched
from .changes import put_patches
from .experiments import hold_named


@dataclass(slots=True)
class Loose:
    """The traces of spans with global ids, and their overrides."""

    homes: dict[GlobalSpanKey, str] = field(default_factory=dict)
    patches: dict[GlobalSpanKey, dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Arrival:
    """One span of the batch. `home` is its key in the store if it stands there, the key that it would get if not."""

    tenant_id: TenantId
    span: Span
    home: SpanKey
    patch: dict[str, Any] | None


async def find(driver: Driver, batch: Batch) -> tuple[Loose, set[ExperimentKey]]:
    """Find the homes of the batch's loose spans, whose locks are held, and give the spans the keys of the experiments
    that they name. Also the keys, held against deletion. The batch's patches are stored and joined.
    """
    ids, named = batch.loose_ids, batch.named
    if not ids and not named:
        return Loose(), set()
    homes, patches, held = await reading.find(driver, ids, named)
    keys = await hold_named(driver, named, held)
    _give_keys(batch, keys)
    loose = Loose(homes, patches)
    await _join_patches(driver, batch, loose)
    return loose, set(keys.values())


def _give_keys(batch: Batch, keys: dict[NamedExperiment, ExperimentKey]) -> None:
    for key, span in batch.spans.items():
        if span.experiment_id is not None:
            named = NamedExperiment(key[0], span.experiment_id)
            span.experiment_key, span.experiment_id = keys[named], None


async def _join_patches(driver: Driver, batch: Batch, loose: Loose) -> None:
    if batch.patches:
        joined = {k: join_patches(loose.patches.get(k, {}), fields) for k, fields in batch.patches.items()}
        loose.patches |= joined
        await put_patches(driver, {SpanKey(t, "", s): fields for (t, s), fields in joined.items()})
        _touch_patched(batch, loose)


def _touch_patched(batch: Batch, loose: Loose) -> None:
    """A stored span that is patched is written again, as by a repeat that carries nothing."""
    for key in batch.patches:
        home = loose.homes.get(key)
        if home is not None:
            nothing = Span(trace_id=home, span_id=key.span_id, by_span_id=True, filled=Filled.TRACE)
            batch.spans.setdefault((key.tenant_id, "", key.span_id), nothing)


def arrive(batch: Batch, loose: Loose, price: Price, now_us: int) -> list[Arrival]:
    """The batch's spans, settled as if they were new."""
    arrivals = []
    for (tenant_id, _, span_id), span in batch.spans.items():
        home = patch = None
        if span.by_span_id and (loose.homes or loose.patches):
            key = GlobalSpanKey(tenant_id, span_id)
            home, patch = loose.homes.get(key), loose.patches.get(key)
        if home is not None and span.filled & Filled.TRACE:
            span.trace_id = home
        span.received_us = now_us
        settled = settle(patched(span, patch), price)
        arrivals.append(Arrival(tenant_id, settled, SpanKey(tenant_id, home or settled.trace_id, span_id), patch))
    return arrivals


def by_trace(arrivals: list[Arrival], others: Collection[TraceKey] = ()) -> dict[TraceKey, list[Span]]:
    """The spans by the trace that they belong to, in key order; a trace that a span leaves is there without it.

    So are the other traces that are to be locked.
    """
    found: dict[TraceKey, list[Span]] = {key: [] for key in others}
    for arrival in arrivals:
        home, trace_id = arrival.home.trace, arrival.span.trace_id
        found.setdefault(home, [])
        key = home if trace_id == home.trace_id else TraceKey(arrival.tenant_id, trace_id)
        found.setdefault(key, []).append(arrival.span)
    return dict(sorted(found.items()))
