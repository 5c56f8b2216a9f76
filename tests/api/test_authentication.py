"""Which key of a request counts, what it may do, and how long an answer about it is remembered."""

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.datastructures import Headers

from spanstats.api.authentication import PAREA_HEADERS, RESPAN_HEADERS, KeyCache, presented_key
from spanstats.catalog import keys
from spanstats.catalog.keys import KeyInfo
from spanstats.domain.keys import TenantId
from spanstats.errors import Unauthenticated, Unavailable
from spanstats.store.session import Database

from .conftest import MakeClient, same_app

pytestmark = pytest.mark.anyio

INFO = KeyInfo(TenantId(1), 1, "all")
STATS = "/api/parea/v1/experiment/e/stats"
SUMMARY = "/api/v2/experiments/e/logs/summary/"


def headers(*pairs: tuple[str, str]) -> Headers:
    return Headers(raw=[(name.encode(), value.encode()) for name, value in pairs])


NAMES = [name.decode() for name in PAREA_HEADERS]


@pytest.mark.parametrize("value", ["Bearer k", "bearer k", "Api-Key k", "api-key  k", "k", "  k  "])
def test_every_form_of_authorization_is_read(value: str) -> None:
    assert presented_key(headers(("authorization", value)), RESPAN_HEADERS) == "k"


@pytest.mark.parametrize("value", ["Basic k", "Bearer a b", "Bearer a, Bearer b", "Token k"])
def test_any_other_authorization_is_refused(value: str) -> None:
    with pytest.raises(Unauthenticated):
        presented_key(headers(("authorization", value)), RESPAN_HEADERS)


@pytest.mark.parametrize("order", [PAREA_HEADERS, RESPAN_HEADERS])
@given(given_headers=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["", " ", "a", "b"])))
def test_the_first_header_that_is_not_empty_decides(order: tuple[bytes, ...], given_headers: dict[str, str]) -> None:
    expected = [key for name in order if (key := given_headers.get(name.decode(), "").strip())]
    if expected:
        assert presented_key(headers(*given_headers.items()), order) == expected[0]
    else:
        with pytest.raises(Unauthenticated):
            presented_key(headers(*given_headers.items()), order)


def test_authorization_sent_twice_is_refused() -> None:
    twice = headers(("authorization", "Bearer k"), ("authorization", "Bearer k"))
    with pytest.raises(Unauthenticated):
        presented_key(twice, RESPAN_HEADERS)


class Lookups:
    """Counts look-ups of the keys that exist."""

    def __init__(self, **infos: KeyInfo) -> None:
        self.infos = infos
        self.count = 0
        self.fault: Exception | None = None

    async def __call__(self, key: str) -> KeyInfo | None:
        self.count += 1
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        return self.infos.get(key)


@pytest.mark.parametrize("key", ["good", "bad"])
async def test_a_key_is_looked_up_once_while_it_is_remembered(key: str) -> None:
    lookups = Lookups(good=INFO)
    cache = KeyCache(lookups)
    infos = await asyncio.gather(*(cache.find(key) for _ in range(50)))
    infos.append(await cache.find(key))
    assert set(infos) == {INFO if key == "good" else None}
    assert lookups.count == 1


async def test_what_is_remembered_expires() -> None:
    lookups = Lookups(good=INFO)
    cache = KeyCache(lookups, lifetime_s=0.01)
    assert await cache.find("good") == INFO
    assert await cache.find("new") is None
    lookups.infos = {"new": INFO}
    await asyncio.sleep(0.02)
    assert await cache.find("good") is None
    assert await cache.find("new") == INFO


async def test_a_flood_of_unknown_keys_is_bounded_and_displaces_no_good_one() -> None:
    lookups = Lookups(good=INFO)
    cache = KeyCache(lookups, lifetime_s=60, max_entries=10)
    await cache.find("good")
    for number in range(100):
        await cache.find(f"guess {number}")
    assert len(cache._unknown) == 10
    before = lookups.count
    assert await cache.find("good") == INFO
    assert lookups.count == before


