"""Packed payloads answer as rows do, whatever comes before, between and after."""

import asyncio
import random
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.examples import examples
from tests.ingest.worlds import START, TENANT, committer, new_tools, rows

from spanstats.catalog import packing, packing_runs, retention
from spanstats.catalog.packing import pack_some
from spanstats.catalog.packing_runs import pack_traces
from spanstats.catalog.unpacking import unpack_all
from spanstats.dialects.parea.filters import read_filter
from spanstats.dialects.respan.filter_names import SPAN_FIELD_NAMES
from spanstats.dialects.respan.filters import read_filters
from spanstats.domain.keys import LogKey, SpanKey, TenantId, TraceKey
from spanstats.domain.span import Score, Span
from spanstats.domain.standalone import StandaloneScore
from spanstats.filters.bind import bind
from spanstats.filters.compile import compile_predicate
from spanstats.filters.root_fields import ROOTS
from spanstats.filters.span_fields import SPANS
from spanstats.filters.trace_fields import TRACES
from spanstats.ingest.commits import Committer
from spanstats.ingest.item_keys import derive_some
from spanstats.ingest.pending import find_logs
from spanstats.ingest.recount import recount
from spanstats.reading import archive, sizes, whole_traces
from spanstats.reading.logs import first_spans
from spanstats.reading.scores import scores_of_log
from spanstats.reading.spans import find_span, order_by, page_of_spans
from spanstats.reading.traces import spans_with_content
from spanstats.reading.whole_traces import span_of_log
from spanstats.stats.spans import summarize_spans
from spanstats.store import erase, packed_payloads, packed_spans
from spanstats.store import spans as stored_spans
from spanstats.store.packed_format import Payload, pack, unpack
from spanstats.store.session import Database, Driver, Kind
from spanstats.store.tables import USUAL, spans, traces

pytestmark = pytest.mark.anyio

PACKED, IN_ROWS = TENANT, TenantId(TENANT + 1)
LATER = START * 2
TEXTS = ["a", 'ä\u2028 "quoted" \\u0041', "x" * 3_000, "0", "", 'what "many" spans repeat of \\ their root']
FILTERS: list[dict[str, Any]] = [
    {"metadata__env": {"operator": "", "value": ["prod"]}},
    {"metadata__n": {"operator": "gt", "value": [1]}},
    {"metadata__env": {"operator": "not", "value": ["prod"]}},
    {"environment": {"operator": "isnull", "value": [True]}},
    {"environment": {"operator": "contains", "value": ["a"]}},
    {"error_message": {"operator": "contains", "value": ["A"]}},
    {"error_message": {"operator": "not", "value": ["a"]}},
    {"note": {"operator": "", "value": ["a", "0"]}},
    {"behaviors": {"operator": "", "value": ["b"]}},
    {"stream": {"operator": "", "value": [True]}},
    {"span_unique_id": {"operator": "", "value": ["t1-3", "g1"]}},
    {"prompt_tokens": {"operator": "gt", "value": [4]}},
]
BY_SPANS: list[dict[str, Any]] = [
    {"span_unique_id": {"operator": "", "value": ["t1-3"]}},
    {"span_parent_id": {"operator": "contains", "value": ["-2"]}},
    {"span_parent_id": {"operator": "not", "value": ["t2-0"]}},
    {"span_parent_id": {"operator": "", "value": ["t2-0"]}, "span_unique_id": {"operator": "", "value": ["t2-3"]}},
]
"""Filters of traces by what any of their spans is."""
BY_ROOTS: list[tuple[str, str, str | None, str | None]] = [
    ("inputs", "like", "repeat", None),
    ("inputs", "equals", "a", "q"),
    ("output", "is_null", None, None),
    ("target", "equals", "t", None),
    ("metadata", "equals", "prod", "env"),
    ("metadata", "not_equals", "prod", "env"),
    ("error", "exists", None, None),
    ("tags", "is_null", None, None),
]
"""Filters of traces by their root: field, operator, value and key."""


