"""Input that is wrong in every way we know, at every route: one documented answer each, and never a fault."""

import gzip
import json
import random
import re
import string
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from spanstats.api.error_bodies import Dialect
from spanstats.api.respan_unsupported import UNSUPPORTED
from spanstats.reading import sizes
from tests.faults.leaks import assert_nothing_leaked

from .conftest import MakeClient
from .served import application

pytestmark = pytest.mark.anyio

ANSWERS = {200, 201, 204, 400, 403, 404, 405, 409, 413, 415, 422, 501}
NUMBERS = [0, -0.0, -1, 2**31, 2**63, 2**64, 10**400, 1e308, 5e-324, 0.1, True, "NaN", "1e999", "٣", "1_000", " 1 "]
TEXTS = [
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\udfff\ud800",
    "\u202e",
    "e\u0301",
    "😀" * 300,
    "x" * 5000,
    "' OR 1=1 --",
    "%_\\",
]
# Not to be compressed, and so too long for any index.
LONG = "".join(random.Random(5).choices(string.printable[:62] + "äß漢字", k=30_000))
TIMES = [
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-12:00", "2026-02-30", "24:00"),
    *("infinity", "-infinity", "2026-01-01T00:00:00+99:99", "2016-12-31T23:59:60Z", "now", 1e18, -1e18, 253402300800),
]
ODD: list[Any] = [*NUMBERS, *TEXTS, *TIMES, None, [], {}, [[]], {"": {}}, [None], {"a": [{"a": 1}]}]
FIELDS = (
    *("trace_id", "root_trace_id", "parent_trace_id", "start_timestamp", "end_timestamp", "cost", "latency", "inputs"),
    *("output", "scores", "metadata", "tags", "configuration", "experiment_uuid", "input_tokens", "status", "error"),
    *("trace_unique_id", "span_unique_id", "span_parent_id", "start_time", "timestamp", "model", "prompt_tokens"),
    *("usage", "log_type", "name", "run_name", "project_name", "filters", "operator", "filter_field", "filter_value"),
    *("filter_operator", "numerical_value", "boolean_value", "evaluator_slug", "log_id", "logs", "id", "column_names"),
    *("test_cases", "score", "field_name_to_value_map", "experiment_id", "page", "page_size", "input", "metrics"),
)
JSON_BODIES = {
    "empty": b"",
    "blank": b" \n",
    "bom": b"\xef\xbb\xbf{}",
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "not utf-8": b'{"trace_id": "\xff\xfe"}',
    "nan": b'{"trace_id": NaN, "cost": Infinity}',
    "deep lists": b"[" * 20_000 + b"]" * 20_000,
    "deep objects": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "deep in a field": b'{"trace_id": "t", "inputs": ' + b"[" * 500 + b"]" * 500 + b"}",
    "duplicate keys": b'{"trace_id": "a", "trace_id": "b", "name": 1, "name": "x", "filters": [], "filters": {}}',
    "many keys": json.dumps({f"k{n}": n for n in range(4_000)}).encode(),
    "truncated": b'{"trace_id": "t", "start_timestamp": "2026',
    "trailing": b"{} {}",
    "a number": b"1",
    "a huge number": b"1" * 5000,
    "text": b'"text"',
    "null": b"null",
    "list": b"[1, null, [], {}]",
    "lone surrogate": b'{"trace_id": "\\ud800", "name": "\\udc00", "logs": [{"span_unique_id": "\\ud800"}]}',
    "xml": b"<a/>",
}
RAW_BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "protobuf truncated": (b"\x0a\xff\xff\xff\xff\x0f\x0a", {"content-type": "application/x-protobuf"}),
    "protobuf garbage": (bytes(range(256)), {"content-type": "application/x-protobuf"}),
    "json as protobuf": (b"{}", {"content-type": "application/x-protobuf"}),
    "form": (b"a=1&b=2", {"content-type": "application/x-www-form-urlencoded"}),
    "multipart": (b"--x\r\n\r\n", {"content-type": "multipart/form-data; boundary=x"}),
    "no boundary": (b"", {"content-type": "multipart/form-data"}),
    "odd content type": (b"{}", {"content-type": "application/json; charset=\x7f;;;"}),
    "long content type": (b"{}", {"content-type": "x/" + "y" * 10_000}),
    "gzip truncated": (gzip.compress(b'{"name": "a"}' * 100)[:-5], {"content-encoding": "gzip"}),
    "gzip of nothing": (b"not gzip", {"content-encoding": "gzip"}),
    "gzip bomb": (gzip.compress(bytes(2_000_000)), {"content-encoding": "gzip"}),
    "deflate bomb": (zlib.compress(bytes(2_000_000)), {"content-encoding": "deflate"}),
    "brotli": (b"{}", {"content-encoding": "br"}),
    "twice": (b"{}", {"content-encoding": "gzip, gzip"}),
    "three times": (b"{}", {"content-encoding": "gzip, gzip, gzip"}),
    "a length that lies": (b"{}", {"content-length": "9" * 30}),
    "a length that is none": (b"{}", {"content-length": "-1"}),
    "oversized": (b" " * 1_000_001, {}),
}
PATHS = {
    "encoded slash": "a%2Fb",
    "dots": "..%2F..%2Fetc%2Fpasswd",
    "nul": "a%00b",
    "not utf-8": "%ff%fe",
    "surrogate": "%ed%a0%80",
    "long": "x" * 3000,
    "controls": "%0d%0aSet-Cookie:%20a=b",
    "injection": "x'%3B%20DROP%20TABLE%20spans%3B--",
    "percent": "%25%25",
    "blank": "%20",
    "number": "99999999999999999999",
}


