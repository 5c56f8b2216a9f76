"""The spans of requests and commits as a collector gets them from the whole application."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats import logs
from spanstats.catalog import projects
from spanstats.store.session import Database, Kind
from tests.api.conftest import MakeClient, over_a_socket

from .collector import Collector, attributes

pytestmark = pytest.mark.anyio

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
POST, STATS = "/api/parea/v1/trace_log", "/api/parea/v1/experiment/{experiment_uuid}/stats"
SUMMARY = "/api/v2/experiments/{experiment_id}/logs/summary/"
LOG = {
    "trace_id": "t1",
    "parent_trace_id": "t1",
    "root_trace_id": "t1",
    "experiment_uuid": "e1",
    "trace_name": "n",
    "start_timestamp": "2026-01-01T00:00:00Z",
    "end_timestamp": "2026-01-01T00:00:01Z",
}


def log(trace: str) -> dict[str, str]:
    return {**LOG, "trace_id": trace, "parent_trace_id": trace, "root_trace_id": trace}


async def until_queued(spans: int) -> None:
    """Return once so many spans wait or are being written, and the first of them are."""
    async with asyncio.timeout(60):
        while REGISTRY.get_sample_value("spanstats_queue_spans") != spans:
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.06)


@pytest.fixture
async def client(make_client: MakeClient, collector: Collector) -> httpx.AsyncClient:
    return await make_client(tracing_endpoint=f"{collector.address}/v1/traces")


@asynccontextmanager
async def trace_locked(engine: AsyncEngine, trace_id: str) -> AsyncIterator[None]:
    """Holds every writer of this trace up."""
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.driver.execute("SELECT FROM traces WHERE trace_id = $1 FOR UPDATE", trace_id)
        yield


async def test_a_write_is_a_tree_below_the_span_of_its_client(client: httpx.AsyncClient, collector: Collector) -> None:
    answer = await client.post(POST, json=LOG, headers=SAMPLED)
    assert (answer.status_code, answer.headers["x-request-id"]) == (200, TRACE)
    request, queue, commit = (collector.one(name) for name in (f"POST {POST}", "ingest queue", "ingest commit"))
    assert {span.trace_id.hex() for span in (request, queue, commit)} == {TRACE}
    assert request.parent_span_id.hex() == PARENT
    assert queue.parent_span_id == commit.parent_span_id == request.span_id
    assert [span.kind for span in (request, queue, commit)] == [2, 1, 1]
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": POST,
        "http.response.status_code": 200,
        "url.scheme": "http",
        "spanstats.tenant_id": 1,
        "spanstats.request_id": TRACE,
    }
    assert attributes(queue) == {"spanstats.spans": 1}
    assert attributes(commit) == {"spanstats.requests": 1, "spanstats.spans": 1}
    times = [request.start_time_unix_nano, queue.start_time_unix_nano, queue.end_time_unix_nano]
    times += [commit.start_time_unix_nano, commit.end_time_unix_nano, request.end_time_unix_nano]
    assert times == sorted(times)
    assert not any(span.status.code or span.events for span in (request, queue, commit))


async def test_a_commit_is_linked_to_all_the_requests_that_share_it(
    client: httpx.AsyncClient, collector: Collector, engine: AsyncEngine
) -> None:
    await client.post(POST, json=log("held"))
    async with trace_locked(engine, "held"):
        waiting = [asyncio.create_task(client.post(POST, json=log("held")))]
        await until_queued(1)
        waiting += [asyncio.create_task(client.post(POST, json=log(f"t{n}"))) for n in range(3)]
        await until_queued(4)
    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200] * 4
    collector.wait_until(lambda: len(collector.named(f"POST {POST}")) == 5)
    requests = {span.span_id: span for span in collector.named(f"POST {POST}")}
    [shared] = [span for span in collector.named("ingest commit") if attributes(span)["spanstats.requests"] == 3]
    linked = {link.span_id: link.trace_id for link in shared.links}
    assert len(linked) == 3
    assert all(requests[span_id].trace_id == trace_id for span_id, trace_id in linked.items())
    assert shared.parent_span_id in linked
    # From those that it is no child of one comes to it as well.
    for span_id in linked:
        back = [(link.trace_id, link.span_id) for link in requests[span_id].links]
        assert back == ([] if span_id == shared.parent_span_id else [(shared.trace_id, shared.span_id)])
    queued = {span.parent_span_id: span for span in collector.named("ingest queue")}
    assert queued.keys() == requests.keys()
    waits = [queued[span_id].end_time_unix_nano - queued[span_id].start_time_unix_nano for span_id in linked]
    assert min(waits) > 50_000_000


async def test_a_write_whose_shared_commit_failed_shows_that_one_and_its_own(
    make_client: MakeClient, collector: Collector, engine: AsyncEngine
) -> None:
    client = await make_client(tracing_endpoint=collector.address, max_spans_per_trace=1)
    await client.post(POST, json=log("held"))
    async with trace_locked(engine, "held"):
        waiting = [asyncio.create_task(client.post(POST, json=log("held")))]
        await until_queued(1)
        second = {**log("held"), "trace_id": "child"}
        waiting += [asyncio.create_task(client.post(POST, json=body)) for body in (second, log("other"))]
        await until_queued(3)
    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200, 422, 200]
    collector.wait_until(lambda: len(collector.named("ingest commit")) == 5)
    commits = collector.named("ingest commit")[2:]
    outcomes = [(attributes(span)["spanstats.requests"], attributes(span).get("error.type")) for span in commits]
    assert outcomes == [(2, "InvalidInput"), (1, "InvalidInput"), (1, None)]
    assert [span.status.code == Status.STATUS_CODE_ERROR for span in commits] == [True, True, False]


async def test_the_wait_for_room_in_a_full_queue_is_shown(
    make_client: MakeClient, collector: Collector, engine: AsyncEngine
) -> None:
    client = await make_client(tracing_endpoint=collector.address, queue_spans=1, queue_wait_s=0.1)
    await client.post(POST, json=log("held"))
    async with trace_locked(engine, "held"):
        waiting = asyncio.create_task(client.post(POST, json=log("held")))
        await until_queued(1)
        refused = await client.post(POST, json=log("late"))
    assert (refused.status_code, (await waiting).status_code) == (503, 200)
    room = collector.one("ingest room")
    assert attributes(room) == {"error.type": "TimeoutError"}
    collector.wait_until(lambda: len(collector.named(f"POST {POST}")) == 3)
    [request] = [span for span in collector.named(f"POST {POST}") if span.span_id == room.parent_span_id]
    assert request.status.code == Status.STATUS_CODE_ERROR
    assert attributes(request)["error.type"] == "503"


async def test_the_statements_behind_both_answers_are_shown(client: httpx.AsyncClient, collector: Collector) -> None:
    await client.post(POST, json=LOG)
    path, body = (
        SUMMARY.format(experiment_id="e1"),
        {"filters": [{"field": "status", "operator": "=", "value": "success"}]},
    )
    stats, whole = await client.get(STATS.format(experiment_uuid="e1")), await client.get(path)
    filtered = await client.post(path, json=body)
    assert {answer.status_code for answer in (stats, whole, filtered)} == {200}
    below = {
        "stats page": f"GET {STATS}",
        "summary of rollups": f"GET {SUMMARY}",
        "summary of traces": f"POST {SUMMARY}",
    }
    for name, request in below.items():
        statement = collector.one(name)
        assert statement.parent_span_id == collector.one(request).span_id
        assert statement.kind == Span.SPAN_KIND_CLIENT
        assert attributes(statement) == {"db.system.name": "postgresql"}


async def test_nothing_that_a_client_sends_leaves_but_its_trace_and_request_id(
    client: httpx.AsyncClient, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {
        **SAMPLED,
        "x-request-id": "job-7",
        "tracestate": "secret=secret,%secret%",
        "baggage": "secret=1",
        "user-agent": "secret",
    }
    body = {**LOG, "experiment_uuid": "secret", "trace_name": "secret", "inputs": {"q": "secret"}}
    await client.post(f"{POST}?token=secret", json=body, headers=headers)
    await client.get(STATS.format(experiment_uuid="secret"), headers=headers)
    await client.post(SUMMARY.format(experiment_id="secret"), json={"filters": "secret"}, headers=headers)
    await client.request("SECRET", "/secret", headers={"traceparent": "secret" * 200})
    collector.wait_until(lambda: len([span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]) == 4)
    key = client.headers["authorization"].split()[1].encode()
    for export in collector.bodies:
        assert b"secret" not in export.lower()
        assert key not in export
    assert attributes(collector.one(f"POST {POST}"))["spanstats.request_id"] == "job-7"
    assert attributes(collector.one("HTTP"))["http.request.method"] == "_OTHER"
    assert "secret" not in caplog.text


async def test_of_a_fault_only_its_kind_is_told(
    make_client: MakeClient, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await make_client(tracing_endpoint=collector.address)

    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(projects, "get_or_create", broken)
    assert (await over_a_socket(client).post("/api/parea/v1/project", json={"name": "p"})).status_code == 500
    span = collector.one("POST /api/parea/v1/project")
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, "")
    values = attributes(span)
    assert (values["http.response.status_code"], values["error.type"]) == (500, "ZeroDivisionError")
    assert not span.events
    assert b"secret" not in b"".join(collector.bodies)


@pytest.mark.parametrize("header", ["", "00-" + 32 * "0" + f"-{PARENT}-01", "nonsense"])
async def test_without_a_trace_of_the_client_the_request_id_is_that_of_a_new_one(
    client: httpx.AsyncClient, collector: Collector, header: str
) -> None:
    answer = await client.get(STATS.format(experiment_uuid="e"), headers={"traceparent": header} if header else {})
    span = collector.one(f"GET {STATS}")
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])
    assert span.trace_id.hex() == answer.headers["x-request-id"]
    assert not span.parent_span_id


@pytest.mark.parametrize("layout", ["text", "json"])
async def test_logs_of_a_traced_request_name_its_trace(
    make_client: MakeClient, collector: Collector, capsys: pytest.CaptureFixture[str], layout: str
) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    logs.configure("info", layout)
    try:
        client = await make_client(tracing_endpoint=collector.address, access_log=True)
        await client.get(STATS.format(experiment_uuid="e"), headers={**SAMPLED, "x-request-id": "job-7"})
        await client.get(STATS.format(experiment_uuid="e"), headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    finally:
        root.handlers[:], root.level = before
    traced, untraced = [line for line in capsys.readouterr().err.splitlines() if "status" in line]
    shown = f" trace_id={TRACE}" if layout == "text" else f'"trace_id": "{TRACE}"'
    assert "job-7" in traced
    assert shown in traced
    assert "trace_id" not in untraced


async def test_a_client_that_does_not_sample_is_not_traced(client: httpx.AsyncClient, collector: Collector) -> None:
    answer = await client.post(POST, json=LOG, headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    assert answer.headers["x-request-id"] == TRACE
    await client.get(STATS.format(experiment_uuid="e1"))
    collector.one(f"GET {STATS}")
    assert {span.name for span in collector.spans} == {f"GET {STATS}", "stats page"}


async def test_a_commit_that_only_some_of_its_requests_want_traced_is_theirs(
    client: httpx.AsyncClient, collector: Collector, engine: AsyncEngine
) -> None:
    unsampled = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
    await client.post(POST, json=log("held"), headers=unsampled)
    async with trace_locked(engine, "held"):
        waiting = [asyncio.create_task(client.post(POST, json=log("held"), headers=unsampled))]
        await until_queued(1)
        waiting += [asyncio.create_task(client.post(POST, json=log(f"t{n}"), headers=unsampled)) for n in range(2)]
        await until_queued(3)
        waiting += [asyncio.create_task(client.post(POST, json=log("last")))]
        await until_queued(4)
    await asyncio.gather(*waiting)
    request, commit = collector.one(f"POST {POST}"), collector.one("ingest commit")
    assert commit.parent_span_id == request.span_id
    assert [link.span_id for link in commit.links] == [request.span_id]
    assert attributes(commit)["spanstats.requests"] == 3


async def test_probes_and_exports_are_not_traced(client: httpx.AsyncClient, collector: Collector) -> None:
    for path in ("/healthz", "/readyz", "/readyz/", "/metrics"):
        assert (await client.get(path)).status_code == 200
    exported = await client.post("/v1/traces", json={"resourceSpans": []}, headers={"x-spanstats-trace-export": "1"})
    assert exported.status_code == 200
    await client.get("/nowhere")
    collector.one("GET")
    assert [span.name for span in collector.spans] == ["GET"]