def span_of(rng: random.Random, number: int | None = None) -> Span:
    trace = rng.randrange(6)
    place = rng.randrange(7) if number is None else number
    text = rng.choice(TEXTS)
    attributes = {"note": text, "behaviors": ["b"], "stream": True, "other": {"n": 0.1}, "prompt_id": "p"}
    chosen = rng.sample(sorted(attributes), rng.randrange(4))
    moves = rng.random() < 0.15
    usual = {"env": "prod", "n": 2} if trace % 3 else None
    return Span(
        trace_id=f"t{trace}",
        # A span with a global id moves to the trace that it names last.
        span_id=f"g{place % 3}" if moves else f"t{trace}-{place}",
        by_span_id=moves,
        parent_id=None if place == 0 else f"t{trace}-{rng.randrange(place)}",
        start_us=START + trace * 1_000 + place,
        end_us=START + trace * 1_000 + place + rng.randrange(900),
        status=rng.choice(["success", "error"]),
        error=text if rng.random() < 0.2 else None,
        input=rng.choice([None, msgspec.json.encode({"q": text, "n": 1e300}).decode(), "[ 1,2.50 ]"]),
        output=rng.choice([None, msgspec.json.encode(text).decode()]),
        target=rng.choice([None, '"t"']),
        metadata=rng.choice([usual, usual, usual, None, {"env": "test", "n": rng.randrange(4)}]),
        labels={"environment": "a"} if trace % 2 or rng.random() < 0.1 else {},
        attributes={name: attributes[name] for name in chosen} if rng.random() < 0.4 else {"other": {"n": 0.1}},
        scores=[Score("q", rng.randrange(5) / 4)] if rng.random() < 0.2 else None,
        prompt_tokens=rng.randrange(9),
    )


def without_times(span: Span) -> Span:
    return msgspec.structs.replace(span, received_us=0, experiment_key=None)


async def answers(engine: AsyncEngine, tenant: TenantId) -> dict[str, Any]:
    """What can be read of all that is the tenant's."""
    database = Database(engine)
    by_question: dict[str, Any] = {}
    ids = [r["trace_id"] for r in await rows(engine, "SELECT trace_id FROM traces WHERE tenant_id = $1", tenant)]
    async with database.transaction(Kind.SNAPSHOT) as tx:
        whole = await spans_with_content(tx.driver, [TraceKey(tenant, i) for i in sorted(ids)])
        by_question["whole"] = {
            key.trace_id: [without_times(s) for s in sorted(s, key=lambda s: s.span_id)] for key, s in whole.items()
        }
    for number, filter_ in enumerate([{}, *FILTERS]):
        tree = read_filters({"filters": filter_}, SPAN_FIELD_NAMES) if filter_ else None
        where = [] if tree is None else [compile_predicate(bind(tree, SPANS), tenant)]
        page = await page_of_spans(database, tenant, where, order_by("start_time", descending=True), 15, 2)
        by_question[f"page {number}"] = page.count, [without_times(span) for span in page.spans]
        by_question[f"sums {number}"] = (await summarize_spans(database, tenant, where)).sums
    async with database.transaction(Kind.SNAPSHOT) as tx:
        for number, filter_ in enumerate(BY_SPANS):
            condition = compile_predicate(bind(read_filters({"filters": filter_}), TRACES), tenant)
            statement = select(traces.c.trace_id).where(traces.c.tenant_id == tenant, condition).order_by("trace_id")
            by_question[f"by spans {number}"] = (await tx.connection.execute(statement)).scalars().all()
            counted = await whole_traces.count(tx, [traces.c.tenant_id == tenant, condition])
            assert counted == len(by_question[f"by spans {number}"])
        for of_root in BY_ROOTS:
            filter_ = dict(zip(("filter_field", "filter_operator", "filter_value", "filter_key"), of_root, strict=True))
            condition = compile_predicate(bind(read_filter(filter_), ROOTS), tenant)
            statement = select(traces.c.trace_id).where(traces.c.tenant_id == tenant, condition).order_by("trace_id")
            by_question[f"by roots {of_root}"] = (await tx.connection.execute(statement)).scalars().all()
        by_question["logs"] = {key.log_id: trace.trace_id for key, trace in (await _logs(tx.driver, tenant)).items()}
        by_question["of log"] = [await span_of_log(tx, tenant, log) for log in ("t1", "t1-2", "g0")]
        by_question["of log"] = [key and key[1:] for key in by_question["of log"]]
        by_question["first"] = [
            without_times(s) for s in (await first_spans(tx.driver, dict.fromkeys(sorted(whole)))).values()
        ]
        by_question["overrides"] = sorted(o[1] for o in await erase.read_overrides(tx.driver, sorted(whole)))
    of_logs = [await scores_of_log(database, tenant, f"t1-{n}") for n in range(7)]
    by_question["scored"] = [scored and [score.id for score in scored] for scored in of_logs]
    by_question["one"] = [without_times(s) for n in range(7) if (s := await find_span(database, tenant, f"t1-{n}"))]
    by_question["traces"] = [
        {k: v for k, v in row.items() if k not in ("tenant_id", "experiment_key")}
        for row in await rows(engine, "SELECT * FROM traces WHERE tenant_id = $1 ORDER BY trace_id", tenant)
    ]
    by_question["archive"] = [line async for line in _archived(engine, tenant)]
    return by_question