async def test_an_outage_is_told_and_not_remembered() -> None:
    lookups = Lookups(good=INFO)
    cache = KeyCache(lookups)
    lookups.fault = Unavailable("the database is away")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await cache.find("good")
    lookups.fault = None
    assert await cache.find("good") == INFO


async def test_a_client_that_hangs_up_fails_no_other() -> None:
    cache = KeyCache(Lookups(good=INFO))
    first, second = (asyncio.create_task(cache.find("good")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == INFO


async def test_a_good_key_elsewhere_does_not_mend_a_bad_one(client: httpx.AsyncClient) -> None:
    good = client.headers["authorization"].removeprefix("Bearer ")
    for path, first, second in ((STATS, "x-api-key", "authorization"), (SUMMARY, "authorization", "x-api-key")):
        assert (await same_app(client, {first: "bad", second: good}).get(path)).status_code == 401
        assert (await same_app(client, {first: good, second: "bad"}).get(path)).status_code == 404


async def test_every_header_lets_in_on_every_path(client: httpx.AsyncClient) -> None:
    good = client.headers["authorization"].removeprefix("Bearer ")
    for name in ("authorization", "x-api-key", "x-user-id"):
        for path in (STATS, SUMMARY):
            assert (await same_app(client, {name: good}).get(path)).status_code == 404


async def test_without_a_key_the_body_is_not_looked_at(anonymous: httpx.AsyncClient) -> None:
    unread = {"content-encoding": "br", "content-length": str(10**9)}
    for path in ("/api/parea/v1/trace_log", "/api/v2/traces", SUMMARY):
        answer = await anonymous.post(path, content=b"{broken", headers=unread)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_revoked_key_stops_within_a_second(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    assert (await client.get(STATS)).status_code == 404
    await keys.revoke(Database(engine), (await keys.list_keys(Database(engine)))[0].id)
    await asyncio.sleep(1.05)
    assert (await client.get(STATS)).status_code == 401


@pytest.mark.parametrize(("scope", "reads", "writes"), [("all", 404, 422), ("read", 404, 403), ("ingest", 403, 422)])
async def test_a_scope_is_all_that_a_key_may_do(make_client: MakeClient, scope: str, reads: int, writes: int) -> None:
    client = await make_client(scope=scope)
    assert (await client.get(STATS)).status_code == reads
    assert (await client.get(SUMMARY)).status_code == reads
    assert (await client.post(SUMMARY, json={})).status_code == reads
    assert (await client.post("/api/parea/v1/trace_log", json={})).status_code == writes
    assert (await client.post("/api/parea/v1/experiment", json={})).status_code == writes
    assert (await client.post("/api/v2/traces", json=[])).status_code == (400 if writes == 422 else 403)


@pytest.mark.parametrize(("scope", "status"), [("all", (200, 404)), ("read", (403, 403)), ("ingest", (403, 403))])
async def test_only_a_key_that_may_do_all_erases_traces_and_experiments(
    make_client: MakeClient, scope: str, status: tuple[int, int]
) -> None:
    client = await make_client(scope=scope)
    answers = [await client.delete(path) for path in ("/api/traces/t/", "/api/v2/experiments/none/")]
    assert tuple(answer.status_code for answer in answers) == status
    if status[0] == 403:
        assert all("may not erase" in answer.text for answer in answers)


@pytest.mark.parametrize("value", ["Bearer%20{}", "bearer%20{}", " Api-Key%20%20{}"])
async def test_a_blank_that_is_still_encoded_is_explained(
    anonymous: httpx.AsyncClient, client: httpx.AsyncClient, value: str
) -> None:
    key = client.headers["Authorization"].removeprefix("Bearer ")
    answer = await anonymous.post("/v1/traces", json={}, headers={"Authorization": value.format(key)})
    assert answer.status_code == 401
    assert "%20" in answer.json()["message"]
    assert "OTEL_EXPORTER_OTLP_HEADERS" in answer.json()["message"]
    assert key not in answer.text
