"""Every screen of the page, over runs of any number of traces: when its first bytes come, and when it is complete."""

import http.client
import statistics
import time
from dataclasses import dataclass

import asyncpg
from rich.console import Console
from rich.progress import Progress

from . import seed
from .caches import refresh_caches
from .comparison import COLUMNS, EVALUATOR, PAIRED
from .report import Report
from .server import KEY, Service

_TIMES = 5
_NAMES = ("run", "other")
_PAIRED = max(PAIRED)
# A workflow and its call of a model in each trace.
_SPANS = """
INSERT INTO spans (tenant_id, trace_id, span_id, parent_id, by_span_id, name, kind, status, start_time, end_time,
    borrow, filled, received_at, model, prompt_tokens, completion_tokens, total_tokens, cost_pd, latency_us)
SELECT tenant_id, trace_id, CASE WHEN is_call THEN 'call' ELSE trace_id END, CASE WHEN is_call THEN trace_id END,
    true, CASE WHEN is_call THEN 'chat' ELSE name END, CASE WHEN is_call THEN 'chat' ELSE 'workflow' END, status,
    start_time, end_time, 0, 0, start_time, CASE WHEN is_call THEN model END, CASE WHEN is_call THEN prompt_tokens END,
    CASE WHEN is_call THEN completion_tokens END, CASE WHEN is_call THEN total_tokens END,
    CASE WHEN is_call THEN cost_pd END, latency_us
FROM traces CROSS JOIN (VALUES (false), (true)) AS spans(is_call) WHERE experiment_key = $1
"""
_MANY_SPANS = 10_000
# More spans of one trace, each a child of an earlier one.
_TREE = """
INSERT INTO spans (tenant_id, trace_id, span_id, parent_id, by_span_id, name, kind, status, start_time, end_time,
    borrow, filled, received_at, latency_us)
SELECT tenant_id, trace_id, 'span-' || n, CASE WHEN n <= 7 THEN trace_id ELSE 'span-' || n / 7 END, true,
    'step ' || n % 50, 'task', 'success', start_time + n * interval '1 millisecond',
    start_time + (n + 5) * interval '1 millisecond', 0, 0, start_time, 5000
FROM traces CROSS JOIN generate_series(1, $3) AS n WHERE experiment_key = $1 AND trace_id = $2
"""
_FILTER = "f=status&op=%3D&v=error"
_SCREENS = {
    "runs": "/ui/",
    "run": "/ui/run?id=run",
    "run, filtered": f"/ui/run?id=run&{_FILTER}",
    "run, filter that matches nothing": f"/ui/run?id=run&{_FILTER}&f=model&op=%3D&v=none",
    "run, by metadata": "/ui/run?id=run&by=metadata.user",
    "run, the worst traces": "/ui/run?id=run&list=worst",
    "comparison as a whole": "/ui/compare?base=other&candidate=run&pair_by=none",
    "comparison that is refused": "/ui/compare?base=other&candidate=run",
    "comparison, filtered": f"/ui/compare?base=other&candidate=run&{_FILTER}",
    "item": "/ui/item?key={item}&run=run&run=other",
    "trace": "/ui/trace?run=run&id={trace}",
    "trace of {spans:,} spans": "/ui/trace?run=run&id={tree}",
    "comparison of {paired:,} items": "/ui/compare?base=paired-0&candidate=paired-1",
    "run, by span name": "/ui/run?id=run&by=span_name",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Milliseconds until the first bytes of the body, and until the last ones; how many bytes."""

    first_ms: float
    all_ms: float
    size: int


async def measure(service: Service, report: Report, console: Console, traces: int) -> None:
    """Each screen: the first time, and the median of further ones."""
    connection = await asyncpg.connect(service.database_url.replace("+asyncpg", ""))
    tenant = await connection.fetchval("SELECT id FROM tenants WHERE name = 'default'")
    await connection.execute(EVALUATOR, tenant)
    paired = min(_PAIRED, traces)
    with Progress(console=console) as progress:
        runs = [(name, traces) for name in _NAMES] + [(f"paired-{i}", paired) for i in range(2)]
        keys = [await seed.experiment(connection, progress, tenant, n, name, COLUMNS) for name, n in runs]
    await connection.execute(_SPANS, keys[0][1])
    two = "SELECT trace_id, encode(item_key, 'hex') AS item_key FROM traces WHERE experiment_key = $1 LIMIT 2"
    row, long = await connection.fetch(two, keys[0][1])
    await connection.execute(_TREE, keys[0][1], long["trace_id"], _MANY_SPANS)
    await seed.invalidate(connection, keys[0][1])
    await connection.execute("VACUUM (ANALYZE) spans")
    await refresh_caches(service, connection)
    await connection.close()
    for name, path in _SCREENS.items():
        shown = name.format(paired=paired, spans=_MANY_SPANS)
        address = path.format(trace=row["trace_id"], item=row["item_key"], tree=long["trace_id"])
        _report(report, shown, [_asked(service.port, address) for _ in range(1 + _TIMES)])
    report.add("memory of the worker after all screens", service.rss_mib(), "MiB", "at most 500")


def _report(report: Report, name: str, answers: list[Answer]) -> None:
    first, *others = answers
    begins = statistics.median(answer.first_ms for answer in others)
    ends = statistics.median(answer.all_ms for answer in others)
    of_first = f"first time {first.first_ms:.0f} and {first.all_ms:.0f} ms"
    note = f"complete after {ends:.0f} ms, {first.size / 1024:.0f} KiB; {of_first}"
    report.add(f"{name}: begins after", begins, "ms", "at most 150", note)


def _asked(port: int, address: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    began = time.perf_counter()
    connection.request("GET", address, headers={"Cookie": f"spanstats_key={KEY}"})
    answer = connection.getresponse()
    body = answer.read(1)
    first = time.perf_counter()
    body += answer.read()
    ended = time.perf_counter()
    connection.close()
    if answer.status not in (200, 400 if "compare" in address else 200):
        raise RuntimeError(f"{address}: {answer.status} {body.decode()[-600:]}")
    return Answer((first - began) * 1000, (ended - began) * 1000, len(body))
