"""The page in Chromium: no violation of accessibility or policy, all by keyboard, all without JavaScript."""

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from ..services import Service, environment_in, starting
from . import world

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium is installed: the page was not tried in a browser"
)

if TYPE_CHECKING:
    from playwright import sync_api
else:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
Axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe

KEY = "page-key-0123456789abcdef"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
SCREENSHOTS = os.environ.get("SPANSTATS_SCREENSHOTS")
"""A folder that screenshots of every screen are put into, if one is named."""

SCREENS = {
    "sign-in": "/ui/sign-in",
    "runs": "/ui/",
    "run": "/ui/run?id=base",
    "compare": "/ui/compare?base=base&candidate=candidate&measure=scores.correct&show=improved",
    "item": "the first item of the comparison",
    "trace": "/ui/trace?run=base&id=base-9",
    "odd run": f"/ui/run?{urlencode({'id': world.HOSTILE})}",
    "odd trace": f"/ui/trace?{urlencode({'run': world.HOSTILE, 'id': 'odd-2'})}",
    "long names": f"/ui/run?{urlencode({'id': world.LONG})}",
    "one row": "/ui/run?id=one",
    "one against many": f"/ui/compare?{urlencode({'base': 'base', 'candidate': world.LONG})}&candidate=one",
    "no match": "/ui/run?id=base&f=model&op=%3D&v=none&f=latency&op=gt&v=0",
    "no run matches": "/ui/?search=nothing-is-called-so",
    "one run alone": "/ui/compare?base=base",
}
FAILING = {
    "no run": ("/ui/run?id=nobody", "Not found"),
    "wrong filter": ("/ui/run?id=base&f=no_such_field&op=%3D&v=1", "no_such_field"),
    "wrong margin": ("/ui/compare?base=base&candidate=candidate&measure=cost&margin=much", "margins"),
}
"""What the interface refuses, and what the page says of it."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A real service with two runs that differ."""
    place = tmp_path_factory.mktemp("page")
    with starting(place, environment_in(place) | {"SPANSTATS_API_KEY": KEY}) as begin:
        service = begin()
        service.wait_for("/readyz", 200)
        for run, quality, cost in (("base", 0.5, 0.001), ("candidate", 0.95, 0.002)):
            post(service, "/api/v1/traces/ingest", list(world.traces(run, quality, cost)))
            for trace_id, score in world.scores(run, quality):
                post(service, f"/api/logs/{trace_id}/scores/", score)
        for spans in (world.odd_spans(), world.long_names(), list(world.traces("one", 1, 0.001, 1))):
            post(service, "/api/v1/traces/ingest", spans)
        yield service


def post(service: Service, path: str, body: object) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{service.port}{path}",
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {KEY}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status < 300


@pytest.fixture(scope="module")
def chromium() -> Iterator["sync_api.Browser"]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """A signed-in tab; whatever its console complains of is kept."""

    def __init__(self, service: Service, chromium: "sync_api.Browser", **options: Any) -> None:
        self.url = f"http://127.0.0.1:{service.port}"
        self.context = chromium.new_context(**options)
        self.tab = self.context.new_page()
        self.complaints: list[str] = []
        self.tab.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("requestfailed", self._complain)
        self.tab.goto(f"{self.url}/")
        self.tab.fill("#key", KEY)
        self.tab.press("#key", "Enter")
        self.tab.wait_for_url("**/ui/")

    def _complain(self, request: "sync_api.Request") -> None:
        # What a page still loads when the next one is opened is given up by the browser.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url}: {request.failure}")

    def open(self, path: str) -> None:
        answer = self.tab.goto(self.url + path)
        assert answer is not None
        assert answer.status == 200

    def check(self, name: str, scheme: str, width: int) -> None:
        """No violation of accessibility, and nothing wider than the screen."""
        found = Axe().run(self.tab)
        assert found.violations_count == 0, f"{name} {scheme} {width}: {found.generate_report()}"
        assert self.tab.evaluate("document.documentElement.scrollWidth") <= width, name
        if SCREENSHOTS:
            file = f"{name.replace(' ', '-')}-{scheme}-{width}.png"
            self.tab.screenshot(path=str(Path(SCREENSHOTS) / file), full_page=True)

    @property
    def layout_shift(self) -> float:
        """By how much what was there has moved: https://web.dev/articles/cls, without a window of time."""
        return float(self.tab.evaluate(_SHIFT))