async def _logs(driver: Driver, tenant: TenantId) -> dict[LogKey, TraceKey]:
    return await find_logs(driver, [LogKey(tenant, log) for log in ("t1", "t1-2", "t2-3", "g0", "g1", "g2", "none")])


async def _archived(engine: AsyncEngine, tenant: TenantId) -> Any:
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        ids = [r["trace_id"] for r in await rows(engine, "SELECT trace_id FROM traces WHERE tenant_id = $1", tenant)]
        for trace in await archive._traces(tx.driver, [TraceKey(tenant, i) for i in sorted(ids)]):
            yield trace.trace_id, [without_times(span) for span in trace.spans], trace.patches


async def pack_a_few(engine: AsyncEngine, rng: random.Random) -> int:
    keys = [TraceKey(PACKED, f"t{n}") for n in range(6) if rng.random() < 0.7]
    async with Database(engine).transaction(Kind.WRITE) as tx:
        return await pack_some(tx.driver, keys, LATER)


async def change(engine: AsyncEngine, writer: Committer, rng: random.Random) -> None:
    """One thing that may happen, to both tenants alike."""
    kind, seed = rng.randrange(6), rng.random()
    for tenant in (PACKED, IN_ROWS):
        again = random.Random(seed)
        span = span_of(again)
        if kind <= 2:
            await writer.submit(tenant, [span_of(again) for _ in range(again.choice([1, 1, 6]))])
        elif kind == 3:
            output = again.choice([None, '"late"'])
            fields = {"output": output, "attributes": {"note": "late"}, "metadata": {"env": "x"}}
            await writer.override_stored(tenant, span.trace_id, span.span_id, fields)
        elif kind == 4:
            await retention.erase(Database(engine), [TraceKey(tenant, span.trace_id)], LATER)
        else:
            score = Score("human", 1.0, source="api")
            await writer.score(tenant, StandaloneScore(id=f"s{seed}", log_id=span.span_id, score=score))


@pytest.mark.parametrize("seed", range(examples(2)))
@pytest.mark.one_version("we pack and unpack")
async def test_every_read_answers_the_same_before_during_and_after(engine: AsyncEngine, seed: int) -> None:
    rng = random.Random(seed)
    packed = 0
    async with committer(engine) as writer:
        await fill(writer, rng)
        for turn in range(6):
            packed += await pack_a_few(engine, rng)
            await change(engine, writer, rng)
            await change(engine, writer, rng)
            await assert_alike(engine)
            if turn % 4 == 3:
                await unpacked(engine)
    assert packed > 4
    await unpacked(engine)
    await assert_alike(engine)
    await assert_unpacked(engine)


