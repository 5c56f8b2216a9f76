"""The way out: a bounded queue in memory and a thread of its own, so that no request waits for a collector.

All else is OpenTelemetry's own: its SDK reads the variables OTEL_* (sampling, headers, queue, names) by itself.
"""

import logging
import os
import threading
import time
from functools import partial
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from .requests import EXPORT_HEADER, RequestSpans
from .spans import IngestSpans

STOP_S = 3.0
"""Seconds that the last spans have at a stop."""

_NAME = "spanstats"
_SAID_EVERY_S = 60.0
# Where the SDK logs each batch that it cannot send, each span that it drops, each header that it cannot read.
_TALKATIVE = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
    "opentelemetry.sdk.trace.export",
    "opentelemetry.trace.propagation.tracecontext",
)


class OtlpTracing(IngestSpans):
    """Spans of this process, sent to a collector. Nothing global is set: no other library's spans are among them."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self.middleware = (partial(RequestSpans, tracer=provider.get_tracer(_NAME, version(_NAME))),)

    def stop(self) -> None:
        # The SDK would wait for half a minute. The thread does not keep the process alive.
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(STOP_S)


def tracing_to(endpoint: str) -> OtlpTracing:
    """Tracing to this OTLP/HTTP address. Raises `ValueError` or `RuntimeError` where a variable of OTEL_* is wrong."""
    for name, seldom in _seldom.items():
        logging.getLogger(name).addFilter(seldom)
    exporter = OTLPSpanExporter(endpoint, headers={EXPORT_HEADER: "1"})
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return OtlpTracing(provider)


def _resource() -> Resource:
    """This process; what the environment calls it goes first."""
    own: dict[str, str | int] = {
        "service.name": _NAME,
        "service.version": version(_NAME),
        "process.pid": os.getpid(),
    }
    return Resource.create(own).merge(OTELResourceDetector().detect())


class _Seldom(logging.Filter):
    """Lets one record a minute through: a collector that is away is logged, but does not fill the log."""

    def __init__(self) -> None:
        super().__init__()
        self._silent_until = 0.0

    def filter(self, _record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now < self._silent_until:
            return False
        self._silent_until = now + _SAID_EVERY_S
        return True


_seldom = {name: _Seldom() for name in _TALKATIVE}
