"""No answer holds the loop, on which all others wait, for long."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.stats.warming import warm

from .conftest import StoreOnce
from .test_experiment import ask
from .world import RUN

pytestmark = [pytest.mark.anyio, pytest.mark.one_version("the loop is that of the process")]

MOST_S = 0.05
TRACES = 20_000
PATH = f"/api/stats/v1/experiments/{RUN}"
MEASURES = [
    f"{measure}.{aggregate}"
    for measure in ("cost", "latency", "ttft", "tps", "total_tokens", "prompt_tokens", "error", "span_count")
    for aggregate in ("sum", "mean", "std_dev", "min", "max")
]
LARGE: list[tuple[str, dict[str, Any]]] = [
    ("/breakdown", {"group_by": "metadata.user", "measures": MEASURES, "limit": 1000}),
    ("/breakdown", {"group_by": "metadata.user", "measures": ["latency.p50", "latency.p95"], "limit": 1000}),
    ("/breakdown", {"group_by": ["metadata.user", "status"], "measures": ["cost.sum"], "limit": 1000}),
    ("/series", {"granularity": "minute", "measures": MEASURES}),
    ("/series", {"granularity": "minute", "measures": ["cost.sum"], "filters": {"metadata__user": {"contains": "7"}}}),
    ("/histogram", {"measure": "latency", "bins": 100}),
    ("", {"measures": [f"latency.p{n}" for n in range(10, 100, 10)], "intervals": True}),
]
_FILL = f"""
INSERT INTO traces (tenant_id, trace_id, experiment_key, start_time, end_time, latency_us, ttft_us, tps, prompt_tokens,
    completion_tokens, total_tokens, cost_pd, n_spans, n_errors, n_llm_calls, has_root, many_models, status, metadata,
    item_key, score_keys, score_values, score_kinds)
SELECT 1, 'x' || n, (SELECT key FROM experiments WHERE id = '{RUN}'), '2026-05-01Z'::timestamptz + n * interval '5 s',
    now(), n, n % 77, n % 88, 1, 2, n % 1000, n % 99, 1, 0, 0, true, false, 'success',
    jsonb_build_object('user', 'user ' || n % 10000), decode(md5('item ' || n % 1000), 'hex'),
    ARRAY['right', 'grade'], ARRAY[n / 7 % 2 * 1000000000, n % 1000 * 1000], ARRAY[1, 0]::smallint[]
FROM generate_series(1, {TRACES}) n;
INSERT INTO rollup_marks SELECT DISTINCT experiment_key, date_trunc('minute', start_time) FROM traces
WHERE experiment_key IS NOT NULL
"""


def arm(first: int, last: int) -> dict[str, Any]:
    """The traces that start in these hours of the run."""
    return {"experiment_id": RUN, "start_time": f"2026-05-01T{first:02}:00Z", "end_time": f"2026-05-01T{last:02}:00Z"}


ARMS: dict[str, Any] = {"base": arm(0, 12), "candidates": [arm(hour, hour + 12) for hour in range(1, 9)]}
COMPARED: list[tuple[str, dict[str, Any]]] = [
    ("", ARMS),
    ("", ARMS | {"cluster_by": "metadata.user", "margins": {"cost": "5%"}}),
    ("", ARMS | {"pair_by": "metadata.user"}),
    ("", ARMS | {"pair_by": "none"}),
    ("/rows", ARMS | {"measure": "latency", "show": "all", "limit": 200}),
]


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The processor time of the callback that took longest; a busy machine does not add to it, nor does the collection
    of what all tests before have left."""
    longest_s = [0.0]
    run = asyncio.events.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        run(handle)
        longest_s[0] = max(longest_s[0], time.thread_time() - began)

    monkeypatch.setattr(asyncio.events.Handle, "_run", timed)
    gc.collect()
    gc.freeze()
    return longest_s


async def assert_short(
    longest: list[float], request: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any
) -> Any:
    """The answer, of which no callback took long.

    The first time something is compiled, and what other processes do to the caches of a processor adds to any of them:
    one of five answers is without either.
    """
    for _ in range(5):
        longest[0] = 0.0
        answer = await request(*arguments, **options)
        if longest[0] < MOST_S:
            return answer
    raise AssertionError(f"{longest[0]} s: {arguments[1:]} {options}")


async def many_traces(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        for statement in _FILL.split(";"):
            await connection.exec_driver_sql(statement)


async def many_warm_traces(engine: AsyncEngine) -> None:
    await many_traces(engine)
    await warm(engine)


async def client_of(store_once: StoreOnce, *, warmed: bool) -> httpx.AsyncClient:
    return (await store_once(1, 10, then=many_warm_traces if warmed else many_traces)).client


@pytest.mark.parametrize("warmed", [False, True])
async def test_large_comparisons_let_others_go_on(store_once: StoreOnce, longest: list[float], *, warmed: bool) -> None:
    client = await client_of(store_once, warmed=warmed)
    for path, body in COMPARED:
        content = await assert_short(longest, ask, client, f"/api/stats/v1/compare{path}", **body)
    item = content["rows"][0]["item_key"]
    answer = await assert_short(longest, client.get, f"/api/stats/v1/items/{item}", params={"experiment": RUN})
    assert answer.status_code == 200


TABLES = (
    "/traces",
    "/traces?sort_by=-latency",
    "/breakdown?group_by=trace_id&limit=1000",
    "/series?granularity=minute&start_time=2026-05-01&end_time=2026-05-02T08:00Z",
)


async def test_large_tables_let_others_go_on(store_once: StoreOnce, longest: list[float]) -> None:
    client = await client_of(store_once, warmed=True)
    for path in TABLES:
        answer = await assert_short(longest, client.get, PATH + path, headers={"accept": "text/csv"})
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("warmed", [False, True])
async def test_large_answers_let_others_go_on(store_once: StoreOnce, longest: list[float], *, warmed: bool) -> None:
    client = await client_of(store_once, warmed=warmed)
    for path, body in LARGE:
        window = {"start_time": "2026-05-01T00:00:00Z", "end_time": "2026-05-02T08:00:00Z"}
        await assert_short(longest, ask, client, PATH + path, **window, **body)