async def assert_unpacked(engine: AsyncEngine) -> None:
    assert await payload_rows(engine, PACKED) == await payload_rows(engine, IN_ROWS)
    assert await span_rows(engine, PACKED) == await span_rows(engine, IN_ROWS)
    assert await count(engine, "packed_spans") == await count(engine, "packed_payloads") == 0


async def unpacked(engine: AsyncEngine) -> int:
    return sum([n async for n in unpack_all(Database(engine))])


async def fill(writer: Committer, rng: random.Random) -> None:
    """The same spans for both tenants."""
    spans = [span_of(rng, place) for place in range(7) for _ in range(8)]
    for tenant in (PACKED, IN_ROWS):
        await writer.submit(tenant, [msgspec.structs.replace(span) for span in spans])


async def assert_alike(engine: AsyncEngine) -> None:
    expected = await answers(engine, IN_ROWS)
    for name, answer in (await answers(engine, PACKED)).items():
        assert answer == expected[name], name


async def payload_rows(engine: AsyncEngine, tenant: TenantId) -> list[dict[str, Any]]:
    statement = """
        SELECT trace_id, span_id, input::text, output::text, target::text, error, metadata::text, labels::text,
            attributes::text FROM span_payloads WHERE tenant_id = $1 ORDER BY trace_id, span_id
    """
    return await rows(engine, statement, tenant)


async def span_rows(engine: AsyncEngine, tenant: TenantId) -> list[dict[str, Any]]:
    names = [c.name for c in spans.columns if c.name not in ("tenant_id", "received_at")]
    statement = f"SELECT {', '.join(names)} FROM spans WHERE tenant_id = $1 ORDER BY trace_id, span_id"
    return await rows(engine, statement, tenant)


async def count(engine: AsyncEngine, table: str) -> int:
    [row] = await rows(engine, f"SELECT count(*) AS n FROM {table}")
    return int(row["n"])


async def allow(engine: AsyncEngine) -> None:
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.driver.execute("UPDATE packing SET allowed_from = now()")


async def packed_traces(engine: AsyncEngine) -> list[str]:
    return [row["trace_id"] for row in await rows(engine, "SELECT trace_id FROM packed_payloads ORDER BY trace_id")]


async def test_nothing_is_packed_for_a_day_after_all_was_unpacked(engine: AsyncEngine) -> None:
    await allow(engine)
    async with committer(engine) as writer:
        await fill(writer, random.Random(1))
    assert sum([n async for n in pack_traces(Database(engine), LATER)]) > 0
    assert await unpacked(engine) > 0
    assert [n async for n in pack_traces(Database(engine), LATER)] == []
    statement = "SELECT allowed_from - now() BETWEEN interval '23 hours' AND interval '24 hours' AS is_day FROM packing"
    assert await rows(engine, statement) == [{"is_day": True}]


async def test_nothing_is_packed_while_the_version_before_may_run(engine: AsyncEngine) -> None:
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.driver.execute("UPDATE packing SET allowed_from = now() + interval '1 hour'")
    async with committer(engine) as writer:
        await fill(writer, random.Random(1))
    assert [n async for n in pack_traces(Database(engine), LATER)] == []
    assert await packed_traces(engine) == []


async def test_a_run_that_was_stopped_goes_on_where_it_was(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing_runs, "TRACES_AT_A_TIME", 3)
    monkeypatch.setattr(packing_runs, "BLOCKS_AT_A_TIME", 1)
    await allow(engine)
    spans = [
        Span(
            trace_id=f"t{trace:02}", span_id=f"{place}", parent_id="0" if place else None, start_us=START, end_us=START
        )
        for trace in range(60)
        for place in range(3)
    ]
    async with committer(engine) as writer:
        await writer.submit(TENANT, spans)
    steps = 0
    while len(await packed_traces(engine)) < 60:
        # As a process that dies: what is committed stays, what it was about to do is undone.
        running = pack_traces(Database(engine), LATER)
        for _ in range(2):
            steps += await anext(running, 0)
        await running.aclose()
    assert steps == 60
    assert await rows(engine, "SELECT DISTINCT root_id FROM packed_payloads") == [{"root_id": "0"}]
    assert await count(engine, "span_payloads") == 0


