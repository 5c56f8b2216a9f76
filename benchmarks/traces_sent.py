"""The traces of `bytes.py` as clients send them: children in flat JSON, roots with their scores as logs of Parea."""

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
from rich.console import Console

from spanstats.catalog.packing_runs import pack_traces
from spanstats.domain.span import Span
from spanstats.store.session import Database, create_engine

from .bytes import texts, trace
from .load import Request, run
from .processor import until_quiet
from .server import KEY, Service

EXPERIMENTS = ("run-a", "run-b")
"""Traces belong to them in turns."""
_PER_REQUEST = 20
_N_IDS = 200
_LATER_US = 2_000_000_000_000_000
_PACK_NOW = "UPDATE packing SET allowed_from = now(), block = 0, looked_until = NULL"
_LEFT = """
SELECT (SELECT count(*) FROM spans) + (SELECT count(*) FROM span_payloads) + (SELECT count(*) FROM traces t WHERE NOT
    EXISTS (SELECT FROM packed_payloads p WHERE p.tenant_id = t.tenant_id AND p.trace_id = t.trace_id))
"""


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of a trace, of its root and of its first call of a model."""

    trace: str
    root: str
    call: str


def some_ids(traces: int) -> list[Ids]:
    """Of traces of the first experiment, spread over all of them."""
    every = 2 * max(1, traces // _N_IDS // 2)
    return [
        Ids(spans[0].trace_id, spans[0].span_id, spans[3].span_id)
        for number, spans in enumerate(_made(traces))
        if number % every == 0
    ]


async def send(console: Console, service: Service, traces: int, *, is_packed: bool) -> None:
    """Send so many traces, and pack them all. Raises `RuntimeError` where one is left."""
    made = list(_made(traces))
    parts = [made[begin : begin + _PER_REQUEST] for begin in range(0, traces, _PER_REQUEST)]
    await run(service.port, [_ingest([span for spans in part for span in spans[1:]]) for part in parts], 4)
    await run(service.port, [_log(spans[0], EXPERIMENTS[n % 2]) for n, spans in enumerate(made)], 32)
    await until_quiet(service.process)
    connection = await asyncpg.connect(service.database_url.replace("+asyncpg", ""))
    if is_packed:
        await _pack(service, connection)
    while await connection.fetchval("SELECT EXISTS (SELECT FROM rollup_marks)"):  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    await connection.execute("VACUUM (ANALYZE)")
    await connection.execute("CHECKPOINT")
    await connection.close()
    console.print(f"{traces:,} traces sent{' and packed' if is_packed else ''}")


async def _pack(service: Service, connection: asyncpg.Connection) -> None:
    await connection.execute(_PACK_NOW)
    engine = create_engine(service.database_url)
    async for _ in pack_traces(Database(engine), _LATER_US):
        pass
    await engine.dispose()
    if left := await connection.fetchval(_LEFT):
        raise RuntimeError(f"{left} rows of traces are not packed")
    for table in ("spans", "span_payloads"):
        await connection.execute(f"VACUUM (FULL) {table}")


def _made(traces: int) -> Iterator[list[Span]]:
    rng, known = random.Random(5), texts()  # noqa: S311
    return (list(trace(number, rng, known)) for number in range(traces))


def _ingest(spans: list[Span]) -> Request:
    return Request.make("POST", "/api/v1/traces/ingest", KEY, json.dumps([_flat(span) for span in spans]).encode())


def _flat(span: Span) -> dict[str, Any]:
    of_model = {"model": span.model, "prompt_tokens": span.prompt_tokens, "completion_tokens": span.completion_tokens}
    return {
        "trace_unique_id": span.trace_id,
        "span_unique_id": span.span_id,
        "span_parent_id": span.parent_id,
        "span_name": span.name,
        "log_type": span.kind,
        "status": span.status,
        "start_time": _iso(span.start_us),
        "timestamp": _iso(span.end_us),
        "latency": (span.latency_us or 0) / 1e6,
        "input": json.loads(span.input or "null"),
        "output": json.loads(span.output or "null"),
        "metadata": span.metadata,
        "properties": {"telemetry.sdk.language": "python"},
    } | ({**of_model, "provider": span.provider, "temperature": 0.2} if span.model else {})


def _log(span: Span, experiment: str) -> Request:
    body = {
        "trace_id": span.span_id,
        "root_trace_id": span.trace_id,
        "parent_trace_id": span.span_id,
        "experiment_uuid": experiment,
        "trace_name": span.name,
        "status": span.status,
        "start_timestamp": _iso(span.start_us),
        "end_timestamp": _iso(span.end_us),
        "latency": (span.latency_us or 0) / 1e6,
        "inputs": json.loads(span.input or "null"),
        "output": json.loads(span.output or "null"),
        "metadata": span.metadata,
        "scores": [{"name": s.name, "score": s.value, "reason": s.reason} for s in span.scores or ()],
    }
    return Request.make("POST", "/api/parea/v1/trace_log", KEY, json.dumps(body).encode())


def _iso(us: int | None) -> str:
    seconds, rest = divmod(us or 0, 10**6)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest).isoformat()
