"""The first step of a write: find the stored key and the override of each span, and its experiment."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from ..domain.keys import ExperimentKey, GlobalSpanKey, LogKey, NamedExperiment, SpanKey, TenantId, TraceKey
from ..domain.merge import Price, settle
from ..domain.span import Filled, Span
from ..store.session import Driver
from ..threads import beside_if_many
from .batch import Batch, SpanIdentity, join_overrides, overridden
from .experiments import lock_or_insert_experiments
from .identities import Identified, identify_and_lock
from .pending import find_logs


@dataclass(slots=True)
class Incoming:
    """A span of the batch, settled as if it were new. `stored_key` is the key that it has, or is going to have."""

    tenant_id: TenantId
    span: Span
    stored_key: SpanKey
    override: dict[str, Any] | None


@dataclass(slots=True)
class Resolved:
    """The spans of a batch, and what they refer to."""

    incoming: list[Incoming]
    logs: dict[LogKey, TraceKey]
    """The stored traces of logs that scores name."""
    experiments: set[ExperimentKey]
    """Named by the spans, and locked against deletion."""
    overrides: dict[SpanKey, dict[str, Any]] = field(default_factory=dict)
    """The batch's overrides of spans with global ids, joined with the stored ones; they are not written yet."""

    def traces_by_log(self) -> dict[LogKey, TraceKey]:
        """The traces of `logs`, and of the incoming spans: by span id (of several the latest), else by trace id."""
        by_span: dict[LogKey, Span] = {}
        by_trace: dict[LogKey, TraceKey] = {}
        for each in self.incoming:
            span, key = each.span, LogKey(each.tenant_id, each.span.span_id)
            by_trace[LogKey(each.tenant_id, span.trace_id)] = TraceKey(each.tenant_id, span.trace_id)
            if key not in by_span or (by_span[key].start_us or 0) < (span.start_us or 0):
                by_span[key] = span
        by_id = {key: TraceKey(key.tenant_id, span.trace_id) for key, span in by_span.items()}
        return {**by_trace, **by_id, **self.logs}


async def resolve(driver: Driver, batch: Batch, price: Price, now_us: int) -> Resolved:
    """Resolve the batch's spans, whose global ids are locked. Experiments that they name first are inserted."""
    stored, experiments = Identified(), dict[NamedExperiment, ExperimentKey]()
    global_ids, names = batch.global_ids, batch.experiment_names
    if global_ids or names:
        stored = await identify_and_lock(driver, global_ids, names)
        experiments = await lock_or_insert_experiments(driver, names, stored.experiments)
    overrides = {k: join_overrides(stored.overrides.get(k, {}), fields) for k, fields in batch.overrides.items()}
    stored.overrides.update(overrides)
    spans = _with_overridden(batch, stored)
    if experiments:
        _name_experiments(spans, experiments)
    return Resolved(
        await beside_if_many(work_on(spans.values()), _settled, spans, stored, price, now_us),
        await find_logs(driver, batch.logs),
        set(experiments.values()),
        {SpanKey(tenant_id, "", span_id): fields for (tenant_id, span_id), fields in overrides.items()},
    )


def _with_overridden(batch: Batch, stored: Identified) -> dict[SpanIdentity, Span]:
    """The spans of the batch; a stored span that it overrides is written again, as by a repeat that carries nothing."""
    spans = batch.spans
    for key in batch.overrides:
        trace_id = stored.traces.get(key)
        identity = SpanIdentity((key.tenant_id, "", key.span_id))
        if trace_id is not None and identity not in spans:
            nothing = Span(trace_id=trace_id, span_id=key.span_id, by_span_id=True, filled=Filled.TRACE)
            spans = {**spans, identity: nothing}
    return spans


def _name_experiments(spans: dict[SpanIdentity, Span], keys: dict[NamedExperiment, ExperimentKey]) -> None:
    """Replace the ids of experiments by their keys."""
    by_name = {(tenant_id, name): key for (tenant_id, name), key in keys.items()}
    for (tenant_id, _, _), span in spans.items():
        if span.experiment_id is not None:
            span.experiment_key, span.experiment_id = by_name[tenant_id, span.experiment_id], None


_CONTENT = 256
"""Characters of content that are as much work as a span."""


def work_on(spans: Collection[Span]) -> int:
    """The work of these spans as a number of spans: long content of roots adds to it (`domain/item_key.py`)."""
    content = sum(len(s.input or "") + len(s.target or "") for s in spans if s.is_root)
    return len(spans) + content // _CONTENT


def _settled(spans: dict[SpanIdentity, Span], stored: Identified, price: Price, now_us: int) -> list[Incoming]:
    incoming = []
    for (tenant_id, _, span_id), span in spans.items():
        stored_in = override = None
        if span.by_span_id and (stored.traces or stored.overrides):
            key = GlobalSpanKey(tenant_id, span_id)
            stored_in, override = stored.traces.get(key), stored.overrides.get(key)
        if stored_in is not None and span.filled & Filled.TRACE:
            span.trace_id = stored_in
        span.received_us = now_us
        settled = settle(overridden(span, override) if override else span, price)
        stored_key = SpanKey(tenant_id, stored_in or settled.trace_id, span_id)
        incoming.append(Incoming(tenant_id, settled, stored_key, override))
    return incoming
