"""A process that runs on while its database is replaced by a backup of it, which then takes other writes."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar import plan
from spanstats.columnar.reader import Columns
from spanstats.dialects.respan.filters import read_filters
from spanstats.domain.span import Score, Span
from spanstats.domain.window import Window
from spanstats.filters.bind import bind
from spanstats.filters.disjuncts import compile_filter
from spanstats.filters.trace_fields import TRACES
from spanstats.ingest.commits import Committer
from spanstats.stats.summary import summarize
from spanstats.store.session import Database
from tests.conftest import fresh_database, run_sql
from tests.ingest.worlds import START, TENANT, committer, rows
from tests.stats.warming import warm

pytestmark = pytest.mark.anyio

ENDS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
RENAMES = 'ALTER DATABASE "{}" RENAME TO "{}"'


class Process:
    """The connections of a worker, the columns that it keeps, and its writer."""

    def __init__(self, engine: AsyncEngine, columns: Columns, writer: Committer) -> None:
        self.engine, self.columns, self.writer = engine, columns, writer

    async def write(self, trace_id: str, cost_pd: int) -> None:
        score = Score("id of q", 1.0, evaluator_id="id of q", name="q")
        span = Span(
            trace_id=trace_id, span_id="s", experiment_id="e", start_us=START, end_us=START, status="success",
            cost_pd=cost_pd, scores=[score],
        )  # fmt: skip
        await self.writer.submit(TENANT, [span])
        await warm(self.engine)

    async def filtered_cost(self) -> int:
        """What all traces cost together, of a question that columns answer."""
        tree = read_filters({"filters": {"status": {"operator": "", "value": ["success"]}}})
        assert tree is not None
        matching = compile_filter(bind(tree, TRACES), TENANT)
        summary = await summarize(self.columns, Database(self.engine), TENANT, "e", Window(), matching)
        return summary.total("cost_pd")


@pytest.fixture
async def process(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Process]:
    monkeypatch.setattr(plan, "FEW_TRACES", 0)
    async with committer(engine) as writer:
        yield Process(engine, Columns(), writer)


@pytest.fixture
def backup(server_url: str, template: str) -> Iterator[str]:
    """A backup of a database without traces."""
    with fresh_database(server_url, template) as url:
        yield url


async def restore(server_url: str, database_url: str, backup_url: str) -> None:
    """Have the name of the one database lead to the other."""
    name, backup = (make_url(url).database for url in (database_url, backup_url))
    renamed = [(name, f"{name}_lost"), (backup, name), (f"{name}_lost", backup)]
    for statement in (ENDS.format(name), *(RENAMES.format(*names) for names in renamed)):
        await asyncio.to_thread(run_sql, server_url, statement)


async def test_columns_of_lost_traces_do_not_answer_for_traces_that_were_written_in_their_stead(
    process: Process, server_url: str, database_url: str, backup: str
) -> None:
    await process.write("lost", 1_000)
    assert await process.filtered_cost() == 1_000
    await restore(server_url, database_url, backup)
    await process.write("other", 7)
    assert await process.filtered_cost() == 7


async def test_an_evaluator_whose_row_was_lost_is_written_again(
    process: Process, server_url: str, database_url: str, backup: str
) -> None:
    await process.write("lost", 1)
    await restore(server_url, database_url, backup)
    await process.write("other", 2)
    assert await rows(process.engine, "SELECT name FROM evaluators") == [{"name": "q"}]
