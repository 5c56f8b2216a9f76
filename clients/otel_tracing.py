"""OpenTelemetry's own SDK as the exporter of an instrumentation, with one span around each run."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def provider() -> TracerProvider:
    """A provider that exports to where the environment says, made the one of this process."""
    made = TracerProvider()
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(made)
    return made


@contextmanager
def root_span(experiment_id: str) -> Iterator[None]:
    with trace.get_tracer("app").start_as_current_span("run", attributes={"experiment_id": experiment_id}):
        yield
