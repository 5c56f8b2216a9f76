# /// script
# dependencies = [
#     "opentelemetry-exporter-otlp-proto-http==1.45.2",
#     "opentelemetry-sdk==1.45.2",
#     "httpx==0.28.1",
# ]
# ///
"""OpenTelemetry's own SDK: thousands of spans in batches, protobuf plain and with gzip, then the summary by httpx."""

import time
import uuid
from decimal import Decimal

import httpx
from checks import Checks
from expected import KEY, URL, Expected, compare
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode, set_span_in_context

TRACES, CALLS = 1000, 4
MODEL = "gpt-4o-mini"
START_NS = 1_780_000_000_000_000_000
CACHED = 16


def main() -> None:
    checks = Checks()
    for compression in (Compression.NoCompression, Compression.Gzip):
        experiment_id = f"otel-{compression.value}-{uuid.uuid4()}"
        began = time.monotonic()
        expected = export(experiment_id, compression)
        seconds = time.monotonic() - began
        checks.that(f"{compression.value}: {TRACES * (CALLS + 1)} spans exported in {seconds:.1f} s", seconds < 60)
        compare(checks, experiment_id, expected)
        compare_with_httpx(checks, experiment_id)
    checks.finish()


def export(experiment_id: str, compression: Compression) -> Expected:
    """Traces whose root lasts as many milliseconds as its number; every tenth fails, every other one reads a cache."""
    provider = TracerProvider()
    exporter = OTLPSpanExporter(compression=compression)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=TRACES * (CALLS + 1)))
    tracer = provider.get_tracer("clients")
    expected = Expected(traces=TRACES, failed=TRACES // 10)
    for number in range(TRACES):
        start = START_NS + number * 1_000_000_000
        root = tracer.start_span("row", start_time=start, attributes={"experiment_id": experiment_id, "row": number})
        for call in range(CALLS):
            read, written, cached = 100 + number, 1 + call, CACHED * (number % 2)
            span = tracer.start_span(
                f"chat {MODEL}",
                set_span_in_context(root),
                start_time=start,
                attributes={
                    "gen_ai.operation.name": "chat",
                    "gen_ai.provider.name": "openai",
                    "gen_ai.request.model": MODEL,
                    "gen_ai.response.model": f"{MODEL}-2024-07-18",
                    "gen_ai.usage.input_tokens": read,
                    "gen_ai.usage.output_tokens": written,
                    "gen_ai.usage.cache_read.input_tokens": cached,
                },
            )
            span.end(start + 1_000_000)
            expected.call(MODEL, read, written, cached)
        if number % 10 == 0:
            root.set_status(Status(StatusCode.ERROR, "as planned"))
        root.end(start + number * 1_000_000)
    provider.shutdown()
    return expected


def compare_with_httpx(checks: Checks, experiment_id: str) -> None:
    path = f"{URL}/api/v2/experiments/{experiment_id}/logs/summary/"
    with httpx.Client(headers={"Authorization": f"Bearer {KEY}"}) as client:
        whole = client.get(path).json()
        checks.near("httpx: avg_latency", whole["avg_latency"], Decimal(TRACES - 1) / 2 / 1000, 1e-9)
        # From the start of trace 100 to that of trace 200.
        window = {"start_time": "2026-05-28T20:28:20Z", "end_time": "2026-05-28T20:30:00Z"}
        part = client.get(path, params=window).json()
        checks.equal("httpx: traces in a window", part["total_count"], 100)
        filters = [{"field": "metadata.row", "operator": "gte", "value": 990}, {"field": "status", "value": "success"}]
        last = client.post(path, json={"filters": filters}).json()
        checks.equal("httpx: traces of the last rows that did not fail", last["total_count"], 9)
        checks.equal("httpx: their prompt tokens", last["total_prompt_tokens"], CALLS * sum(range(1091, 1100)))


if __name__ == "__main__":
    main()
