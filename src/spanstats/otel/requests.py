"""The span of every request: route template, method, status, tenant; never its address, its headers or its body."""

from collections.abc import Iterable

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..api.observation import REQUEST_ID
from ..tracing import REQUEST
from .spans import TracedRequest, failed

EXPORT_HEADER = "x-spanstats-trace-export"
"""Marks a request that brings such spans, from this service or another: no spans come of it, which would never end."""

_EXPORT = EXPORT_HEADER.encode()
# They come every few seconds and are of no interest.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
# https://opentelemetry.io/docs/specs/semconv/registry/attributes/http/: others are `_OTHER`, and `HTTP` in names.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DISCONNECTED = 499

_Headers = Iterable[tuple[bytes, bytes]]

_trace_context = TraceContextTextMapPropagator()
_TRACEPARENT, _TRACESTATE = b"traceparent", b"tracestate"


class RequestSpans:
    """An ASGI middleware, around all other. What is inside finds the span's own trace in the `traceparent` header."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        span = self._begin(scope) if scope["type"] == "http" and not _is_left_out(scope) else None
        if span is None or not span.is_recording():
            await self._app(scope, receive, send)
            return
        status, fault = 0, None

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        inner = {**scope, "headers": _within(span, scope["headers"])}
        token = REQUEST.set(TracedRequest(self._tracer, span))
        try:
            await self._app(inner, receive, noting)
        except Exception as error:
            status, fault = status or 500, type(error).__name__
            raise
        finally:
            REQUEST.reset(token)
            _end(span, inner, status or _DISCONNECTED, fault)

    def _begin(self, scope: Scope) -> Span:
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        attributes = {"http.request.method": method, "url.scheme": scope.get("scheme", "http")}
        return self._tracer.start_span(method, _context_of(scope["headers"]), SpanKind.SERVER, attributes)


def _is_left_out(scope: Scope) -> bool:
    path = scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/")
    return path in _PROBES or any(name == _EXPORT for name, _ in scope["headers"])


def _context_of(headers: _Headers) -> Context:
    """The trace that the client says it is in. What else it says of it (`tracestate`) is not passed on."""
    parents = [value.decode("latin-1") for name, value in headers if name == _TRACEPARENT]
    return _trace_context.extract({"traceparent": parents} if parents else {})


def _within(span: Span, headers: _Headers) -> list[tuple[bytes, bytes]]:
    """The headers of a request that came from this span."""
    own: dict[str, str] = {}
    _trace_context.inject(own, set_span_in_context(span))
    others = [header for header in headers if header[0] not in (_TRACEPARENT, _TRACESTATE)]
    return [*others, (_TRACEPARENT, own["traceparent"].encode())]


def _end(span: Span, scope: Scope, status: int, fault: str | None) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "HTTP"
    route = getattr(scope.get("route"), "path", None)
    span.update_name(method if route is None else f"{method} {route}")
    span.set_attribute("http.response.status_code", status)
    if route is not None:
        span.set_attribute("http.route", route)
    if (caller := scope.get("state", {}).get("caller")) is not None:
        span.set_attribute("spanstats.tenant_id", caller.tenant_id)
    if (request_id := REQUEST_ID.get()) is not None:
        span.set_attribute("spanstats.request_id", request_id)
    if status >= 500 or fault is not None:
        failed(span, fault or str(status))
    span.end()
