"""Bodies of about 1.5 KB a span: traces of seven spans, one of them a call of a model, two scores at the root."""

import json
import random
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SPANS_PER_TRACE = 7
START_S = 1_780_000_000
_TEXT = "The quick brown fox jumps over the lazy dog and writes a long answer about it. " * 6


def _ids(number: int) -> tuple[str, str, str | None]:
    """Trace, span and parent id of the span of this number."""
    trace, place = divmod(number, SPANS_PER_TRACE)
    root = f"{trace:028x}0000"
    return root, root if place == 0 else f"{trace:028x}{place:04x}", root if place else None


def _usage(number: int) -> tuple[int, int]:
    return (200 + number % 800, 20 + number % 300) if number % SPANS_PER_TRACE == 3 else (0, 0)


def parea(count: int, experiment: str, offset: int = 0) -> Iterator[bytes]:
    """Bodies of `POST /trace_log`."""
    rng = random.Random(1)  # noqa: S311
    for number in range(offset, offset + count):
        trace, span, parent = _ids(number)
        prompt, completion = _usage(number)
        start = START_S + number // SPANS_PER_TRACE / 50
        scores = [{"name": "exact", "score": rng.random()}, {"name": "judge", "score": 0.75}]
        body: dict[str, Any] = {
            "trace_id": span,
            "root_trace_id": trace,
            "parent_trace_id": parent or span,
            "experiment_uuid": experiment,
            "start_timestamp": _iso(start),
            "end_timestamp": _iso(start + 0.5),
            "latency": 0.5,
            "trace_name": f"step {number % SPANS_PER_TRACE}",
            "configuration": {"model": "gpt-4o-mini", "provider": "openai"} if prompt else {},
            "inputs": {"question": _TEXT},
            "output": _TEXT,
            "input_tokens": prompt,
            "output_tokens": completion,
            "cost": prompt * 15e-8 + completion * 6e-7,
            "scores": [] if parent else scores,
            "metadata": {"env": ("prod", "test", "dev")[number % 3]},
            "status": "success",
        }
        yield json.dumps(body).encode()


def long_trace(count: int, experiment: str, scored_every: int) -> Iterator[bytes]:
    """Bodies of `POST /trace_log`: one root, all others right below it; two scores on the root and on every so many."""
    root = f"{scored_every:032x}"
    for number, body in enumerate(parea(count, experiment, 90_000_000)):
        span = json.loads(body)
        span["trace_id"] = f"{scored_every:028x}{number:04x}" if number else root
        span["root_trace_id"] = span["parent_trace_id"] = root
        scored = number % scored_every == 0 if scored_every else number == 0
        span["scores"] = [{"name": "exact", "score": 0.5}, {"name": "judge", "score": 0.75}] if scored else []
        yield json.dumps(span).encode()


def _iso(seconds: float) -> str:
    whole = int(seconds)
    hours, rest = divmod(whole - 1_779_926_400, 3600)
    days, hours = divmod(hours, 24)
    minute, second = divmod(rest, 60)
    return f"2026-05-{28 + days:02d}T{hours:02d}:{minute:02d}:{second:02d}.{int(seconds % 1 * 1e6):06d}+00:00"


def flat(count: int, per_request: int, experiment: str, offset: int) -> Iterator[bytes]:
    """Bodies of `POST /api/v1/traces/ingest`."""
    for begin in range(offset, offset + count, per_request):
        yield json.dumps([_flat(number, experiment) for number in range(begin, begin + per_request)]).encode()


def _flat(number: int, experiment: str) -> dict[str, Any]:
    trace, span, parent = _ids(number)
    prompt, completion = _usage(number)
    return {
        "trace_unique_id": trace,
        "span_unique_id": span,
        "span_parent_id": parent,
        "span_name": f"step {number % SPANS_PER_TRACE}",
        "start_time": _iso(START_S + number / 350),
        "timestamp": _iso(START_S + number / 350 + 0.5),
        "latency": 0.5,
        "input": _TEXT,
        "output": _TEXT,
        "metadata": {"env": ("prod", "test", "dev")[number % 3], "experiment_id": experiment},
        "status": "success",
    } | ({"model": "gpt-4o-mini", "prompt_tokens": prompt, "completion_tokens": completion} if prompt else {})


def otlp_json(count: int, per_request: int, experiment: str, offset: int) -> Iterator[bytes]:
    """OTLP export requests as JSON."""
    for begin in range(offset, offset + count, per_request):
        spans = [_otlp(number, experiment) for number in range(begin, begin + per_request)]
        yield json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def _otlp(number: int, experiment: str) -> dict[str, Any]:
    trace, span, parent = _ids(number)
    prompt, completion = _usage(number)
    start = START_S * 10**9 + number * 2_857_143
    texts = {
        "respan.metadata.experiment_id": experiment,
        "respan.metadata.env": ("prod", "test", "dev")[number % 3],
        "traceloop.span.kind": "task",
        "traceloop.entity.input": _TEXT,
        "traceloop.entity.output": _TEXT,
    } | ({"gen_ai.request.model": "gpt-4o-mini"} if prompt else {})
    numbers = {"gen_ai.usage.input_tokens": prompt, "gen_ai.usage.output_tokens": completion} if prompt else {}
    return {
        "traceId": trace,
        "spanId": span[12:28] if parent is None else f"{int(span, 16) % 2**64 | 2**63:016x}",
        "parentSpanId": parent[12:28] if parent else "",
        "name": f"step {number % SPANS_PER_TRACE}",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 500_000_000),
        "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in texts.items()]
        + [{"key": k, "value": {"intValue": str(v)}} for k, v in numbers.items()],
        "status": {"code": 1},
    }


def otlp_protobuf(count: int, per_request: int, experiment: str, offset: int) -> Iterator[bytes]:
    """The same spans as `otlp_json`, as protobuf."""
    for body in otlp_json(count, per_request, experiment, offset):
        request = ExportTraceServiceRequest()
        for sent in json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]:
            add_span(request, sent)
        yield request.SerializeToString()


def add_span(request: ExportTraceServiceRequest, sent: dict[str, Any]) -> None:
    """Append a span, given as it is in JSON, to the first scope of the request."""
    if not request.resource_spans:
        request.resource_spans.add().scope_spans.add()
    span = request.resource_spans[0].scope_spans[0].spans.add()
    span.trace_id, span.span_id = bytes.fromhex(sent["traceId"]), bytes.fromhex(sent["spanId"])
    span.parent_span_id, span.name = bytes.fromhex(sent["parentSpanId"]), sent["name"]
    span.start_time_unix_nano, span.end_time_unix_nano = int(sent["startTimeUnixNano"]), int(sent["endTimeUnixNano"])
    span.status.code = 1
    for attribute in sent["attributes"]:
        pair = span.attributes.add(key=attribute["key"])
        value = attribute["value"]
        if "stringValue" in value:
            pair.value.string_value = value["stringValue"]
        else:
            pair.value.int_value = int(value["intValue"])
