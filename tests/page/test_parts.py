"""Pages that are sent while their parts arrive."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import Request
from fastapi.responses import StreamingResponse
from jinja2 import DictLoader

from spanstats.page import parts as parts_module
from spanstats.page import streaming
from spanstats.page.calls import Call, Refused
from spanstats.page.parts import Part, Parts, part
from spanstats.page.render import ENVIRONMENT
from spanstats.page.streaming import page_of_parts

pytestmark = pytest.mark.anyio

FAST, SLOW = Call("/fast"), Call("/slow")


@pytest.fixture
async def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, asyncio.Future[Any]]:
    """What each call of the interface answers, once the test says so."""
    loop = asyncio.get_running_loop()
    futures = {call.path: loop.create_future() for call in (FAST, SLOW)}

    async def ask_all(_request: object, _key: str, *calls: Call) -> list[Any]:
        return [await asyncio.shield(futures[call.path]) for call in calls]

    monkeypatch.setattr(parts_module, "ask_all", ask_all)
    monkeypatch.setattr(parts_module, "PATIENCE_S", 0)
    templates = {
        "test.html": "begin{{ wait('fast') }} {{ parts.fast }}{{ wait('slow') }} {{ parts.slow }} "
        "{{ calls_made() | map(attribute='path') | join(',') }}",
        "missing_part.html": "missing: {{ message }}: {{ advice }}",
    }
    monkeypatch.setattr(streaming, "ENVIRONMENT", ENVIRONMENT.overlay(loader=DictLoader(templates)))
    return futures


def asked() -> Request:
    return Request(
        {"type": "http", "path": "/", "headers": [], "query_string": b"", "server": ("test", 80), "scheme": "http"}
    )


def both() -> Parts:
    return Parts(asked(), "", {"fast": part(FAST, str), "slow": Part(lambda _: [SLOW], str, after="fast")})


async def fragments_of(response: StreamingResponse) -> AsyncIterator[str]:
    async for fragment in response.body_iterator:
        yield str(fragment)


async def test_what_comes_before_a_slow_part_is_sent_before_it(answers: dict[str, asyncio.Future[Any]]) -> None:
    answers["/fast"].set_result("<1>")
    response = await page_of_parts(asked(), "test.html", both())
    assert isinstance(response, StreamingResponse)
    fragments = fragments_of(response)
    first = await anext(fragments)
    assert first.startswith("begin")
    assert "Still reading" in first
    assert not answers["/slow"].done()
    answers["/slow"].set_result("2")
    rest = "".join([fragment async for fragment in fragments])
    # An element follows what says that the page waits, which the stylesheet hides then.
    assert re.fullmatch(
        r"begin( &lt;1&gt;)?<p class=.waiting.*</p><span hidden></span>( &lt;1&gt;)? 2 /fast,/slow", first + rest
    )


async def test_a_part_that_is_refused_late_is_named_where_it_would_be(
    answers: dict[str, asyncio.Future[Any]],
) -> None:
    answers["/fast"].set_result("1")
    fragments = fragments_of(await page_of_parts(asked(), "test.html", both()))  # type: ignore[arg-type]
    await anext(fragments)
    answers["/slow"].set_exception(Refused(SLOW, 503, "the <database> is away"))
    assert "missing: the &lt;database&gt; is away: narrow it" in "".join([fragment async for fragment in fragments])


async def test_a_part_that_cannot_be_shown_does_not_break_the_rest_of_the_page(
    answers: dict[str, asyncio.Future[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    parts = Parts(asked(), "", {"fast": part(FAST, str), "slow": part(SLOW, lambda answer: answer["lacking"])})
    answers["/fast"].set_result("1")
    fragments = fragments_of(await page_of_parts(asked(), "test.html", parts))  # type: ignore[arg-type]
    await anext(fragments)
    answers["/slow"].set_result({"secret": 1})
    rest = "".join([fragment async for fragment in fragments])
    assert "missing: the log of the service says why: narrow it" in rest
    assert rest.endswith("/fast,/slow")
    assert "KeyError" in caplog.text


async def test_what_comes_late_is_made_beside_the_event_loop(answers: dict[str, asyncio.Future[Any]]) -> None:
    threads: list[int] = []

    def shown(answer: str) -> str:
        threads.append(threading.get_ident())
        return answer

    parts = Parts(asked(), "", {"fast": part(FAST, shown), "slow": part(SLOW, shown)})
    answers["/fast"].set_result("1")
    await asyncio.sleep(0.01)
    fragments = fragments_of(await page_of_parts(asked(), "test.html", parts))  # type: ignore[arg-type]
    answers["/slow"].set_result("2")
    assert "2" in "".join([fragment async for fragment in fragments])
    assert threads[0] == threading.get_ident()
    assert threads[1] != threading.get_ident()


async def test_other_parts_are_asked_for_once_the_essential_ones_are_there(
    answers: dict[str, asyncio.Future[Any]],
) -> None:
    parts = Parts(asked(), "", {"slow": part(SLOW, str), "fast": part(FAST, str, is_essential=True)})
    await asyncio.sleep(0.01)
    assert parts.calls == [FAST]
    answers["/fast"].set_result("1")
    await parts.wait()
    await asyncio.sleep(0.01)
    assert parts.calls == [SLOW, FAST]
    assert not parts.is_there("slow")
    await parts.close()


async def test_a_part_that_is_refused_soon_refuses_the_page(
    answers: dict[str, asyncio.Future[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts_module, "PATIENCE_S", 10)
    answers["/fast"].set_exception(Refused(FAST, 400, "no such field"))
    with pytest.raises(Refused, match="no such field"):
        await page_of_parts(asked(), "test.html", both())


@pytest.mark.parametrize("is_essential", [False, True])
async def test_a_part_without_an_answer_for_now_is_left_out_unless_it_is_essential(
    answers: dict[str, asyncio.Future[Any]], monkeypatch: pytest.MonkeyPatch, is_essential: bool
) -> None:
    monkeypatch.setattr(parts_module, "PATIENCE_S", 10)
    answers["/fast"].set_exception(Refused(FAST, 503, "it needs too much memory"))
    answers["/slow"].set_result("2")
    parts = Parts(asked(), "", {"fast": part(FAST, str, is_essential=is_essential), "slow": part(SLOW, str)})
    if is_essential:
        with pytest.raises(Refused, match="memory"):
            await page_of_parts(asked(), "test.html", parts)
        return
    page = await page_of_parts(asked(), "test.html", parts)
    html = (
        bytes(page.body).decode()
        if not isinstance(page, StreamingResponse)
        else "".join([p async for p in fragments_of(page)])
    )
    assert "missing: it needs too much memory: narrow it" in html
    assert html.endswith("2 /fast,/slow")


async def test_without_an_essential_part_there_is_no_page_however_late_it_is_refused(
    answers: dict[str, asyncio.Future[Any]],
) -> None:
    answers["/fast"].set_result("1")
    parts = Parts(asked(), "", {"fast": part(FAST, str), "slow": part(SLOW, str, is_essential=True)})
    page = asyncio.create_task(page_of_parts(asked(), "test.html", parts))
    await asyncio.sleep(0.05)
    assert not page.done()
    answers["/slow"].set_exception(Refused(SLOW, 404, "no such trace"))
    with pytest.raises(Refused, match="no such trace"):
        await page


async def test_a_browser_that_leaves_gives_up_what_is_asked_for(answers: dict[str, asyncio.Future[Any]]) -> None:
    answers["/fast"].set_result("1")
    parts = both()
    response = await page_of_parts(asked(), "test.html", parts)
    fragments = response.body_iterator  # type: ignore[attr-defined]
    await anext(fragments)
    await fragments.aclose()
    assert all(task.done() for task in parts._tasks.values())


async def test_a_text_that_looks_like_a_wait_is_shown(answers: dict[str, asyncio.Future[Any]]) -> None:
    answers["/fast"].set_result(text := f"\0{'0' * 32}:slow")
    answers["/slow"].set_result("2")
    parts = both()
    await asyncio.sleep(0.01)
    response = await page_of_parts(asked(), "test.html", parts)
    assert bytes(response.body).decode() == f"begin {text} 2 /fast,/slow".replace("\0", "\ufffd")