_SHIFT = """() => new Promise((resolve) => {
  let sum = 0;
  new PerformanceObserver((list) => { for (const shift of list.getEntries()) sum += shift.value; })
    .observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => setTimeout(() => resolve(sum), 100));
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_every_screen_is_accessible_quiet_and_fits(
    service: Service, chromium: "sync_api.Browser", scheme: str, width: int
) -> None:
    visit = Visit(service, chromium, color_scheme=scheme, viewport={"width": width, "height": 900})
    for name, path in SCREENS.items():
        if name == "item":
            visit.tab.click("a[href^='/ui/item']")
        else:
            visit.open(path)
        visit.check(name, scheme, width)
    assert visit.complaints == []
    for name, (path, said) in FAILING.items():
        visit.tab.goto(visit.url + path)
        assert said in visit.tab.inner_text("main")
        visit.check(name, scheme, width)
    visit.context.close()


@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_moves_while_a_page_arrives_slowly(service: Service, chromium: "sync_api.Browser", width: int) -> None:
    visit = Visit(service, chromium, viewport={"width": width, "height": 900})
    network = visit.context.new_cdp_session(visit.tab)
    slow = {"offline": False, "latency": 20, "downloadThroughput": 20_000, "uploadThroughput": 20_000}
    network.send("Network.emulateNetworkConditions", slow)
    for path in ("/ui/", "/ui/run?id=base", "/ui/compare?base=base&candidate=candidate"):
        visit.open(path)
        assert visit.layout_shift == 0, path
    visit.context.close()


def test_a_new_service_says_how_to_begin_and_what_became_of_a_key(
    tmp_path_factory: pytest.TempPathFactory, chromium: "sync_api.Browser"
) -> None:
    place = tmp_path_factory.mktemp("new")
    with starting(place, environment_in(place) | {"SPANSTATS_API_KEY": KEY}) as begin:
        service = begin()
        service.wait_for("/readyz", 200)
        visit = Visit(service, chromium)
        assert f"PAREA_BASE_URL=http://127.0.0.1:{service.port}/api/parea/v1" in visit.tab.inner_text("main")
        assert visit.layout_shift == 0
        visit.check("no runs", "light", 1280)
        cookie = {"name": "spanstats_key", "value": "revoked", "domain": "127.0.0.1", "path": "/ui"}
        visit.context.add_cookies([cookie])  # type: ignore[list-item]
        visit.open("/ui/")
        assert "was revoked" in visit.tab.inner_text("[role=alert]")
        visit.check("key refused", "light", 1280)
        assert visit.complaints == []
        visit.context.close()


def test_a_comparison_is_reached_by_the_keyboard_alone(service: Service, chromium: "sync_api.Browser") -> None:
    visit = Visit(service, chromium)
    tab = visit.tab
    for run in ("candidate", "base"):
        _press_until(tab, f"document.activeElement.value === '{run}' && document.activeElement.type === 'checkbox'")
        tab.keyboard.press("Space")
    _press_until(tab, "document.activeElement.matches('button[data-count]')")
    assert tab.inner_text("button[data-count]") == "Compare 2 runs"
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/ui/compare?**")
    assert "Is candidate better than base?" in " ".join(tab.inner_text("h1").split())
    _press_until(tab, "document.activeElement.textContent.trim() === 'correct'")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**measure=scores.correct**")
    assert "improved" in tab.inner_text("main")
    assert visit.complaints == []
    visit.context.close()


def _press_until(tab: "sync_api.Page", condition: str, most: int = 80) -> None:
    for _ in range(most):
        tab.keyboard.press("Tab")
        if tab.evaluate(condition):
            return
    raise AssertionError(f"{most} times Tab never led to {condition}")


def test_everything_answers_without_javascript(service: Service, chromium: "sync_api.Browser") -> None:
    visit = Visit(service, chromium, java_script_enabled=False)
    tab = visit.tab
    tab.check("input[value=base]")
    tab.check("input[value=candidate]")
    tab.click("button[data-count]")
    tab.wait_for_url("**/ui/compare?**")
    assert "correct" in tab.inner_text("main")
    visit.open("/ui/run?id=base")
    tab.click("details.filters > summary")
    tab.click("button[name=add]")
    tab.wait_for_url("**add=1**")
    tab.fill("#f0", "model")
    tab.fill("#v0", "gpt-4o")
    tab.click("button.main:has-text('Apply')")
    tab.wait_for_url("**f=model**")
    assert "30" in tab.inner_text("dl.tiles")
    visit.context.close()


def test_the_script_adds_and_removes_conditions_at_once(service: Service, chromium: "sync_api.Browser") -> None:
    visit = Visit(service, chromium)
    visit.open("/ui/run?id=base")
    tab = visit.tab
    tab.click("details.filters > summary")
    tab.click("button[name=add]")
    assert tab.locator("fieldset.condition").count() == 2
    assert tab.locator("#f1").count() == 1
    tab.click("button[name=drop] >> nth=1")
    assert tab.locator("fieldset.condition").count() == 1
    tab.fill("#f0", "model")
    tab.fill("#v0", "gpt-4o")
    tab.press("#v0", "Enter")
    tab.wait_for_url("**f=model**")
    assert tab.input_value("#v0") == "gpt-4o"
    assert visit.complaints == []
    visit.context.close()


def test_the_reference_is_shown_without_another_machine(service: Service, chromium: "sync_api.Browser") -> None:
    visit = Visit(service, chromium)
    asked: list[str] = []
    visit.tab.on("request", lambda request: asked.append(request.url))
    visit.open("/docs")
    visit.tab.wait_for_selector(".opblock", timeout=30_000)
    assert visit.tab.locator(".opblock").count() > 20
    assert all(url.startswith((visit.url, "data:")) for url in asked)
    assert visit.complaints == []
    visit.context.close()
