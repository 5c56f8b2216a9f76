import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from spanstats import serve
from spanstats.api.authentication import KeyCache
from spanstats.catalog import keys
from spanstats.errors import TooMany, Unavailable
from spanstats.page.attempts import Attempts, holder_of
from spanstats.settings import Settings, load
from spanstats.store.session import Database

from ..api.conftest import MakeClient
from .conftest import parsed, sign_in, unsigned

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def forgotten_failures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("spanstats.page.screens.sign_in._attempts", Attempts())
        yield


async def test_a_valid_key_is_kept_in_a_cookie_that_scripts_and_other_sites_do_not_see(
    visitor: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    answer = await sign_in(visitor, await keys.create(Database(engine), "page", "default"))
    assert answer.status_code == 303
    assert answer.headers["location"] == "/ui/"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/ui" in cookie
    assert "Secure" not in cookie


async def test_over_https_the_cookie_is_sent_over_https_only(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    key = await keys.create(Database(engine), "page", "default")
    secure = httpx.AsyncClient(transport=client._transport, base_url="https://test")
    assert "Secure" in (await sign_in(secure, key)).headers["set-cookie"]


async def test_a_wrong_key_gets_no_cookie_and_is_not_repeated(visitor: httpx.AsyncClient) -> None:
    answer = await sign_in(visitor, "wrong-key-<b>")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "wrong-key" not in answer.text
    assert "not valid" in answer.text


ELSEWHERE = [
    "//evil.example/",
    "https://evil.example/ui/",
    "/\\evil.example",
    "/ui/../../evil",
    "\t//evil.example",
    "/docs",
    "/ui/\r\nx: y",
    "https:evil.example",
    "/%2fevil.example",
    "%2f%2fevil.example",
    "\\\\evil.example",
    "/ui\\@evil.example",
    " //evil.example",
    "javascript:alert(1)",
    "/ui/\u2028//evil.example",
    "//evil.example/ui/",
    "http://test@evil.example/ui/",
    "",
]


async def test_a_sign_in_leads_nowhere_else(visitor: httpx.AsyncClient, engine: AsyncEngine) -> None:
    key = await keys.create(Database(engine), "page", "default")
    for target in ELSEWHERE:
        visitor.cookies.clear()
        answer = await visitor.post("/ui/sign-in", data={"key": key, "next": target})
        location = answer.headers["location"]
        assert location.startswith("/ui/"), target
        assert "evil.example" not in location
        assert not set(location) & set("\r\n\\")


async def test_a_sign_in_leads_back_to_where_it_was_asked_for(visitor: httpx.AsyncClient, engine: AsyncEngine) -> None:
    key = await keys.create(Database(engine), "page", "default")
    answer = await visitor.post("/ui/sign-in", data={"key": key, "next": "/ui/compare?base=a&candidate=b"})
    assert answer.headers["location"] == "/ui/compare?base=a&candidate=b"


async def test_another_site_cannot_sign_somebody_in(visitor: httpx.AsyncClient, engine: AsyncEngine) -> None:
    key = await keys.create(Database(engine), "page", "default")
    answer = await visitor.post("/ui/sign-in", data={"key": key}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_a_key_that_may_not_read_is_told_once_what_to_do(visitor: httpx.AsyncClient, engine: AsyncEngine) -> None:
    await sign_in(visitor, await keys.create(Database(engine), "writer", "default", scope="ingest"))
    visitor.cookies.set(
        "spanstats_key", await keys.create(Database(engine), "w2", "default", scope="ingest"), path="/ui"
    )
    answer = await visitor.get("/ui/")
    assert answer.status_code == 403
    text = " ".join("".join(parsed(answer.text).find(".//main").itertext()).split())
    assert text == "This API key may not read Sign out, and sign in with a key of scope read or all. All runs"


async def test_sign_out_deletes_the_cookie(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/ui/sign-out")
    assert answer.status_code == 303
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert "spanstats_key" not in browser.cookies


async def test_a_large_form_is_refused(visitor: httpx.AsyncClient) -> None:
    assert (await visitor.post("/ui/sign-in", data={"key": "x" * 10_000})).status_code == 403


async def test_wrong_keys_are_counted_by_address(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    visitor = unsigned(client)
    statuses = [(await sign_in(visitor, f"guess-{n}")).status_code for n in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    blocked = await sign_in(visitor, await keys.create(Database(engine), "page", "default"))
    assert blocked.status_code == 429
    assert int(blocked.headers["retry-after"]) >= 1


async def test_while_the_database_is_away_a_page_says_so_and_no_attempt_is_counted(
    visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("the database is away", retry_after_s=3)

    monkeypatch.setattr(KeyCache, "find", away)
    for _ in range(12):
        answer = await sign_in(visitor, "a-key")
        assert answer.status_code == 503
    assert answer.headers["retry-after"] == "3"
    assert "The database is away" in "".join(parsed(answer.text).itertext())
    visitor.cookies.set("spanstats_key", "a-key", path="/ui")
    screen = await visitor.get("/ui/run?id=base&by=name")
    assert (screen.status_code, screen.headers["retry-after"]) == (503, "3")
    html = parsed(screen.text)
    assert "The database is away" in "".join(html.itertext())
    assert html.find(".//a[@class='button main']").get("href") == "/ui/run?id=base&by=name"
    assert "set-cookie" not in screen.headers


async def test_a_fault_is_a_page_that_tells_nothing_of_it(
    browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("spanstats.page.screens.runs._query", broken)
    answer = await browser.get("/ui/")
    assert answer.status_code == 500
    assert "could not be shown" in "".join(parsed(answer.text).itertext())
    assert "secret" not in answer.text


def test_wrong_keys_are_forgotten_after_their_period() -> None:
    now = [0.0]
    attempts = Attempts(2, 60, lambda: now[0])
    attempts.begin("10.0.0.1", "one")
    attempts.begin("10.0.0.1", "two")
    attempts.begin("10.0.0.2", "three")
    with pytest.raises(TooMany):
        attempts.begin("10.0.0.1", "three")
    now[0] = 61
    attempts.begin("10.0.0.1", "three")


def test_a_wrong_key_that_is_tried_again_is_no_further_guess() -> None:
    now = [0.0]
    attempts = Attempts(2, 60, lambda: now[0])
    for _ in range(5):
        attempts.begin("10.0.0.1", "mistyped")
        now[0] += 10
    attempts.begin("10.0.0.1", "another")
    with pytest.raises(TooMany) as refused:
        attempts.begin("10.0.0.1", "third")
    assert refused.value.retry_after_s == 10
    assert "mistyped" not in repr(vars(attempts))


def test_a_key_that_was_not_wrong_does_not_count() -> None:
    attempts = Attempts(2)
    for n in range(5):
        attempts.begin("10.0.0.1", f"right-{n}")
        attempts.forget("10.0.0.1", f"right-{n}")
    attempts.forget("10.0.0.9", "never tried")


async def test_wrong_keys_that_are_tried_at_once_are_counted_too(client: httpx.AsyncClient) -> None:
    visitor = unsigned(client)
    answers = await asyncio.gather(*(sign_in(visitor, f"guess-{n}") for n in range(30)))
    assert Counter(answer.status_code for answer in answers) == {401: 10, 429: 20}


async def test_a_proxys_client_is_counted_and_not_the_proxy(make_client: MakeClient, engine: AsyncEngine) -> None:
    client = await make_client()
    behind = ProxyHeadersMiddleware(client._transport.app, list(load().trusted_proxies))  # type: ignore[attr-defined]
    visitor = httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, behind)), base_url="http://test")
    for n in range(11):
        answer = await visitor.post("/ui/sign-in", data={"key": f"k-{n}"}, headers={"x-forwarded-for": "192.0.2.1"})
    assert answer.status_code == 429
    other = await visitor.post("/ui/sign-in", data={"key": "k"}, headers={"x-forwarded-for": "192.0.2.2"})
    assert other.status_code == 401


@pytest.mark.parametrize(
    ("address", "holder"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("", ""),
        ("testclient", ""),
    ],
)
def test_all_addresses_of_one_network_are_one_holder(address: str, holder: str) -> None:
    assert holder_of(address) == holder


async def test_the_form_is_labelled_and_valid(visitor: httpx.AsyncClient) -> None:
    tree = parsed((await visitor.get("/ui/sign-in", params={"reason": "key"})).text)
    labelled = {label.get("for") for label in tree.iter("label")}
    inputs = [i for i in tree.iter("input") if i.get("type") != "hidden"]
    assert {i.get("id") for i in inputs} == labelled == {"key"}


@pytest.mark.parametrize(
    ("proxies", "trusted"), [(("10.0.0.0/8",), ["10.0.0.0/8"]), (("*",), "*"), ((), []), (None, ["127.0.0.1", "::1"])]
)
def test_the_server_trusts_the_proxies_that_are_named(
    monkeypatch: pytest.MonkeyPatch, proxies: tuple[str, ...] | None, trusted: object
) -> None:
    class Configured(Exception):
        pass

    def config(*_: object, **options: object) -> None:
        assert options["forwarded_allow_ips"] == trusted
        raise Configured

    monkeypatch.setattr("uvicorn.Config", config)
    settings = Settings() if proxies is None else Settings(trusted_proxies=proxies)
    with socket.socket() as listener, pytest.raises(Configured):
        serve._serve(listener, settings)
