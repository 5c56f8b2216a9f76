"""The batch of one write transaction: spans, overrides and scores of its requests, repeats of a span merged."""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NewType

from ..domain.keys import GlobalSpanKey, LogKey, NamedExperiment, SpanKey, TenantId
from ..domain.merge import merge, override
from ..domain.span import Span
from ..domain.standalone import StandaloneScore

SpanIdentity = NewType("SpanIdentity", tuple[TenantId, str, str])
"""(tenant, trace id, span id); the trace id is empty where the span id alone is the identity."""
TouchedKey = tuple[TenantId, str, str]
"""The key of a span, or of a trace, whose span id is empty."""


@dataclass(slots=True)
class Write:
    """The write of one request: spans, an override, or a score.

    An override has domain fields that replace those of a span. `override` is for a span with a global id, stored or
    not. `stored_override` (trace id, span id, fields) is for a stored span. `log` is a log with pending scores.
    """

    tenant_id: TenantId
    spans: list[Span] = field(default_factory=list)
    override: tuple[str, dict[str, Any]] | None = None
    stored_override: tuple[str, str, dict[str, Any]] | None = None
    score: StandaloneScore | None = None
    log: str | None = None


def span_key(tenant_id: TenantId, span: Span) -> SpanIdentity:
    """The identity of a span within the store."""
    return SpanIdentity((tenant_id, "" if span.by_span_id else span.trace_id, span.span_id))


def touched_keys(write: Write) -> frozenset[TouchedKey]:
    """The keys on which this write may wait for another transaction, as far as the write has them."""
    tenant_id = write.tenant_id
    keys = {(tenant_id, span.trace_id, "") for span in write.spans}
    keys |= {span_key(tenant_id, span) for span in write.spans}
    if write.override is not None:
        keys.add((tenant_id, "", write.override[0]))
    if write.stored_override is not None:
        trace_id, span_id, _ = write.stored_override
        keys |= {(tenant_id, trace_id, ""), (tenant_id, trace_id, span_id)}
    log_id = write.score.log_id if write.score is not None else write.log
    if log_id is not None:
        keys |= {(tenant_id, "", log_id), (tenant_id, log_id, "")}
    return frozenset(keys)


def is_span_key(key: TouchedKey) -> bool:
    """Whether it is the key of a span."""
    return key[2] != ""


@dataclass(slots=True)
class Batch:
    """The distinct spans, overrides and scores of several writes."""

    spans: dict[SpanIdentity, Span] = field(default_factory=dict)
    overrides: dict[GlobalSpanKey, dict[str, Any]] = field(default_factory=dict)
    stored_overrides: dict[SpanKey, dict[str, Any]] = field(default_factory=dict)
    scores: list[tuple[TenantId, StandaloneScore]] = field(default_factory=list)
    logs: set[LogKey] = field(default_factory=set)
    """Logs of the standalone scores, those of this batch and pending ones."""
    may_be_stored: bool = False
    """Whether rows of these spans may be there though no trace has them: they are replaced then."""

    @property
    def global_ids(self) -> list[GlobalSpanKey]:
        """The ids of spans with a global id, of overrides, and of logs (a log may be such a span), sorted."""
        of_spans = {GlobalSpanKey(k[0], k[2]) for k, s in self.spans.items() if s.by_span_id}
        return sorted(of_spans | self.overrides.keys() | {GlobalSpanKey(*log) for log in self.logs})

    @property
    def experiment_names(self) -> set[NamedExperiment]:
        """The experiments that spans name."""
        # Of a few experiments there are many spans.
        distinct = {(key[0], s.experiment_id) for key, s in self.spans.items() if s.experiment_id is not None}
        return {NamedExperiment(*pair) for pair in distinct}


def collect(writes: Iterable[Write], *, may_be_stored: bool = False) -> Batch:
    """The writes as one batch; a later span of the same identity updates the earlier one."""
    batch = Batch(may_be_stored=may_be_stored)
    for write in writes:
        for span in write.spans:
            key = span_key(write.tenant_id, span)
            earlier = batch.spans.get(key)
            batch.spans[key] = copy(span) if earlier is None else merge(earlier, span)
        if write.override is not None:
            span_id, fields = write.override
            global_key = GlobalSpanKey(write.tenant_id, span_id)
            batch.overrides[global_key] = join_overrides(batch.overrides.get(global_key, {}), fields)
        _collect_late(batch, write)
    return batch


def _collect_late(batch: Batch, write: Write) -> None:
    if write.stored_override is not None:
        trace_id, span_id, fields = write.stored_override
        key = SpanKey(write.tenant_id, trace_id, span_id)
        batch.stored_overrides[key] = join_overrides(batch.stored_overrides.get(key, {}), fields)
    if write.score is not None:
        batch.scores.append((write.tenant_id, write.score))
        batch.logs.add(LogKey(write.tenant_id, write.score.log_id))
    if write.log is not None:
        batch.logs.add(LogKey(write.tenant_id, write.log))


def join_overrides(earlier: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """Both overrides as one: the later one's fields win, labels and attributes key by key."""
    joined = {**earlier, **later}
    for name in ("labels", "attributes"):
        if name in earlier and name in later:
            joined[name] = {**earlier[name], **later[name]}
    return joined


def overridden(span: Span, fields: dict[str, Any] | None) -> Span:
    """The span with its override, if it has one."""
    return override(span, fields) if fields else span


def lock_number(tenant_id: TenantId, span_id: str) -> int:
    """The advisory lock of a global span id: a signed 64-bit digest."""
    digest = blake2b(f"{tenant_id}:{span_id}".encode(), digest_size=8, person=b"spanstats").digest()
    return int.from_bytes(digest, "big", signed=True)