@pytest.mark.parametrize(("module", "statement"), [(packing, "_DELETE"), (packed_spans, "_PACK")])
async def test_a_process_that_dies_while_it_packs_leaves_all_as_it_was(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, module: ModuleType, statement: str
) -> None:
    async with committer(engine) as writer:
        await fill(writer, random.Random(2))
    before = await payload_rows(engine, PACKED)
    dying = getattr(module, statement).replace("ctid = ANY", "1 / 0 = 1 OR ctid = ANY")
    monkeypatch.setattr(module, statement, dying)
    with pytest.raises(Exception, match="division by zero"):
        await pack_a_few(engine, random.Random(3))
    assert await packed_traces(engine) == []
    assert await payload_rows(engine, PACKED) == before
    assert await count(engine, "packed_spans") == 0


async def pack_these(engine: AsyncEngine, *trace_ids: str) -> int:
    async with Database(engine).transaction(Kind.WRITE) as tx:
        return await pack_some(tx.driver, [TraceKey(PACKED, trace_id) for trace_id in trace_ids], LATER)


async def test_a_late_span_takes_the_others_out_and_they_are_packed_again(engine: AsyncEngine) -> None:
    def span(number: int) -> Span:
        parent = "0" if number else None
        return Span(trace_id="t", span_id=f"{number}", parent_id=parent, input=f'"{number}"', start_us=START)

    async with committer(engine) as writer:
        await writer.submit(PACKED, [span(n) for n in range(4)])
        assert await pack_these(engine, "t") == 1
        assert (await count(engine, "spans"), await count(engine, "packed_spans")) == (0, 4)
        await writer.submit(PACKED, [span(4), msgspec.structs.replace(span(2), output='"again"')])
        assert (await count(engine, "spans"), await count(engine, "packed_spans")) == (5, 0)
    assert await packed_traces(engine) == ["t"]
    assert await rows(engine, "SELECT root_id FROM packed_payloads") == [{"root_id": None}]
    assert await pack_these(engine, "t") == 1
    assert (await count(engine, "spans"), await count(engine, "packed_spans")) == (0, 5)
    async with Database(engine).transaction(Kind.READ) as tx:
        spans_of_trace = (await spans_with_content(tx.driver, [TraceKey(PACKED, "t")]))[TraceKey(PACKED, "t")]
    contents = {s.span_id: (s.input, s.output) for s in spans_of_trace}
    assert contents == {f"{n}": (f'"{n}"', '"again"' if n == 2 else None) for n in range(5)}


@pytest.mark.parametrize("above", [{}, {"parent_id": "0"}, {"parent_id": "elsewhere", "parent_is_remote": True}])
async def test_a_root_of_any_kind_is_read_without_the_other_payloads_of_its_trace(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, above: dict[str, Any]
) -> None:
    spans = [
        Span(trace_id="t", span_id=f"{n}", input=f'"{n}"', start_us=START, **({"parent_id": "0"} if n else above))
        for n in range(3)
    ]
    async with committer(engine) as writer:
        await writer.submit(PACKED, spans)
    assert await pack_these(engine, "t") == 1
    monkeypatch.setattr(packed_payloads, "unpack", lambda *_: pytest.fail("all payloads of the trace were unpacked"))
    async with Database(engine).transaction(Kind.READ) as tx:
        [first] = (await first_spans(tx.driver, {TraceKey(PACKED, "t"): None})).values()
    assert (first.span_id, first.input) == ("0", '"0"')


