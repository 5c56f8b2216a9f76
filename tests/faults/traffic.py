"""Clients that post without pause, and keep a ledger of what was acknowledged to them."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .leaks import CANARY, KEY

SPANS_PER_TRACE = 5
SPANS_PER_BATCH = 50
EXPERIMENT = "under-fire"
_START_NS = 1_780_000_000 * 10**9


@dataclass(slots=True)
class Ledger:
    """(trace id, span id) of the acknowledged spans, and how often each answer came; `None` is a lost connection."""

    acknowledged: set[tuple[str, str]] = field(default_factory=set)
    answers: Counter[int | None] = field(default_factory=Counter)
    waits: set[str | None] = field(default_factory=set)
    """The `Retry-After` of every 503."""

    def note(self, answer: httpx.Response | None, spans: list[tuple[str, str]]) -> bool:
        """Whether the spans were acknowledged."""
        self.answers[answer.status_code if answer is not None else None] += 1
        if answer is not None and answer.status_code == 503:
            self.waits.add(answer.headers.get("retry-after"))
        done = answer is not None and answer.is_success
        if done:
            self.acknowledged.update(spans)
        return done


class Traffic:
    """Single Parea posts and OTLP batches, all at once, until stopped; what fails is sent again, as SDKs do."""

    def __init__(self, port: int, singles: int = 24, batches: int = 6) -> None:
        self.ledger = Ledger()
        limits = httpx.Limits(max_connections=None)
        self._client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"x-api-key": KEY}, timeout=40, limits=limits
        )
        self._singles, self._batches = singles, batches
        self._stopped = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.under_way = 0

    async def __aenter__(self) -> "Traffic":
        kinds = [("single", n) for n in range(self._singles)] + [("batch", n) for n in range(self._batches)]
        self._tasks = [asyncio.create_task(self._post(kind, lane)) for kind, lane in kinds]
        return self

    def stop(self) -> int:
        """Post nothing more; how many requests are under way."""
        self._stopped.set()
        return self.under_way

    async def __aexit__(self, *_: object) -> None:
        self._stopped.set()
        await asyncio.wait_for(asyncio.gather(*self._tasks), 180)
        await self._client.aclose()

    async def until(self, spans: int, timeout_s: float = 180) -> None:
        """Return once so many spans were acknowledged since now."""
        goal = len(self.ledger.acknowledged) + spans
        async with asyncio.timeout(timeout_s):
            while len(self.ledger.acknowledged) < goal:
                await asyncio.sleep(0.02)

    async def _post(self, kind: str, lane: int) -> None:
        number = 0
        while not self._stopped.is_set():
            request = _single(lane, number) if kind == "single" else _batch(lane, number)
            path, content, content_type, spans = request
            answer = await self._answer(path, content, content_type)
            if self.ledger.note(answer, spans):
                number += 1
            else:
                await asyncio.sleep(0.05)

    async def _answer(self, path: str, content: bytes, content_type: str) -> httpx.Response | None:
        self.under_way += 1
        try:
            return await self._client.post(path, content=content, headers={"content-type": content_type})
        except httpx.TransportError:
            return None
        finally:
            self.under_way -= 1


def _single(lane: int, number: int) -> tuple[str, bytes, str, list[tuple[str, str]]]:
    trace, place = divmod(number, SPANS_PER_TRACE)
    root = f"parea-{lane}-{trace}"
    span = root if place == 0 else f"{root}-{place}"
    body = {
        "trace_id": span,
        "root_trace_id": root,
        "parent_trace_id": root,
        "experiment_uuid": EXPERIMENT,
        "start_timestamp": f"2026-05-28T20:{trace // 60 % 60:02d}:{trace % 60:02d}Z",
        "latency": 0.25,
        "trace_name": "step",
        "inputs": {"question": CANARY},
        "input_tokens": 3 + place,
        "output_tokens": 2,
        "cost": 0.000001 * (place + 1),
        "scores": [{"name": "exact", "score": place / 4}],
        "status": "success",
    }
    return "/api/parea/v1/trace_log", json.dumps(body).encode(), "application/json", [(root, span)]


def _batch(lane: int, number: int) -> tuple[str, bytes, str, list[tuple[str, str]]]:
    request, ids = ExportTraceServiceRequest(), []
    spans = request.resource_spans.add().scope_spans.add().spans
    for n in range(number * SPANS_PER_BATCH, (number + 1) * SPANS_PER_BATCH):
        trace, place = divmod(n, SPANS_PER_TRACE)
        trace_id, root = f"{lane + 1:016x}{trace + 1:016x}", f"{lane + 1:04x}{trace + 1:010x}01"
        span_id = f"{lane + 1:04x}{trace + 1:010x}{place + 1:02x}"
        span = spans.add(trace_id=bytes.fromhex(trace_id), span_id=bytes.fromhex(span_id), name="step")
        span.parent_span_id = bytes.fromhex(root) if place else b""
        span.start_time_unix_nano = _START_NS + trace * 10**8
        span.end_time_unix_nano = span.start_time_unix_nano + 5 * 10**8
        texts = {"experiment_id": EXPERIMENT, "traceloop.entity.input": CANARY, "gen_ai.operation.name": "chat"}
        for key, value in texts.items():
            span.attributes.add(key=key).value.string_value = value
        for key, count in {"gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": place}.items():
            span.attributes.add(key=key).value.int_value = count
        ids.append((trace_id, span_id))
    return "/api/v1/traces", request.SerializeToString(), "application/x-protobuf", ids
