"""The spans inside a request, and the commit that several requests share.

Names and attributes come from the program. Nothing that a client sent is in them, nor what an error says.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer, format_trace_id, set_span_in_context
from opentelemetry.util.types import AttributeValue

from ..tracing import Queued, Tracing, Untraced

_DATABASE: Mapping[str, AttributeValue] = {"db.system.name": "postgresql"}


class TracedRequest(Untraced):
    """A request with a span that is recorded."""

    __slots__ = ("_tracer", "span")

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self.span = span

    @property
    def trace_id(self) -> str:
        return format_trace_id(self.span.get_span_context().trace_id)

    def part(self, name: str) -> AbstractContextManager[None]:
        return around(self.begin(name))

    def statement(self, name: str) -> AbstractContextManager[None]:
        return around(self.begin(name, SpanKind.CLIENT, _DATABASE))

    def begin(
        self,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, AttributeValue] | None = None,
        links: Sequence[Link] = (),
        since_ns: int | None = None,
    ) -> Span:
        """A new child of the request's span, which began `since_ns` nanoseconds after 1970, else now."""
        above = set_span_in_context(self.span)
        return self._tracer.start_span(name, above, kind, attributes, links, since_ns)


@contextmanager
def around(span: Span) -> Iterator[None]:
    """Ends the span with the block, as failed where an error leaves it."""
    try:
        yield
    except BaseException as error:
        failed(span, type(error).__name__)
        raise
    finally:
        span.end()


def failed(span: Span, error_type: str) -> None:
    """Of an error only its type is recorded: its text may hold what a client sent."""
    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR)


class IngestSpans(Tracing):
    """The way of a write: its wait in the queue, and the commit that it shares with others."""

    def dequeued(self, group: Iterable[Queued]) -> None:
        now, now_ns = time.monotonic(), time.time_ns()
        for waiting in group:
            if isinstance(waiting.request, TracedRequest):
                since_ns = now_ns - int((now - waiting.since) * 1e9)
                attributes = {"spanstats.spans": waiting.weight}
                waiting.request.begin("ingest queue", attributes=attributes, since_ns=since_ns).end(now_ns)

    @contextmanager
    def committing(self, group: Sequence[Queued]) -> Iterator[None]:
        traced = [waiting.request for waiting in group if isinstance(waiting.request, TracedRequest)]
        if not traced:
            yield
            return
        attributes = {"spanstats.requests": len(group), "spanstats.spans": sum(w.weight for w in group)}
        links = [Link(request.span.get_span_context()) for request in traced]
        # A child of the first, so that the commonest commit, of one request, is a part of one tree.
        commit = traced[0].begin("ingest commit", attributes=attributes, links=links)
        for request in traced[1:]:
            # One whose client has hung up has ended.
            if request.span.is_recording():
                request.span.add_link(commit.get_span_context())
        with around(commit):
            yield
