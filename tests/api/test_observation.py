"""Request ids, the access log and the metrics of the whole application."""

import logging
import re

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from spanstats.store import schema
from tests.api.conftest import MakeClient, over_a_socket

pytestmark = pytest.mark.anyio

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
LOG = {
    "trace_id": "t1",
    "parent_trace_id": "t1",
    "root_trace_id": "t1",
    "experiment_uuid": "e1",
    "trace_name": "n",
    "start_timestamp": "2026-01-01T00:00:00Z",
    "end_timestamp": "2026-01-01T00:00:01Z",
}
STATS = "/api/parea/v1/experiment/{experiment_uuid}/stats"


async def sample(client: httpx.AsyncClient, name: str, **labels: str) -> float:
    """The value of one sample, 0 where there is none yet; all tests of a process share the counters."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    samples = [s for family in text_string_to_metric_families(answer.text) for s in family.samples]
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


async def test_requests_are_counted_by_route_template_and_status(client: httpx.AsyncClient) -> None:
    labels = {"method": "GET", "route": STATS, "status": "404"}
    before = await sample(client, "spanstats_http_requests_total", **labels)
    timed = await sample(client, "spanstats_http_request_duration_seconds_count", route=STATS)
    for name in ("a", "b", "c"):
        await client.get(f"/api/parea/v1/experiment/{name}/stats")
    assert await sample(client, "spanstats_http_requests_total", **labels) == before + 3
    assert await sample(client, "spanstats_http_request_duration_seconds_count", route=STATS) == timed + 3


async def test_neither_paths_nor_methods_that_are_unknown_become_labels(client: httpx.AsyncClient) -> None:
    await client.request("SMUGGLE", "/no/such/place")
    text = (await client.get("/metrics")).text
    assert "SMUGGLE" not in text
    assert "such" not in text
    assert 'method="other",route="unmatched",status="404"' in text


async def test_spans_commits_and_refusals_are_counted(client: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    names = ("spanstats_spans_ingested_total", "spanstats_commit_spans_sum", "spanstats_commit_duration_seconds_count")
    before = [await sample(client, name) for name in names]
    refused, waiting = await sample(client, "spanstats_rejected_total"), await sample(client, "spanstats_queue_spans")
    assert (await client.post("/api/parea/v1/trace_log", json=LOG)).status_code == 200
    assert [await sample(client, name) for name in names] == [value + 1 for value in before]
    assert (await client.post("/api/parea/v1/trace_log", json={**LOG, "input_tokens": "x"})).status_code == 422
    assert (await anonymous.post("/api/parea/v1/trace_log", json=LOG)).status_code == 401
    assert await sample(client, "spanstats_rejected_total") == refused + 2
    assert await sample(client, "spanstats_rejected_total", kind="unauthenticated") >= 1
    assert await sample(client, "spanstats_queue_spans") == waiting


async def test_the_database_and_its_marks_are_looked_at(client: httpx.AsyncClient) -> None:
    assert await sample(client, "spanstats_database_up") == 1
    assert await sample(client, "spanstats_pool_size") >= 10
    assert "spanstats_rollup_marks" in (await client.get("/metrics")).text


async def test_metrics_can_be_turned_off(make_client: MakeClient) -> None:
    client = await make_client(metrics=False)
    assert (await client.get("/metrics")).status_code == 404


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-request-id": "job-7/3"}, "job-7/3"),
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, TRACE),
        ({"x-request-id": "own", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, "own"),
        ({"x-request-id": "a b", "traceparent": "00-" + 32 * "0" + "-00f067aa0ba902b7-01"}, None),
        ({"x-request-id": "x" * 129}, None),
        ({}, None),
    ],
)
async def test_the_answer_names_its_request(
    client: httpx.AsyncClient, headers: dict[str, str], expected: str | None
) -> None:
    ids = [(await client.get("/healthz", headers=headers)).headers.get_list("x-request-id") for _ in range(2)]
    if expected is not None:
        assert ids == [[expected]] * 2
    else:
        assert all(re.fullmatch("[0-9a-f]{32}", only) for [only] in ids)
        assert ids[0] != ids[1]


async def test_the_access_log_tells_neither_key_nor_content(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    client = await make_client(access_log=True)
    caplog.set_level(logging.INFO, "spanstats.access")
    await client.get("/api/parea/v1/experiment/secret-name/stats?token=hush")
    [record] = [r for r in caplog.records if r.name == "spanstats.access"]
    fields = vars(record)["fields"]
    assert fields["ms"] > 0
    assert fields == {"method": "GET", "route": STATS, "status": 404, "tenant_id": 1, "ms": fields["ms"]}
    for hidden in ("secret-name", "hush", client.headers["authorization"].split()[1]):
        assert hidden not in record.getMessage()


async def test_there_is_no_access_log_unless_it_is_asked_for(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "spanstats.access")
    await client.get("/healthz")
    assert [r for r in caplog.records if r.name == "spanstats.access"] == []


async def test_a_fault_names_its_request_and_tells_nothing_else(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> bool:
        raise RuntimeError("secret")

    monkeypatch.setattr(schema, "is_ready", broken)
    labels = {"route": "/readyz", "status": "500"}
    before = await sample(client, "spanstats_http_requests_total", **labels)
    answer = await over_a_socket(client).get("/readyz", headers={"x-request-id": "r1"})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "r1"
    assert "secret" not in answer.text
    assert await sample(client, "spanstats_http_requests_total", **labels) == before + 1