@pytest.mark.parametrize("error", [None, "e"])
async def test_what_is_packed_of_a_trace_is_read_by_the_statement_that_reads_rows(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, error: str | None
) -> None:
    """Unless the first of the spans has a row, and so does not unpack what the others need."""
    spans = [
        Span(trace_id="t", span_id=f"{n}", parent_id="0" if n else None, input=f'"{n}"', start_us=START)
        for n in range(4)
    ]
    spans[1].error = error
    async with committer(engine) as writer:
        await writer.submit(PACKED, spans)
    assert await pack_these(engine, "t") == 1
    left: list[SpanKey] = []

    async def looked_for(driver: Driver, keys: Any) -> dict[SpanKey, Payload]:
        left.extend(keys)
        return await packed_payloads.payloads_of(driver, keys)

    monkeypatch.setattr(stored_spans, "payloads_of", looked_for)
    keys = [SpanKey(PACKED, "t", f"{n}") for n in (1, 2, 0, 3)]
    async with Database(engine).transaction(Kind.READ) as tx:
        read = await stored_spans.spans_by_key(tx.driver, keys)
        await stored_spans.add_content(tx.driver, read, keys)
    assert {span.span_id: span.input for span in read.values()} == {f"{n}": f'"{n}"' for n in range(4)}
    assert read[keys[0]].error == error
    assert left == ([] if error is None else [keys[1], keys[3]])


async def test_a_trace_whose_payloads_the_version_before_has_packed_is_packed_whole(engine: AsyncEngine) -> None:
    await allow(engine)
    async with committer(engine) as writer:
        await fill(writer, random.Random(1))
    assert await pack_these(engine, "t1", "t2") == 2
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await packed_spans.unpack_spans(tx.driver, [TraceKey(PACKED, "t1"), TraceKey(PACKED, "t2")])
    await assert_alike(engine)
    assert sum([n async for n in pack_traces(Database(engine), LATER)]) > 2
    assert await count(engine, "spans") == 0
    await assert_alike(engine)


async def old_form(engine: AsyncEngine) -> None:
    """Have what is packed as the version before packs it: without roots, and with all values of spans."""
    all_values = ", ".join(f"{name} = coalesce({name}, {value})" for name, value in USUAL.items())
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.driver.execute(f"UPDATE packed_spans SET {all_values}")
        keys = [TraceKey(*row) for row in await tx.driver.fetch("SELECT tenant_id, trace_id FROM packed_payloads")]
        await packed_payloads.unpack_roots(tx.driver, keys)
        of_traces = await packed_payloads._packed(tx.driver, keys)
        for key, payloads in of_traces.items():
            statement = (
                "UPDATE packed_payloads SET packed = $3, form = NULL, root_input = NULL, root_output = NULL, "
                "root_target = NULL, root_attributes = NULL WHERE tenant_id = $1 AND trace_id = $2"
            )
            await tx.driver.execute(statement, *key, pack(payloads))


@pytest.mark.one_version("we pack and unpack")
async def test_what_the_version_before_has_packed_is_read_changed_and_packed_again(engine: AsyncEngine) -> None:
    await allow(engine)
    rng = random.Random(1)
    async with committer(engine) as writer:
        await fill(writer, rng)
        assert await pack_these(engine, *(f"t{n}" for n in range(6))) == 6
        assert await rows(engine, "SELECT 1 FROM packed_payloads WHERE root_id IS NOT NULL")
        await old_form(engine)
        await assert_alike(engine)
        await change(engine, writer, rng)
        await assert_alike(engine)
    assert sum([n async for n in pack_traces(Database(engine), LATER)]) > 3
    old = "SELECT 1 FROM packed_payloads WHERE form IS NULL"
    assert await rows(engine, old) == await rows(engine, "SELECT 1 FROM spans WHERE tenant_id = 1") == []
    await assert_alike(engine)
    await unpacked(engine)
    await assert_unpacked(engine)


