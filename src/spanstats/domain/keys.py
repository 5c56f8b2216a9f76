"""Keys of what is stored. No key is assignable to another one, also where both have the same parts.

The first part of every key is the tenant, so that none can reach the rows of another tenant. Keys sort by their parts,
which is the order in which writers lock rows.
"""

from typing import NamedTuple, NewType

TenantId = NewType("TenantId", int)
"""A row of `tenants`. It follows from the API key alone."""

ExperimentKey = NewType("ExperimentKey", int)
"""A row of `experiments`. An experiment that is created again after it was deleted keeps its id, not its key."""


class TraceKey(NamedTuple):
    """A trace."""

    tenant_id: TenantId
    trace_id: str


class SpanKey(NamedTuple):
    """A span as it is stored."""

    tenant_id: TenantId
    trace_id: str
    span_id: str

    @property
    def trace(self) -> TraceKey:
        """The trace that the span is stored in."""
        return TraceKey(self.tenant_id, self.trace_id)


class GlobalSpanKey(NamedTuple):
    """A span whose id is unique in its tenant, so that it is found without its trace."""

    tenant_id: TenantId
    span_id: str


class LogKey(NamedTuple):
    """What a client calls a log: the span of this id, else the trace of this id."""

    tenant_id: TenantId
    log_id: str


class ScoreKey(NamedTuple):
    """A standalone score, by the id that it came with."""

    tenant_id: TenantId
    score_id: str


class EvaluatorKey(NamedTuple):
    """A row of `evaluators`. `key` is the evaluator's id, else its slug, else its name."""

    tenant_id: TenantId
    key: str


class NamedExperiment(NamedTuple):
    """An experiment by the id that its owner gave it."""

    tenant_id: TenantId
    experiment_id: str
