"""Recorded requests of real clients, and what they must add up to."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanstats.domain.merge import settle
from spanstats.domain.span import Span
from spanstats.domain.trace import Trace, finish
from spanstats.domain.trace_fold import fold

CAPTURES = Path(__file__).parent.parent / "captures"
ARRIVAL_US = 1_800_000_000_000_000


def load(name: str) -> Any:
    return json.loads((CAPTURES / name).read_text())


def respan(name: str) -> bytes:
    """The body as it was sent, decompressed."""
    record = load(f"respan/{name}")
    if "body_base64" not in record:
        return json.dumps(record["body"]).encode()
    body = base64.b64decode(record["body_base64"])
    return gzip.decompress(body) if record["headers"].get("Content-Encoding") == "gzip" else body


def parea_logs() -> list[bytes]:
    """The logs of the recorded run, in order of arrival."""
    return [
        json.dumps(r["body"]).encode()
        for r in load("parea/python_sdk_run.json")
        if (r["method"], r["path"]) == ("POST", "/api/parea/v1/trace_log")
    ]


def as_protobuf(request: dict[str, Any]) -> bytes:
    """An OTLP/JSON export request in the other encoding. OTLP's JSON has hex where protobuf's JSON has base64."""

    def rewritten(value: Any) -> Any:
        if isinstance(value, list):
            return [rewritten(item) for item in value]
        if not isinstance(value, dict):
            return value
        ids = {k: base64.b64encode(bytes.fromhex(v)).decode() for k, v in value.items() if k in _IDS}
        return {k: rewritten(v) for k, v in value.items()} | ids

    return ParseDict(rewritten(request), ExportTraceServiceRequest()).SerializeToString()


_IDS = {"traceId", "spanId", "parentSpanId"}


def traces_of(spans: list[Span]) -> dict[str, Trace]:
    """The traces that these distinct spans make, without any price table."""
    by_trace: dict[str, list[Span]] = {}
    for span in spans:
        span.received_us = ARRIVAL_US
        by_trace.setdefault(span.trace_id, []).append(settle(span, lambda _: None))
    return {trace_id: finish(trace_id, fold(members)) for trace_id, members in by_trace.items()}
