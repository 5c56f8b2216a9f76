"""The dependencies of a write besides the database: pricing, rendering of stats, the cache of evaluators."""

from collections.abc import Callable
from dataclasses import dataclass

from ..domain.merge import Price
from ..domain.trace import Trace
from .evaluators import Evaluators

Render = Callable[[Trace], str]
"""A trace's part of a stats answer, as text that is ready to send."""


@dataclass(frozen=True, slots=True)
class Tools:
    """How a writer prices spans and renders traces, and which evaluators it has written."""

    price: Price
    render: Render
    evaluators: Evaluators
    max_spans_of_trace: int | None = None
    """`trace_rows.MAX_SPANS_OF_TRACE` where it is `None`."""
