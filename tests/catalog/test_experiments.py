"""Runs are created once, found by their tenant alone, and finished as often as a client says so."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import Executable, func, insert, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.catalog import experiments
from spanstats.catalog.experiments import Experiment
from spanstats.catalog.runs import NewRun, create_run
from spanstats.domain.keys import TenantId
from spanstats.errors import Conflict, NotFound
from spanstats.store.session import Database, Kind
from spanstats.store.tables import experiments as table
from spanstats.store.tables import traces

pytestmark = pytest.mark.anyio

TENANT, KEY = TenantId(1), 7
RUN = NewRun("p1", "exp", "first-run", {"k": "v"})


async def create(engine: AsyncEngine, run: NewRun, key: int = KEY, tenant: TenantId = TENANT) -> Experiment:
    return await create_run(Database(engine), tenant, key, run)


async def execute(engine: AsyncEngine, statement: Executable) -> None:
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.connection.execute(statement)


async def test_a_created_run_is_found_as_it_was_made(engine: AsyncEngine) -> None:
    created = await create(engine, RUN)
    read_back = await experiments.find(Database(engine), TENANT, created.id)
    assert read_back == created
    assert (created.name, created.run_name, created.project_id, created.metadata) == (
        "exp",
        "first-run",
        "p1",
        {"k": "v"},
    )
    assert (created.status, created.created, created.finished_at, created.dataset_stats) == (
        "running",
        True,
        None,
        None,
    )


async def test_metadata_that_was_not_sent_is_none(engine: AsyncEngine) -> None:
    created = await create(engine, replace(RUN, metadata=None))
    async with Database(engine).transaction(Kind.READ) as tx:
        assert await tx.driver.fetchval("SELECT metadata IS NULL FROM experiments WHERE key = $1", created.key)


@pytest.mark.parametrize("run_name", ["first-run", None])
async def test_the_same_request_again_is_a_retry(engine: AsyncEngine, run_name: str | None) -> None:
    run = replace(RUN, run_name=run_name)
    first = await create(engine, run)
    assert await create(engine, run) == first


async def test_many_identical_requests_at_once_make_one_run(engine: AsyncEngine) -> None:
    for run in (RUN, replace(RUN, run_name=None)):
        runs = await asyncio.gather(*(create(engine, run) for _ in range(20)))
        assert len({experiment.id for experiment in runs}) == 1


async def test_other_requests_without_a_run_name_get_runs_of_their_own(engine: AsyncEngine) -> None:
    run = replace(RUN, run_name=None)
    one, other = await create(engine, run), await create(engine, replace(run, metadata={"k": "w"}))
    assert one.id != other.id
    assert one.run_name != other.run_name


@pytest.mark.parametrize(
    "changed", [{"metadata": {"k": "w"}}, {"metadata": None}, {"is_public": True}], ids=["other", "none", "public"]
)
async def test_a_used_run_name_with_another_body_is_a_conflict(engine: AsyncEngine, changed: dict) -> None:
    await create(engine, RUN)
    with pytest.raises(Conflict, match="first-run"):
        await create(engine, replace(RUN, **changed))


async def test_another_key_is_no_retry(engine: AsyncEngine) -> None:
    await create(engine, RUN)
    with pytest.raises(Conflict):
        await create(engine, RUN, key=KEY + 1)


async def test_after_a_minute_it_is_no_retry(engine: AsyncEngine) -> None:
    created = await create(engine, RUN)
    for age, is_retry in (("59 s", True), ("61 s", False)):
        await execute(engine, update(table).values(created_at=func.now() - text(f"interval '{age}'")))
        if is_retry:
            assert (await create(engine, RUN)).id == created.id
        else:
            with pytest.raises(Conflict):
                await create(engine, RUN)


async def test_after_a_trace_it_is_no_retry(engine: AsyncEngine) -> None:
    created = await create(engine, RUN)
    trace = {"tenant_id": TENANT, "trace_id": "t", "experiment_key": created.key, "start_time": 0, "end_time": 0}
    counts = dict.fromkeys(["prompt_tokens", "completion_tokens", "total_tokens", "n_errors", "n_llm_calls"], 0)
    flags = {"has_root": True, "many_models": False, "status": "success", "n_spans": 1}
    await execute(engine, insert(traces).values(**trace, **counts, **flags))
    with pytest.raises(Conflict):
        await create(engine, RUN)


async def test_after_the_end_it_is_no_retry(engine: AsyncEngine) -> None:
    created = await create(engine, RUN)
    await experiments.finish(Database(engine), TENANT, created.id, "completed", [])
    with pytest.raises(Conflict):
        await create(engine, RUN)


async def test_a_run_name_is_free_elsewhere(engine: AsyncEngine) -> None:
    elsewhere = [replace(RUN, name="other"), replace(RUN, project_id="p2"), replace(RUN, project_id="")]
    runs = [await create(engine, run) for run in (RUN, *elsewhere)]
    runs.append(await create(engine, RUN, tenant=TenantId(TENANT + 1)))
    assert len({experiment.id for experiment in runs}) == 5


async def test_names_of_any_length_and_script_are_kept(engine: AsyncEngine) -> None:
    run = replace(RUN, name="n" * 5000, run_name="\U0001f9ea" * 1000)
    created = await create(engine, run)
    assert (created.name, created.run_name) == (run.name, run.run_name)


async def test_finishing_again_replaces_what_was_said(engine: AsyncEngine) -> None:
    created = await create(engine, RUN)
    await experiments.finish(Database(engine), TENANT, created.id, "failed", [{"name": "a", "score": 1.0}])
    ended = await experiments.finish(Database(engine), TENANT, created.id, "completed", [{"name": "b", "score": 0.5}])
    assert (ended.status, ended.dataset_stats) == ("completed", [{"name": "b", "score": 0.5}])
    assert ended.finished_at is not None


@pytest.mark.parametrize("experiment_id", ["", "nobody", "\0", "\ud800", "x" * 5000])
async def test_what_does_not_exist_is_not_found(engine: AsyncEngine, experiment_id: str) -> None:
    with pytest.raises(NotFound):
        await experiments.get(Database(engine), TENANT, experiment_id)
    with pytest.raises(NotFound):
        await experiments.finish(Database(engine), TENANT, experiment_id, "completed", [])


async def test_another_tenants_experiment_does_not_exist(engine: AsyncEngine) -> None:
    created = await create(engine, RUN)
    with pytest.raises(NotFound):
        await experiments.get(Database(engine), TenantId(TENANT + 1), created.id)
    with pytest.raises(NotFound):
        await experiments.finish(Database(engine), TenantId(TENANT + 1), created.id, "failed", [])
    assert (await experiments.get(Database(engine), TENANT, created.id)).status == "running"


async def test_a_deleted_experiment_does_not_exist(engine: AsyncEngine) -> None:
    created = await create(engine, RUN)
    await execute(engine, update(table).values(deleted_at=func.now()))
    with pytest.raises(NotFound):
        await experiments.get(Database(engine), TENANT, created.id)
    assert (await create(engine, RUN)).id != created.id