def routes() -> list[tuple[str, str]]:
    """Every method and path that the application answers to, but its own documentation and the page.

    Of those that are not served, which share one handler, one group.
    """
    refused = {path for path in UNSUPPORTED if not path.startswith("/api/pulses/")}
    refused = {path.removesuffix("*") + end for path in refused for end in ("", "{below}")}
    served = [r for r in application().routes if isinstance(r, Route) and (r.path not in refused)]
    pairs = [(m, r.path) for r in served for m in sorted(r.methods or ()) if m != "HEAD"]
    return [(m, p) for m, p in pairs if p != "/" and not p.startswith(("/docs", "/redoc", "/openapi.json", "/ui"))]


def one_of_each_handler(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    handlers = {(m, r.path): r.endpoint for r in application().routes if isinstance(r, Route) for m in r.methods or ()}
    return [*{(m, handlers[m, p]): (m, p) for m, p in reversed(pairs)}.values()]


ROUTES = routes()
WRITING = [(m, re.sub(r"{[^}]*}", "1", p)) for m, p in ROUTES if m != "GET"]
TAKING = [(m, p) for m, p in ROUTES if m not in ("GET", "DELETE") and "/pulses/" not in p]
"""Routes that do something with a body."""
HANDLERS = [(m, re.sub(r"{[^}]*}", "1", p)) for m, p in one_of_each_handler(TAKING)]
"""What becomes of a field does not depend on the path by which a handler is reached."""


async def check(client: httpx.AsyncClient, method: str, path: str, **request: Any) -> int:
    answer = await client.request(method, path, **request)
    where = method, path, str(request)[:300], answer.status_code, answer.text[:300]
    assert answer.status_code in ANSWERS, where
    if answer.headers.get("content-type") != "application/x-protobuf":
        assert_nothing_leaked(answer.text)
    if answer.status_code >= 400:
        assert len(answer.content) < 100_000, where
        _check_shape(Dialect.of(path), answer)
    return answer.status_code


def _check_shape(dialect: Dialect, answer: httpx.Response) -> None:
    if dialect is Dialect.OTLP and answer.headers["content-type"] == "application/x-protobuf":
        assert answer.content[0] == 8
        return
    body = answer.json()
    shape = {Dialect.PAREA: {"detail"}, Dialect.RESPAN: {"error", "detail"}, Dialect.OTLP: {"code", "message", "error"}}
    assert body.keys() == shape[dialect], (str(answer.url), body)


async def test_bodies_that_are_not_what_is_asked_for(client: httpx.AsyncClient) -> None:
    for content in JSON_BODIES.values():
        for method, path in HANDLERS:
            await check(client, method, path, content=content, headers={"content-type": "application/json"})


async def test_bodies_that_are_encoded_or_announced_wrongly(make_client: MakeClient) -> None:
    client = await make_client(max_body_bytes=1_000_000)
    for name, (content, headers) in RAW_BODIES.items():
        for method, path in WRITING:
            status = await check(client, method, path, content=content, headers=headers)
            if name in ("gzip bomb", "deflate bomb", "oversized", "a length that lies"):
                assert status == 413, (method, path)
            if name in ("brotli", "three times"):
                assert status == 415, (method, path)
            if name == "twice":
                assert status in (400, 422), (method, path)


def bodies_with(value: Any) -> Iterator[bytes]:
    """The value in every field at once, then in each of those that ingest needs, beside good ones."""
    good = {"trace_id": "t", "start_timestamp": "2026-01-01", "trace_unique_id": "t", "span_unique_id": "s"}
    good |= {"experiment_id": "e", "evaluator_slug": "q", "name": "n"}
    for body in (
        dict.fromkeys(FIELDS, value),
        {**dict.fromkeys(FIELDS, value), **good, "logs": [good | {"cost": value}]},
    ):
        yield json.dumps(body).encode()


async def test_odd_values_in_every_field(client: httpx.AsyncClient) -> None:
    for value in ODD:
        for content in bodies_with(value):
            for method, path in HANDLERS:
                await check(client, method, path, content=content, headers={"content-type": "application/json"})


async def test_odd_ids_in_every_path(client: httpx.AsyncClient) -> None:
    for method, path in ROUTES:
        if "{" not in path:
            continue
        for odd in PATHS.values():
            status = await check(
                client, method, re.sub(r"{[^}]*}", odd, path), content=b"{}" if method != "GET" else b""
            )
            assert status != 500


async def test_odd_values_in_every_query(client: httpx.AsyncClient) -> None:
    names = ("page", "page_size", "sort_by", "start_time", "end_time", "environment", "include_fields", "unknown", "")
    values = [
        "",
        "-1",
        "0",
        "x" * 2000,
        "%00",
        "%ed%a0%80",
        "9" * 100,
        "1e3",
        "NaN",
        "9999-12-31T23:59:59-12:00",
        "'--",
    ]
    for method, path in ROUTES:
        if (method in ("GET", "POST") and "experiment" in path) or "list" in path or "summary" in path:
            for value in values:
                query = "&".join(f"{name}={value}" for name in names)
                await check(client, method, f"{re.sub('{[^}]*}', 'e', path)}?{query}&page=1&page=2")


FILTERS: dict[str, Any] = {
    "100,000 conditions": [{"field": "cost", "operator": "gt", "value": [1]}] * 100_000,
    "a million items": [{"field": "model", "operator": "in", "value": ["m"] * 1_000_000}],
    "wildcards": [{"field": "model", "operator": "contains", "value": ["%_\\%" * 1000]}],
    "injected field": [{"field": "cost); DROP TABLE spans; --", "operator": "gt", "value": [1]}],
    "injected key": {"metadata__a' || pg_sleep(9) || '": {"operator": "", "value": ["x"]}},
    "injected operator": [{"field": "cost", "operator": "> 0 OR 1=1 --", "value": [1]}],
    "injected value": [{"field": "status", "operator": "", "value": ["'; SELECT pg_sleep(9); --"]}],
    "injected score": {"scores__x'--": {"operator": "gt", "value": [1]}},
    "format characters": {"metadata__%(a)s {b} :c $1 ?": {"operator": "", "value": ["%s :p $2"]}},
    "nul key": {"metadata__\0": {"operator": "", "value": ["\0"]}},
    "huge number": {"cost": {"operator": "gt", "value": [10**400]}},
    "nested repetition": {"model": {"operator": "regex", "value": ["(a+)+$"]}},
    "back-reference": {"model": {"operator": "regex", "value": ["(a*)*\\1b"]}},
    "no regex": {"model": {"operator": "regex", "value": ["(("]}},
    "exploding regex": {"model": {"operator": "regex", "value": ["((a{1,255}){1,255}){1,255}"]}},
    "nested": [{"operator": "and", "value": []}] * 3,
    "no list": "cost > 1",
}


SPAN = [{"trace_unique_id": "t", "span_unique_id": "t", "metadata": {"experiment_id": "e"}}]
FILTERED = (
    "/api/v2/experiments/e/logs/summary/",
    "/api/v2/experiments/list/",
    "/api/request-logs/list/",
    "/api/scores/list/",
)


REFUSED = {"100,000 conditions", "a million items", "injected field", "injected operator", "a tower"} | {
    "back-reference",
    "no regex",
    "exploding regex",
}


def nested(depth: int) -> dict[str, Any]:
    bundle: dict[str, Any] = {"field": "cost", "operator": "gt", "value": [1]}
    for _ in range(depth):
        bundle = {"operator": "and", "value": [bundle], "field": "bundle"}
    return bundle


async def test_filters_that_harm(client: httpx.AsyncClient) -> None:
    await client.post("/api/v1/traces/ingest", json=SPAN)
    for name, filters in {**FILTERS, "a tower": [nested(20)]}.items():
        content = json.dumps({"filters": filters}).encode()
        for path in FILTERED:
            status = await check(client, "POST", path, content=content)
            if name in REFUSED:
                assert status in (400, 413), (path, name)
    parea = {"filter_field": "cost); DROP TABLE spans", "filter_operator": "=' OR 1=1", "filter_value": "'--"}
    await check(client, "POST", "/api/parea/v1/experiment/e/trace_logs", json=parea)
    assert (await client.get("/api/v2/experiments/e/logs/summary/")).json()["total_count"] == 1


async def test_headers_that_are_long_empty_or_sent_twice(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    key = client.headers["authorization"]
    odd: list[list[tuple[str, str]]] = [
        [("authorization", "Bearer " + "x" * 60_000)],
        [("authorization", "")],
        [("authorization", "Bearer")],
        [("authorization", "Bearer  ")],
        [("authorization", key), ("authorization", key)],
        [("authorization", "Basic dTpw")],
        [("authorization", "Bearer \xff\xfe")],
        [("x-api-key", "")],
        [("x-api-key", "\x7f")],
        [("x-api-key", "' OR 1=1 --")],
    ]
    for method, path in ROUTES:
        path = re.sub("{[^}]*}", "1", path)
        if path in ("/healthz", "/readyz", "/metrics", "/api/parea/v1/"):
            continue
        for headers in odd:
            raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
            answer = await anonymous.request(method, path, headers=raw, content=b"{")
            assert answer.status_code == 401, (method, path, headers[0][1][:20])
            assert_nothing_leaked(answer.text)


async def test_trees_without_sense_are_stored_and_read(client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    def span(trace: str, name: str, parent: str | None, cost: float = 1) -> dict[str, Any]:
        ids = {"trace_unique_id": trace, "span_unique_id": name, "span_parent_id": parent}
        return ids | {"cost": cost, "start_time": "2026-01-01T00:00:00Z", "metadata": {"experiment_id": "trees"}}

    trees = [
        *(span("cycle", "a", "b"), span("cycle", "b", "c"), span("cycle", "c", "a")),
        *(span("self", "s", "s"), span("self", "t", "s")),
        *(span("twins", "u", None, 5), span("twins", "u", None, 1)),
        *(span("roots", "v", None), span("roots", "w", None)),
        *(span("orphan", "x", "never"),),
    ]
    for sender in (client, stranger):
        assert (await sender.post("/api/v1/traces/ingest", json=trees)).status_code == 200
    for reader in (client, stranger):
        summary = (await reader.get("/api/v2/experiments/trees/logs/summary/")).json()
        assert (summary["total_count"], summary["total_cost"]) == (5, 9)
        for trace in ("cycle", "self", "twins", "roots", "orphan"):
            assert (await reader.get(f"/api/v2/experiments/trees/logs/{trace}/")).status_code == 200
        assert (await reader.post("/api/parea/v1/experiment/trees/trace_logs")).status_code == 200


async def test_limits_are_settings(make_client: MakeClient) -> None:
    client = await make_client(
        max_bulk_spans=1, max_json_depth=8, max_scores_per_span=1, max_page_size=10, max_spans_per_trace=2
    )
    log = {"trace_id": "t", "start_timestamp": "2026-01-01"}
    one = {"trace_unique_id": "t", "span_unique_id": "1"}
    two = {"scores": [{"name": "a", "score": 1}, {"name": "b", "score": 1}]}
    deep: Any = 1
    for _ in range(9):
        deep = [deep]
    api = "/api/parea/v1/trace_log"
    assert (await client.post("/api/request-logs/bulk/", json={"logs": [one, one]})).status_code == 400
    assert (await client.post(api, json=log | two)).status_code == 422
    assert (await client.put(api, json={"trace_id": "t", "field_name_to_value_map": two})).status_code == 422
    assert (await client.post(api, json=log | {"inputs": {"a": deep}})).status_code == 422
    assert (await client.post("/api/v1/traces", json={"resourceSpans": deep})).status_code == 400
    assert (await client.get("/api/request-logs/list/?page_size=11")).status_code == 400
    assert (await client.get("/api/request-logs/list/")).status_code == 200
    spans = [one | {"span_unique_id": str(n)} for n in range(3)]
    answer = await client.post("/api/v1/traces/ingest", json=spans)
    assert answer.status_code == 400
    assert "at most 2 spans" in answer.text
    assert (await client.post("/api/v1/traces/ingest", json=spans[:2])).status_code == 200


async def test_a_tenant_that_asks_too_often_is_held_back_alone(make_client: MakeClient) -> None:
    client = await make_client(requests_per_second=5)
    paths = ("/api/parea/v1/experiment/e/stats", "/api/v2/experiments/e/logs/summary/", "/v1/traces")
    answers = [await client.request("POST" if p == "/v1/traces" else "GET", p, json={}) for p in paths * 7]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(answers) - len(refused) in range(5, 12)
    assert {str(answer.url.path) for answer in refused} == set(paths)
    for answer in refused:
        assert int(answer.headers["retry-after"]) >= 1
        _check_shape(Dialect.of(answer.url.path), answer)
    assert (await client.get("/healthz")).status_code == 200


def judged(name: str, output: Any) -> dict[str, Any]:
    return {"trace_unique_id": "judged", "span_unique_id": name, "log_type": "score", "output": output}


async def test_scores_that_cannot_be_kept_cost_no_other_span(client: httpx.AsyncClient) -> None:
    spans = [
        judged("good", {"quality": {"primary_score": 0.5}}),
        judged("no double", {"quality": {"primary_score": 10**400}}),
        judged("too many", {f"e{n}": {"primary_score": n} for n in range(101)}),
    ]
    attributes = [
        {"key": "respan.entity.log_type", "value": {"stringValue": "score"}},
        {"key": "traceloop.entity.output", "value": {"stringValue": json.dumps(spans[2]["output"])}},
    ]
    traced = {"traceId": "1" * 32, "spanId": "2" * 16, "startTimeUnixNano": "1780000000000000000"}
    wire = [{**traced, "name": "evaluator.x", "attributes": attributes}, {**traced, "spanId": "3" * 16, "name": "y"}]
    flat = await client.post("/api/v1/traces/ingest", json=spans)
    assert (flat.status_code, [r["index"] for r in flat.json()["rejected"]]) == (200, [2])
    assert "at most 100 scores" in flat.json()["rejected"][0]["error"]
    exported = await client.post("/v1/traces", json={"resourceSpans": [{"scopeSpans": [{"spans": wire}]}]})
    assert exported.json()["partialSuccess"]["rejectedSpans"] == 1
    totals = (await client.get("/api/request-logs/summary/")).json()
    assert (totals["total_count"], totals["scores"]["quality"]["count"]) == (3, 2)


FLAT_TEXTS = (
    *("trace_unique_id", "span_unique_id", "span_parent_id", "span_name", "log_type", "model", "provider_id", "status"),
    *("error_message", "span_workflow_name", "customer_identifier", "customer_email", "customer_name", "environment"),
    *(
        "thread_identifier",
        "session_identifier",
        "trace_group_identifier",
        "custom_identifier",
        "experiment_id",
        "note",
    ),
    *(
        "evaluation_identifier",
        "prompt_id",
        "deployment_name",
        "log_method",
        "span_path",
        "input",
        "output",
        "warnings",
    ),
)
PAREA_TEXTS = (
    *("trace_id", "parent_trace_id", "root_trace_id", "experiment_uuid", "trace_name", "error", "status", "session_id"),
    *("project_uuid", "project_name", "end_user_identifier", "deployment_id", "target", "inputs", "output", "tags"),
)
SCORE_TEXTS = (
    *("log_id", "evaluator_id", "evaluator_slug", "evaluator_name", "scorer", "explanation", "string_value"),
    *("json_value", "categorical_value", "type", "environment", "prompt_id", "error_message"),
)


async def test_text_too_long_for_an_index_is_kept_cut_or_refused_by_name(client: httpx.AsyncClient) -> None:
    """One field at a time: all at once, the first that is refused would hide the others."""
    for n, value in enumerate((LONG[:300], LONG[:3000], LONG)):
        for name in FLAT_TEXTS:
            ids = {"trace_unique_id": f"{name}-{n}", "span_unique_id": f"{name}-{n}", "experiment_id": "long"}
            span = {**ids, name: value}
            for path, body in (("/api/v1/traces/ingest", [span]), ("/api/request-logs/", span)):
                await check(client, "POST", path, json=body)
        for name in PAREA_TEXTS:
            log = {"trace_id": f"{name}+{n}", "experiment_uuid": "long", name: value}
            await check(client, "POST", "/api/parea/v1/trace_log", json=log)
            await check(client, "POST", "/api/parea/v1/trace_log", json={**log, name: [value]})
            fields = {"trace_id": f"{name}+{n}", "field_name_to_value_map": {name: value}}
            await check(client, "PUT", "/api/parea/v1/trace_log", json=fields)
        for name in SCORE_TEXTS:
            score = {"log_id": "l", "evaluator_id": f"{name}-{n}", "numerical_value": 1, name: value}
            await check(client, "POST", "/api/scores/", json=score)
        names = {"name": value, "run_name": value, "column_names": [value], "metadata": {value: value}}
        cases = {"test_cases": [{"inputs": {value: value}, "target": value, "tags": [value]}]}
        for path in ("project", "experiment", "collection"):
            await check(client, "POST", f"/api/parea/v1/{path}", json=names)
        await check(client, "POST", "/api/parea/v1/collection", json={**names, **cases, "name": f"c{n}"})
        await check(client, "POST", "/api/v2/experiments/", json={**names, "status": value, "description": value})
    listed = await client.get("/api/request-logs/list/", params={"page_size": 1000})
    assert listed.status_code == 200
    assert (await client.get("/api/request-logs/summary/")).json()["total_count"] == listed.json()["count"] > 100


async def test_a_page_of_more_content_than_is_held_at_once_is_refused_a_smaller_one_is_not(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "MAX_CONTENT_BYTES", 10_000)
    spans = [{**SPAN[0], "trace_unique_id": f"t{n}", "span_unique_id": f"t{n}", "input": "x" * 4000} for n in range(5)]
    await client.post("/api/v1/traces/ingest", json=spans)
    for path in ("/api/request-logs/list/", "/api/v2/experiments/e/logs/list/", "/api/v2/experiments/e/logs/"):
        for more in ({}, {"detail": "1"}):
            refused = await client.get(path, params=more)
            assert (refused.status_code, "smaller" in refused.text) == (413, True), path
            smaller = await client.get(path, params={"page_size": "2", **more})
            assert [len(log["input"]) for log in smaller.json()["results"]] == [4000, 4000]
    # Trees are read in parts, and so are never too many.
    trees = (await client.post("/api/parea/v1/experiment/e/trace_logs")).json()
    assert [len(tree["inputs"]["input"]) if tree["inputs"] else 0 for tree in trees] == [4000] * 5
