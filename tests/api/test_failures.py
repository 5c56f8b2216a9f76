"""Errors: the status tells whether to try again, the body has the shape of the path's dialect and no secrets."""

import gzip
import json
from typing import Any

import httpx
import pytest

from spanstats.api import error_bodies
from spanstats.catalog import experiments
from spanstats.errors import Unavailable, invalid

from .conftest import MakeClient, over_a_socket

pytestmark = pytest.mark.anyio

PAREA, RESPAN, OTLP = "/api/parea/v1/trace_log", "/api/v1/traces/ingest", "/api/v1/traces"
PROTOBUF = {"content-type": "application/x-protobuf"}


def check_parea(body: Any, refused: bool = False) -> None:
    assert body.keys() == {"detail"}
    if refused:
        check_problems(body["detail"])
    else:
        assert isinstance(body["detail"], str)


def check_respan(body: Any) -> None:
    assert body.keys() == {"error", "detail"}
    assert isinstance(body["error"], str)
    check_problems(body["detail"])


def check_problems(problems: Any) -> None:
    assert isinstance(problems, list)
    assert all(problem.keys() == {"loc", "msg", "type"} for problem in problems)


def check_status(answer: httpx.Response, code: int) -> None:
    body = answer.json()
    assert body.keys() == {"code", "message", "error"}
    assert body["code"] == code


@pytest.mark.parametrize("path", ["/nowhere", "/api/v2/nowhere", "/api/nowhere", "/v1", "/"])
async def test_an_unknown_path_is_404_without_a_key(anonymous: httpx.AsyncClient, path: str) -> None:
    answer = await anonymous.get(path)
    assert answer.status_code == 404
    check_respan(answer.json())


@pytest.mark.parametrize("path", ["/api/parea/v1/nowhere", "/api/parea", "/api/parea/v1/experiment/a/b/nowhere"])
async def test_an_unknown_parea_path_is_404_in_pareas_shape(anonymous: httpx.AsyncClient, path: str) -> None:
    answer = await anonymous.get(path)
    assert answer.status_code == 404
    check_parea(answer.json())


@pytest.mark.parametrize("signal", ["logs", "metrics"])
@pytest.mark.parametrize("prefix", ["/v1/", "/api/v1/"])
async def test_other_signals_are_404_with_a_sentence(anonymous: httpx.AsyncClient, prefix: str, signal: str) -> None:
    answer = await anonymous.post(prefix + signal, content=b"\x0a\x00", headers=PROTOBUF)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert b"traces" in answer.content
    check_status(await anonymous.post(prefix + signal, json={}), 5)


