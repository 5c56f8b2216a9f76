"""Keys under harm: revoked ones stop everywhere in time, and other tenants' ids are as if they never were."""

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx

from spanstats.catalog import keys
from spanstats.store.session import Database, create_engine
from tests.services import NO_TLS, Service, Start

from .leaks import KEY, assert_nothing_leaked

T = TypeVar("T")

OURS = {"x-api-key": KEY}
STATS = "/api/parea/v1/experiment/{}/stats"
SPAN = {
    "trace_unique_id": "ours",
    "span_unique_id": "ours",
    "start_time": "2026-01-01T00:00:00Z",
    "metadata": {"experiment_id": "ours"},
}


def on(database_url: str, work: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        database = Database(create_engine(database_url))
        try:
            return await work(database)
        finally:
            await database.dispose()

    return asyncio.run(run())


def test_a_revoked_key_stops_within_a_second_on_every_worker(start: Start, database_url: str) -> None:
    service = start(SPANSTATS_DATABASE_URL=database_url, SPANSTATS_API_KEY=KEY, SPANSTATS_WORKERS="2")
    service.wait_for("/readyz", 200)
    key = on(database_url, lambda database: keys.create(database, "ci"))
    [number] = [listed.id for listed in on(database_url, keys.list_keys) if listed.name == "ci"]

    def statuses(count: int) -> set[int]:
        # Each on a connection of its own, so that both workers are met.
        with ThreadPoolExecutor(8) as pool:
            return set(pool.map(lambda _: service.status(STATS.format("e"), key), range(count)))

    assert statuses(40) == {404}
    on(database_url, lambda database: keys.revoke(database, number))
    time.sleep(1.1)
    assert statuses(40) == {401}
    _check_that_other_tenants_ids_never_were(service, database_url)
    _check_that_no_key_is_noted(service)
    assert service.stop() == 0


def _check_that_other_tenants_ids_never_were(service: Service, database_url: str) -> None:
    theirs = {"x-api-key": on(database_url, lambda database: keys.create(database, "their", "their"))}
    with httpx.Client(base_url=f"http://127.0.0.1:{service.port}") as client:
        assert client.post("/api/v1/traces/ingest", json=[SPAN], headers=OURS).status_code == 200
        score = {"evaluator_slug": "q", "numerical_value": 1}
        posted = client.post("/api/logs/ours/scores/", json=score, headers=OURS).json()["id"]
        absent = {"ours": "none", posted: "0" * len(posted)}
        for method, path, body in [
            ("GET", STATS.format("ours"), None),
            ("GET", "/api/parea/v1/trace_log/ours", None),
            ("POST", "/api/parea/v1/experiment/ours/finished", {}),
            ("POST", "/api/parea/v1/experiment/ours/trace_logs", {}),
            ("GET", "/api/v2/experiments/ours/logs/summary/", None),
            ("GET", "/api/v2/experiments/ours/logs/list/", None),
            ("GET", "/api/v2/experiments/ours/logs/ours/", None),
            ("PATCH", "/api/v2/experiments/ours/logs/ours/", {"name": "x"}),
            ("DELETE", "/api/v2/experiments/ours/", None),
            ("GET", "/api/request-logs/ours/", None),
            ("GET", "/api/logs/ours/scores/", None),
            ("GET", f"/api/scores/{posted}/", None),
            ("PATCH", f"/api/scores/{posted}/", {"numerical_value": 0}),
            ("DELETE", f"/api/scores/{posted}/", None),
        ]:
            name = "ours" if "ours" in path else posted
            answers = [
                client.request(method, p, json=body, headers=theirs) for p in (path, path.replace(name, absent[name]))
            ]
            assert answers[0].status_code == answers[1].status_code, path
            texts = [re.sub(f"{name}|{absent[name]}", "ID", answer.text) for answer in answers]
            assert texts[0] == texts[1], path
            assert_nothing_leaked(answers[0].text)
        assert client.get("/api/request-logs/ours/", headers=OURS).status_code == 200


def _check_that_no_key_is_noted(service: Service) -> None:
    """Not even where it was sent in the wrong place."""
    for path in (f"/api/parea/v1/experiment/{KEY}/stats", f"/nowhere/{KEY}", f"/readyz?key={KEY}"):
        for headers in ({"x-api-key": KEY}, {"authorization": f"Token {KEY}"}, {"x-api-key": KEY + "x"}):
            httpx.get(f"http://127.0.0.1:{service.port}{path}", headers=headers, verify=NO_TLS)
    assert KEY not in service.err + service.out
