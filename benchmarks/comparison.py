"""Two runs compared over HTTP, beside the same join and sums by DuckDB over the same rows."""

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import asyncpg
import duckdb
from rich.console import Console
from rich.progress import Progress

from . import seed
from .caches import refresh_caches
from .load import Request, run
from .report import Report
from .server import KEY, Service

PAIRED = (10_000, 200_000, 500_000)
"""Items of each run that are paired, one trace each; every eleventh is not in the other run."""

_TIMES = 7
_TARGET_MS = {10_000: "under 150", 200_000: "under 3,000"}
_SCORES = ("exact", "judge", "right")
_HASH = "(hashint8($2::bigint * 1000003 + n) & 1048575)"
EVALUATOR = "INSERT INTO evaluators (tenant_id, key, value_type) VALUES ($1, 'right', 'boolean')"
COLUMNS = seed.COLUMNS | {
    "latency_us": f"latency + {_HASH}",
    "item_key": "decode(md5('item ' || CASE WHEN n % 11 = 0 THEN $2::bigint || '-' || n ELSE n::text END), 'hex')",
    "target_key": "n % 100",
    "score_keys": "ARRAY['exact', 'judge', 'right']",
    "score_values": f"ARRAY[n % 100 * 10000000, 750000000 + {_HASH}, {_HASH} % 2 * 1000000000]",
    "score_kinds": "ARRAY[0, 0, 1]::smallint[]",
}
_NUMBERS = ("cost_pd", "latency_us", "ttft_us", "tps", "prompt_tokens", "completion_tokens", "total_tokens", "failed")
_VALUES = (*_NUMBERS, *_SCORES)
_COPIED = "encode(item_key, 'hex') AS item_key, cost_pd, latency_us, ttft_us, tps, prompt_tokens, completion_tokens, "
_COPIED += "total_tokens, (status = 'error')::int AS failed, score_values[1] AS exact, score_values[2] AS judge, "
_COPIED += "score_values[3] AS right"


async def measure(service: Service, report: Report, console: Console, largest: int) -> None:
    """Pairs of runs of `PAIRED` items, and two of `largest` traces as a whole."""
    connection = await asyncpg.connect(service.database_url.replace("+asyncpg", ""))
    tenant = await connection.fetchval("SELECT id FROM tenants WHERE name = 'default'")
    await connection.execute(EVALUATOR, tenant)
    sizes = sorted({*PAIRED, largest})
    keys = {}
    with Progress(console=console) as progress:
        for size in sizes:
            arms = [(f"{arm}-{size}", size) for arm in ("base", "candidate")]
            made = [await seed.experiment(connection, progress, tenant, n, name, COLUMNS) for name, n in arms]
            keys[size] = [key for _, key in made]
    await refresh_caches(service, connection)
    for size in PAIRED:
        first, warm = await _asked(service, size, "auto")
        by_duck = await _by_duckdb(connection, keys[size])
        note = f"first time {first:.0f} ms, DuckDB {by_duck:.1f} ms"
        report.add(f"{size:,} items, paired: 8 measures, 3 scores", warm, "ms", _TARGET_MS.get(size, ""), note)
    for size in sizes:
        first, warm = await _asked(service, size, "none")
        report.add(f"{size:,} traces each, as a whole", warm, "ms", "under 10", f"first time {first:.0f} ms")
    report.add("memory of the worker after comparisons", service.rss_mib(), "MiB")
    await connection.close()


async def _asked(service: Service, size: int, pair_by: str) -> tuple[float, float]:
    """Milliseconds of the first answer, and the median of others."""
    body = {"base": f"base-{size}", "candidates": [f"candidate-{size}"], "pair_by": pair_by}
    request = Request.make("POST", "/api/stats/v1/compare", KEY, json.dumps(body).encode())
    first = await run(service.port, [request], 1)
    return first.p50_ms, (await run(service.port, [request] * _TIMES, 1)).p50_ms


async def _by_duckdb(connection: asyncpg.Connection, keys: list[int]) -> float:
    """Milliseconds of the same join and the sums that the tests are made of, once the rows are there."""
    with tempfile.TemporaryDirectory() as directory, duckdb.connect() as duck:
        for name, key in zip("ab", keys, strict=True):
            path = Path(directory) / f"{name}.csv"
            sql = f"SELECT {_COPIED} FROM traces WHERE experiment_key = {key}"
            await connection.copy_from_query(sql, output=path, format="csv", header=True)
            duck.execute(f"CREATE TABLE {name} AS SELECT * FROM read_csv('{path}', types={{'item_key': 'VARCHAR'}})")
        return _median(duck, _join())


def _join() -> str:
    """By item the mean of each value in both arms, and over the items that both have the sums of the tests."""
    means = ", ".join(f'avg("{name}") AS "{name}"' for name in _VALUES)
    sums = ", ".join(_sums(f'a."{name}"', f'b."{name}"') for name in _VALUES)
    arms = (f"{name} AS (SELECT item_key, {means} FROM {name} GROUP BY item_key)" for name in "ab")
    return f"WITH {', '.join(arms)} SELECT count(*), {sums} FROM a JOIN b USING (item_key)"


def _sums(a: str, b: str) -> str:
    products = f"sum({a}), sum({b}), sum({a} * {a}), sum({b} * {b}), sum(({b} - {a}) * ({b} - {a}))"
    return f"{products}, count(*) FILTER (WHERE {b} > {a}), count(*) FILTER (WHERE {b} < {a})"


def _median(duck: Any, sql: str) -> float:
    times = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        duck.execute(sql).fetchall()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000