async def test_a_wrong_method_is_405_and_names_the_right_ones(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get(PAREA)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST, PUT"
    check_parea(answer.json())
    assert (await anonymous.delete("/api/v2/experiments/e/histogram/")).headers["allow"] == "GET, POST"


async def test_a_missing_key_is_401_in_every_dialect(anonymous: httpx.AsyncClient) -> None:
    check_parea((await anonymous.post(PAREA)).json())
    check_respan((await anonymous.post(RESPAN)).json())
    check_status(await anonymous.post(OTLP), 16)
    assert (await anonymous.post(OTLP, headers=PROTOBUF)).content.startswith(b"\x08\x10")


BROKEN = {
    "no json": b"{broken",
    "nan": b'{"name": NaN, "cost": NaN}',
    "not utf-8": b'{"name": "\xff"}',
    "deep": b"[" * 10_000,
    "huge number": b'{"name": 1' + b"0" * 10_000 + b"}",
    "not an object": b'"text"',
    "nothing": b"",
}
BAD_LOGS = {
    "huge number": b'{"trace_id": "t", "start_timestamp": "2026-01-01", "cost": 1' + b"0" * 10_000 + b"}",
    "surrogate in an id": b'{"trace_id": "\\ud800", "start_timestamp": "2026-01-01"}',
    "no id": b'{"start_timestamp": "2026-01-01"}',
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
async def test_what_cannot_be_read_is_refused_and_never_a_fault(client: httpx.AsyncClient, body: bytes) -> None:
    for path in (PAREA, PAREA + "/langchain", "/api/parea/v1/project", "/api/parea/v1/experiment"):
        answer = await client.post(path, content=body)
        assert answer.status_code == 422, path
        check_parea(answer.json(), refused=True)
        assert answer.json()["detail"][0]["loc"][0] == "body"
    assert (await client.put(PAREA, content=body)).status_code == 422
    answer = await client.post(RESPAN, content=body)
    assert answer.status_code == 400
    check_respan(answer.json())
    answer = await client.post(OTLP, content=body)
    if answer.status_code != 200:
        assert answer.status_code == 400
        check_status(answer, 3)


@pytest.mark.parametrize("body", BAD_LOGS.values(), ids=BAD_LOGS)
async def test_a_log_that_cannot_be_stored_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post(PAREA, content=body)
    assert answer.status_code == 422
    check_parea(answer.json(), refused=True)


async def test_a_number_that_is_nan_is_not_known_and_costs_no_log(client: httpx.AsyncClient) -> None:
    body = b'{"trace_id": "t", "experiment_uuid": "e", "start_timestamp": "2026-01-01", "cost": NaN, "input_tokens": 3}'
    assert (await client.post(PAREA, content=body)).status_code == 200
    (trace,) = (await client.get("/api/parea/v1/experiment/e/stats")).json()["parent_trace_stats"]
    assert (trace["cost"], trace["input_tokens"]) == (None, 3)


async def test_a_field_that_is_wrong_is_named_and_its_value_is_not_repeated(client: httpx.AsyncClient) -> None:
    secret = "x" * 100_000
    answer = await client.post(PAREA, json={"trace_id": "t", "start_timestamp": "2026-01-01", "cost": secret})
    assert answer.json()["detail"][0]["loc"] == ["body", "cost"]
    assert len(answer.content) < 1000
    answer = await client.post("/api/parea/v1/experiment", json={"name": [secret], "project_uuid": 1})
    assert [problem["loc"] for problem in answer.json()["detail"]] == [["body", "name"], ["body", "project_uuid"]]
    assert len(answer.content) < 1000


@pytest.mark.parametrize("path", [PAREA, RESPAN, OTLP, "/api/parea/v1/project"])
async def test_a_body_over_the_limit_is_413_before_and_after_decompression(make_client: MakeClient, path: str) -> None:
    client = await make_client(max_body_bytes=1000)
    bomb = gzip.compress(b" " * 100_000)
    assert len(bomb) < 1000
    for answer in (
        await client.post(path, content=b" " * 1001),
        await client.post(path, content=bomb, headers={"content-encoding": "gzip"}),
    ):
        assert answer.status_code == 413
        assert "1000 bytes" in json.dumps(answer.json())


async def test_compressed_bodies_are_read_everywhere(client: httpx.AsyncClient) -> None:
    content, headers = gzip.compress(b'{"name": "zipped"}'), {"content-encoding": "gzip"}
    answer = await client.post("/api/parea/v1/project", content=content, headers=headers)
    assert answer.json()["name"] == "zipped"
    assert (await client.post("/api/parea/v1/project", content=content[:-4], headers=headers)).status_code == 422
    assert (await client.post(OTLP, content=content[:-4], headers=headers)).status_code == 400


async def test_an_unknown_encoding_is_415(client: httpx.AsyncClient) -> None:
    answer = await client.post(PAREA, content=b"{}", headers={"content-encoding": "br"})
    assert answer.status_code == 415
    check_parea(answer.json())


async def test_what_is_out_of_scope_is_501_with_a_sentence(client: httpx.AsyncClient) -> None:
    for path in ("completion", "completion/stream", "deployed-prompt"):
        answer = await client.post(f"/api/parea/v1/{path}", json={})
        assert answer.status_code == 501
        assert "statistics" in answer.json()["detail"]


BY_EXPERIMENT = "/api/parea/v1/experiment/e/trace_logs", "/api/v2/experiments/e/logs/list/"


async def test_an_outage_is_503_and_says_when_to_come_back(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_args: object) -> None:
        raise Unavailable("the database is away", retry_after_s=7)

    monkeypatch.setattr(experiments, "get", away)
    for path in BY_EXPERIMENT:
        answer = await client.post(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


async def test_an_unexpected_fault_is_500_and_tells_nothing(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_args: object) -> None:
        raise RuntimeError("SELECT password FROM secrets")

    monkeypatch.setattr(experiments, "get", broken)
    remote = over_a_socket(client)
    answer = await remote.post(BY_EXPERIMENT[0])
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal error"})
    answer = await remote.post(BY_EXPERIMENT[1])
    assert (answer.status_code, answer.json()) == (500, {"error": "Internal error", "detail": []})


def test_problems_are_cut_and_cleaned_so_that_they_can_always_be_sent() -> None:
    error = invalid("\ud800" * 10_000, "a\0b", 3, "\udfff")
    described = error_bodies._described(error.problems)
    assert described[0]["loc"] == ["a\ufffdb", 3, "\ufffd"]
    assert described[0]["msg"] == "\ufffd" * 500
    json.dumps(described).encode()
