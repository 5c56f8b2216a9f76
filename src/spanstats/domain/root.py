"""What a trace takes from its earliest root alone."""

from typing import Any

import msgspec

from .keys import ExperimentKey
from .span import Filled, Span


class Root(msgspec.Struct, array_like=True):
    """What the trace takes from its earliest root alone."""

    start_us: int
    span_id: str
    end_us: int
    latency_us: int | None
    name: str | None
    status: str
    experiment_key: ExperimentKey | None
    labels: dict[str, str]
    metadata: dict[str, Any]
    input_key: str | None = None
    target_key: int | None = None
    filled: int = 0
    """`Filled` bits: what of this was not sent."""
    is_below_another: bool = False
    """Its parent is a span of another process."""

    @property
    def order(self) -> tuple[bool, int, str]:
        """As `Span.root_order`."""
        return self.is_below_another, self.start_us, self.span_id

    @property
    def is_timed(self) -> bool:
        """Whether it has times of its own."""
        return self.filled & NO_TIMES != NO_TIMES


NO_TIMES = Filled.START | Filled.END
"""`Filled` bits of a span that came without times."""


def root_of(span: Span) -> Root:
    """What a settled root gives to its trace."""
    assert span.start_us is not None
    assert span.end_us is not None
    assert span.status is not None
    return Root(
        span.start_us,
        span.span_id,
        span.end_us,
        span.latency_us,
        span.name,
        span.status,
        span.experiment_key,
        span.labels,
        span.metadata or {},
        span.input_key,
        span.target_key,
        _filled(span),
        span.root_order[0],
    )


def _filled(span: Span) -> int:
    """What of a root was filled in. In Parea's dialect no status is one: its TypeScript SDK sends none on success."""
    return span.filled & ~Filled.STATUS if span.by_span_id else span.filled
