"""The stats entries as they are streamed: whole, in order, in pages of bounded length."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.keys import TenantId
from spanstats.errors import NotFound
from spanstats.stats import traces
from spanstats.store.session import Database, Kind

pytestmark = pytest.mark.anyio

_INSERT = """
INSERT INTO traces (tenant_id, trace_id, experiment_key, start_time, end_time, prompt_tokens, completion_tokens,
    total_tokens, n_spans, n_errors, n_llm_calls, has_root, many_models, status, entry)
SELECT 1, md5(n::text), (SELECT key FROM experiments WHERE id = 'e'),
    '2026-05-01Z'::timestamptz + n % $2 * interval '1 s',
    '2026-06-01Z', 0, 0, 0, 1, 0, 0, n % 10 <> 9, false, 'success', rpad(md5(n::text), $3, 'x')
FROM generate_series(0, $1 - 1) AS n
"""


async def stored(engine: AsyncEngine, count: int, starts: int, length: int) -> list[str]:
    """So many traces at so few starts, one in ten without a root; the ids of those with one in their order."""
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.driver.execute("INSERT INTO experiments (tenant_id, id) VALUES (1, 'e')")
        await tx.driver.execute(_INSERT, count, starts, length)
        with_root = await tx.driver.fetch("SELECT trace_id, start_time FROM traces WHERE has_root")
    return [row["trace_id"] for row in sorted(with_root, key=lambda row: (row["start_time"], row["trace_id"]))]


async def read(engine: AsyncEngine) -> list[str]:
    return [page async for page in traces.entry_pages(Database(engine), TenantId(1), "e")]


@pytest.mark.parametrize(("count", "starts"), [(0, 1), (9, 9), (11, 1), (5_000, 1), (5_000, 7), (5_000, 5_000)])
async def test_every_root_comes_once_and_in_order_however_many_start_at_once(
    engine: AsyncEngine, count: int, starts: int
) -> None:
    expected = await stored(engine, count, starts, 32)
    pages = await read(engine)
    assert ",".join(pages).split(",") == (expected or [""])
    assert max((page.count(",") for page in pages), default=0) < traces.PAGE


async def test_pages_of_long_entries_are_short(engine: AsyncEngine) -> None:
    length = 200_000
    expected = await stored(engine, 100, 3, length)
    pages = await read(engine)
    assert [entry[:32] for page in pages for entry in page.split(",")] == expected
    assert all(len(page) <= traces.PAGE_BYTES for page in pages[1:])
    assert len(pages[0]) < length * (traces.FIRST_PAGE + 1)


async def test_an_experiment_that_is_not_there_is_told_before_anything_is_sent(engine: AsyncEngine) -> None:
    with pytest.raises(NotFound):
        await anext(traces.entry_pages(Database(engine), TenantId(1), "e"))
