"""`python -m benchmarks.soak [SECONDS]`: mixed load on a real service; fails where it leaks, errs or miscounts.

Writers post Parea logs and OTLP batches of whole traces, readers ask for stats, summaries and lists, some clients hang
up in the midst of a request. At the end every sum is exact, no connection is left over, memory is flat. Then, for a
tenth of the time each, the database moves to a standby and back, and is behind a pooler.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Annotated, Any

import asyncpg
import httpx
import typer

from . import soak_databases
from .server import KEY, Service, serving

SPANS = 5
_START_NS = 1_780_000_000 * 10**9
# Memory is compared from here on: until then pools, caches and the allocator fill up.
_WARM = 0.3
_MAX_GROWTH = 0.10
_MAX_ERRORS = 20
_LEAST_S = 10.0

Call = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


@dataclass(slots=True)
class Load:
    """What was done so far; `traces` counts whole ones that were acknowledged, by experiment."""

    until: float
    answers: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    traces: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.until

    async def call(self, kind: str, ask: Coroutine[Any, Any, httpx.Response]) -> httpx.Response:
        began = time.perf_counter()
        answer = await ask
        self.latencies.append(time.perf_counter() - began)
        self.answers[f"{kind} {answer.status_code}"] += 1
        if not answer.is_success:
            self.wrong.append(f"{kind} {answer.status_code} {answer.text[:200]}")
        return answer


def main(seconds: Annotated[int, typer.Argument(help="How long.", min=10)] = 600) -> None:
    """Load the service for so long, then check it."""
    with serving() as service:
        load = asyncio.run(_run(service, seconds))
        faults = asyncio.run(_check(service, load))
    _report(load, seconds)
    for phase in (soak_databases.fail_over, soak_databases.pool):
        faults += phase(max(_LEAST_S, seconds / 10))
    for fault in (faults + load.wrong)[:_MAX_ERRORS]:
        print(f"FAILED: {fault}")  # noqa: T201
    sys.exit(1 if faults or load.wrong else 0)


async def _run(service: Service, seconds: int) -> Load:
    load = Load(time.monotonic() + seconds)
    base = f"http://127.0.0.1:{service.port}"
    async with httpx.AsyncClient(base_url=base, headers={"x-api-key": KEY}, timeout=30) as client:
        jobs = [_post_logs(client, load, lane) for lane in range(4)]
        jobs += [_post_batches(client, load, lane) for lane in range(2)]
        jobs += [_read(client, load, lane) for lane in range(2)]
        await asyncio.gather(*jobs, _hang_up(base, load), _watch(service, load))
    return load


async def _post_logs(client: httpx.AsyncClient, load: Load, lane: int) -> None:
    number = 0
    while load.goes_on:
        experiment = f"soak-{lane}-{number // 500}"
        root = f"log-{lane}-{number}"
        for place in range(SPANS):
            body = {
                "trace_id": root if place == 0 else f"{root}-{place}",
                "root_trace_id": root,
                "parent_trace_id": root,
                "experiment_uuid": experiment,
                "start_timestamp": f"2026-05-28T20:{number // 60 % 60:02d}:{number % 60:02d}Z",
                "latency": 0.5,
                "inputs": {"question": "q" * 200},
                "input_tokens": 3,
                "output_tokens": 2,
                "cost": 0.000001,
                "scores": [{"name": "exact", "score": 1}] if place == 0 else [],
            }
            await load.call("log", client.post("/api/parea/v1/trace_log", json=body))
        load.traces[experiment] += 1
        number += 1
        await asyncio.sleep(0.01)


async def _post_batches(client: httpx.AsyncClient, load: Load, lane: int) -> None:
    number = 0
    while load.goes_on:
        experiment = f"soak-batch-{lane}-{number // 5000}"
        spans = [_span(lane, number + n // SPANS, n % SPANS, experiment) for n in range(10 * SPANS)]
        body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
        await load.call("batch", client.post("/api/v1/traces", content=json.dumps(body)))
        load.traces[experiment] += 10
        number += 10
        await asyncio.sleep(0.05)


def _span(lane: int, trace: int, place: int, experiment: str) -> dict[str, Any]:
    start = _START_NS + trace * 10**8
    # The root says what the calls below it used together, which counts once.
    told = 1 if place else SPANS - 1
    attributes = {"experiment_id": {"stringValue": experiment}, "gen_ai.usage.cost": {"doubleValue": 0.000001}}
    attributes |= {"gen_ai.usage.input_tokens": {"intValue": str(3 * told)}}
    attributes |= {"gen_ai.usage.output_tokens": {"intValue": str(2 * told)}}
    return {
        "traceId": f"{lane + 1:016x}{trace + 1:016x}",
        "spanId": f"{lane + 1:04x}{trace + 1:010x}{place + 1:02x}",
        "parentSpanId": f"{lane + 1:04x}{trace + 1:010x}01" if place else "",
        "name": "step",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 5 * 10**8),
        "attributes": [{"key": key, "value": value} for key, value in attributes.items()],
    }


async def _read(client: httpx.AsyncClient, load: Load, lane: int) -> None:
    turn = lane
    while load.goes_on:
        await asyncio.sleep(0.05)
        if not load.traces:
            continue
        turn += 1
        names = list(load.traces)
        name = names[turn % len(names)]
        paths = (
            f"/api/parea/v1/experiment/{name}/stats",
            f"/api/v2/experiments/{name}/logs/summary/",
            f"/api/v2/experiments/{name}/logs/list/?page_size=20",
            "/api/request-logs/list/?page_size=20",
            "/readyz",
        )
        await load.call("read", client.get(paths[turn % len(paths)]))
        filters = {"filters": {"cost": {"operator": "gt", "value": [0]}}}
        await load.call("filter", client.post(f"/api/v2/experiments/{name}/logs/summary/", json=filters))


async def _hang_up(base: str, load: Load) -> None:
    """Clients that are gone before their answer, on connections of their own."""
    while load.goes_on:
        names = list(load.traces) or ["none"]
        async with httpx.AsyncClient(base_url=base, headers={"x-api-key": KEY}) as client:
            ask = client.get(f"/api/v2/experiments/{names[-1]}/logs/summary/")
            try:
                await asyncio.wait_for(ask, 0.002)
            except (TimeoutError, httpx.TransportError):
                load.answers["hung up"] += 1
        await asyncio.sleep(0.1)


async def _watch(service: Service, load: Load) -> None:
    while load.goes_on:
        load.memory.append((time.monotonic(), service.rss_mib()))
        await asyncio.sleep(1)


async def _check(service: Service, load: Load) -> list[str]:
    """Everything that is not as it must be."""
    faults = []
    base = f"http://127.0.0.1:{service.port}"
    async with httpx.AsyncClient(base_url=base, headers={"x-api-key": KEY}, timeout=30) as client:
        for name, count in load.traces.items():
            found = (await client.get(f"/api/v2/experiments/{name}/logs/summary/")).json()
            calls = count * (SPANS - 1 if "batch" in name else SPANS)
            expected = (count, round(count * SPANS * 1e-6, 12), calls * 3, calls * 2)
            keys = ("total_count", "total_cost", "total_prompt_tokens", "total_completion_tokens")
            if tuple(round(found[key], 12) for key in keys) != expected:
                faults.append(f"{name}: {found} is not {expected}")
    busy = await _connections_in_use(service)
    if busy:
        faults.append(f"{busy} connections are in a transaction still")
    if (growth := _growth(load)) > _MAX_GROWTH:
        faults.append(f"memory grew by {growth:.0%}")
    return faults


async def _connections_in_use(service: Service) -> int:
    connection = await asyncpg.connect(service.database_url.replace("+asyncpg", ""))
    try:
        await asyncio.sleep(2)
        in_use = "application_name = 'spanstats' AND state <> 'idle' AND state_change < now() - interval '1 s'"
        found: int = await connection.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE {in_use}")
        return found
    finally:
        await connection.close()


def _growth(load: Load) -> float:
    """Of the memory in the last tenth of the time over that after warming up."""
    sizes = [size for _, size in load.memory]
    warm, end = sizes[int(len(sizes) * _WARM) :][: len(sizes) // 10 or 1], sizes[-(len(sizes) // 10 or 1) :]
    return sum(end) / len(end) / (sum(warm) / len(warm)) - 1


def _report(load: Load, seconds: int) -> None:
    ordered = sorted(load.latencies)
    sizes = [size for _, size in load.memory]
    lines = [
        f"{len(ordered)} requests in {seconds} s, {sum(load.traces.values())} traces of {SPANS} spans",
        f"answers: {dict(sorted(load.answers.items()))}",
        f"latency: p50 {ordered[len(ordered) // 2] * 1e3:.1f} ms, p99 {ordered[int(len(ordered) * 0.99)] * 1e3:.1f} ms",
        f"memory: {sizes[0]:.0f} MiB at first, {max(sizes):.0f} at most, {sizes[-1]:.0f} at last; {_growth(load):+.1%}",
    ]
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    typer.run(main)