async def test_what_is_derived_later_is_written_to_packed_spans_too(engine: AsyncEngine) -> None:
    """Keys of items, and what counts."""
    async with committer(engine) as writer:
        await fill(writer, random.Random(1))
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.driver.execute("UPDATE spans SET input_key = NULL, uncounted = 3")
        await tx.driver.execute("UPDATE traces SET item_key = NULL, experiment_key = 1")
    assert await pack_these(engine, *(f"t{n}" for n in range(6))) == 6
    while await derive_some(Database(engine)):
        pass
    for tenant in (PACKED, IN_ROWS):
        assert [done.traces async for done in recount(Database(engine), tenant, new_tools())] == [6]
    await assert_alike(engine)
    await unpacked(engine)
    await assert_unpacked(engine)


async def test_a_trace_that_has_got_a_span_lately_is_left(engine: AsyncEngine) -> None:
    await allow(engine)
    async with committer(engine) as writer:
        await fill(writer, random.Random(1))
    [now] = await rows(engine, "SELECT min(received_at) AS us FROM spans")
    assert sum([n async for n in pack_traces(Database(engine), now["us"])]) == 0
    assert sum([n async for n in pack_traces(Database(engine), LATER, all_every_s=0)]) > 0


async def test_a_run_looks_only_at_traces_that_have_become_old_enough_since_the_last_one(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And once in a while at all of them."""
    await allow(engine)
    looked_at: set[str] = set()
    original = pack_some

    async def look(driver: Driver, keys: Any, before_us: int) -> int:
        looked_at.update(key.trace_id for key in keys)
        return await original(driver, keys, before_us)

    monkeypatch.setattr(packing_runs, "pack_some", look)
    hour_us = packing_runs.HOUR_US

    async def looked_at_in_run(before_us: int, **options: float) -> set[str]:
        looked_at.clear()
        async for _ in pack_traces(Database(engine), before_us, **options):
            pass
        return set(looked_at)

    async def submit(writer: Committer, hour: int) -> None:
        spans = [
            Span(trace_id=f"t{hour}", span_id=f"{n}", parent_id="0" if n else None, start_us=LATER + hour * hour_us)
            for n in range(3)
        ]
        await writer.submit(TENANT, spans)

    async with committer(engine) as writer:
        for hour in (0, 10, 20, 30):
            await submit(writer, hour)
        assert await looked_at_in_run(LATER + 15 * hour_us) == {"t0", "t10"}
        assert await looked_at_in_run(LATER + 15 * hour_us) == set()
        assert await looked_at_in_run(LATER + 25 * hour_us) == {"t20"}
        await submit(writer, 1)
        assert await looked_at_in_run(LATER + 25 * hour_us) == set()
        assert await looked_at_in_run(LATER + 25 * hour_us, all_every_s=0) == {"t1"}
        assert await looked_at_in_run(LATER + 35 * hour_us) == {"t30"}
    assert await packed_traces(engine) == ["t0", "t1", "t10", "t20", "t30"]


@pytest.mark.one_version("our locks keep what is written meanwhile")
async def test_writers_and_packing_at_once_lose_nothing(engine: AsyncEngine) -> None:
    await allow(engine)
    rng = random.Random(7)
    batches = [[span_of(rng) for _ in range(10)] for _ in range(20)]
    for span in (span for batch in batches for span in batch):
        # Batches of one trace may be committed in either order: what a span says must not depend on it.
        span.parent_id = None if span.span_id.endswith("-0") else "p"
    done = asyncio.Event()

    async def pack_on() -> None:
        while not done.is_set():
            async for _ in pack_traces(Database(engine), LATER, all_every_s=0):
                pass

    async with committer(engine) as writer:
        task = asyncio.create_task(pack_on())
        for batch in batches:
            for tenant in (PACKED, IN_ROWS):
                await writer.submit(tenant, [msgspec.structs.replace(span) for span in batch])
        done.set()
        await task
    assert await packed_traces(engine)
    await assert_alike(engine)
    assert await unpacked(engine) > 0
    await assert_unpacked(engine)


async def test_what_is_erased_leaves_no_packed_payload(engine: AsyncEngine) -> None:
    await allow(engine)
    async with committer(engine) as writer:
        await fill(writer, random.Random(1))
    assert sum([n async for n in pack_traces(Database(engine), LATER)])
    async for _ in retention.prune(Database(engine), LATER):
        pass
    assert await packed_traces(engine) == []
    assert await count(engine, "packed_spans") == await count(engine, "spans") == 0


async def test_large_traces_stay_in_rows(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_MOST_BYTES", 2_000)
    async with committer(engine) as writer:
        for trace_id, text in {"small": "x" * 100, "large": "x" * 3_000}.items():
            root = Span(trace_id=trace_id, span_id="r", start_us=START, end_us=START)
            children = [
                msgspec.structs.replace(root, span_id=name, parent_id="r", input=f'"{text}"') for name in ("c", "d")
            ]
            await writer.submit(TENANT, [root, *children])
    async with Database(engine).transaction(Kind.WRITE) as tx:
        assert await pack_some(tx.driver, [TraceKey(TENANT, "large"), TraceKey(TENANT, "small")], LATER) == 2
    assert await packed_traces(engine) == ["small"]
    assert await count(engine, "spans") == 0


async def test_the_content_of_a_page_is_measured_before_it_is_read(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def size(driver: Driver) -> tuple[int, int]:
        spans = [SpanKey(TENANT, "t", f"{n}") for n in range(3)]
        of_spans = await driver.fetchval(sizes.OF_SPANS, *map(list, zip(*spans, strict=True)))
        return of_spans, await driver.fetchval(sizes.OF_TRACES, [TENANT], ["t"])

    async with committer(engine) as writer:
        for n in range(3):
            span = Span(trace_id="t", span_id=f"{n}", parent_id="0" if n else None, input='"abc"', start_us=START)
            await writer.submit(TENANT, [span])
    async with Database(engine).transaction(Kind.WRITE) as tx:
        before = await size(tx.driver)
        assert before == (15, 15)
        assert await pack_some(tx.driver, [TraceKey(TENANT, "t")], LATER) == 1
        assert await size(tx.driver) == before


def test_payloads_are_packed_as_they_are() -> None:
    payloads = [
        Payload("s", '{"a":1.0}', None, "[]", '{"l": "ä"}'),
        Payload("other", "\u2028" * 10_000),
    ]
    assert unpack(pack(payloads)) == payloads
    assert unpack(pack([])) == []


_STRINGS = st.text('ab\\"\n é', max_size=80) | st.sampled_from(["the same question, asked again", "its answer " * 9])
_DOCUMENTS = st.none() | st.recursive(
    _STRINGS, lambda each: st.lists(each, max_size=3) | st.dictionaries(_STRINGS, each, max_size=3), max_leaves=5
).map(lambda value: json_of(value))


@given(of_root=st.tuples(_DOCUMENTS, _DOCUMENTS, _DOCUMENTS), texts=st.lists(st.tuples(*[_DOCUMENTS] * 4), max_size=4))
def test_payloads_are_what_they_were_whatever_their_root_says(of_root: Any, texts: Any) -> None:
    payloads = [Payload(f"{n}", *of_span) for n, of_span in enumerate(texts)]
    assert unpack(pack(payloads, of_root), of_root) == payloads
    repeated = [Payload(p.span_id, f"[{of_root[0]},{p.input}]", f"[{of_root[1]}]") for p in payloads]
    assert unpack(pack(repeated, of_root), of_root) == repeated


def test_what_spans_repeat_of_their_root_takes_few_bytes() -> None:
    question = json_of("".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz ", k=500)))
    payloads = [Payload(f"{n}", f'{{"messages":[{question}]}}') for n in range(3)]
    assert len(pack(payloads, [question])) < len(pack(payloads)) - 200


def json_of(value: object) -> str:
    return msgspec.json.encode(value).decode()
