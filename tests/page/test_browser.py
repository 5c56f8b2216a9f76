"""The page in Chromium: no violation of accessibility or policy, all by keyboard, all without JavaScript."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

import httpx
import pytest

from ..prepared import prepare
from ..services import Service, environment_in, run, starting
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
WIDE, NARROW, HEIGHT = 1280, 360, 900
LOOKS: tuple[tuple[Literal["light", "dark"], int], ...] = (("light", WIDE), ("dark", NARROW))
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
    prepare(place / "data")
    with starting(place, environment_in(place) | {"SPANSTATS_API_KEY": KEY}) as begin:
        service = begin()
        service.wait_for("/readyz", 200)
        asyncio.run(_fill(service))
        yield service


@pytest.fixture(scope="module")
def empty_key(service: Service) -> str:
    """The key of a tenant that has sent nothing."""
    created = run(environment_in(service.place.parent), "keys", "create", "page", "--tenant", "empty")
    assert created.returncode == 0, created.stderr
    return created.stdout.strip()


async def _fill(service: Service) -> None:
    url, headers = f"http://127.0.0.1:{service.port}", {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
        await world.load(client)
        for spans in (world.long_names(), list(world.traces("one", 1, 0.001, 1))):
            await world.ingest(client, spans)


@pytest.fixture(scope="module")
def chromium() -> Iterator["sync_api.Browser"]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """A signed-in tab; whatever its console complains of is kept."""

    def __init__(self, service: Service, chromium: "sync_api.Browser", key: str = KEY, **options: Any) -> None:
        self.url = f"http://127.0.0.1:{service.port}"
        self.context = chromium.new_context(**options)
        self.tab = self.context.new_page()
        self.complaints: list[str] = []
        self.tab.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("requestfailed", self._complain)
        self.tab.goto(f"{self.url}/")
        self.tab.fill("#key", key)
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

    def check(self, name: str) -> None:
        """No violation of accessibility and nothing wider than the screen: a wide one in light, a narrow one in dark.

        Colours are those of the scheme, whatever the width.
        """
        for scheme, width in LOOKS:
            self.tab.emulate_media(color_scheme=scheme)
            self.tab.set_viewport_size({"width": width, "height": HEIGHT})
            # In the second the script of axe is there already.
            axe = Axe() if width == WIDE else Axe("0")
            result = axe.run(self.tab, options={"resultTypes": ["violations"]})
            assert result.violations_count == 0, f"{name} {scheme} {width}: {result.generate_report()}"
            assert self.tab.evaluate("document.documentElement.scrollWidth") <= width, name
            if SCREENSHOTS:
                file = f"{name.replace(' ', '-')}-{scheme}-{width}.png"
                self.tab.screenshot(path=str(Path(SCREENSHOTS) / file), full_page=True)

    @property
    def moved(self) -> list[str]:
        """What was there and has moved, and by how much: https://web.dev/articles/cls, without a window of time."""
        shifts: list[str] = self.tab.evaluate(_SHIFT)
        return shifts


_SHIFT = """() => new Promise((resolve) => {
  const moved = [];
  new PerformanceObserver((list) => {
    for (const shift of list.getEntries()) {
      // A number that ends a packet in its middle grows to the left: that is no row or column that moves.
      if (shift.value < 0.001) continue;
      for (const { node } of shift.sources) moved.push(`${shift.value}: ${node?.nodeName} ${node?.textContent}`);
    }
  }).observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => setTimeout(() => resolve(moved), 100));
})"""


def test_every_screen_is_accessible_quiet_and_fits(service: Service, chromium: "sync_api.Browser") -> None:
    visit = Visit(service, chromium)
    for name, path in SCREENS.items():
        if name == "item":
            visit.tab.click("a[href^='/ui/item']")
        else:
            visit.open(path)
        visit.check(name)
    assert visit.complaints == []
    for name, (path, message) in FAILING.items():
        visit.tab.goto(visit.url + path)
        assert message in visit.tab.inner_text("main")
        visit.check(name)
    visit.context.close()


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nothing_moves_while_a_page_arrives_slowly(service: Service, chromium: "sync_api.Browser", width: int) -> None:
    visit = Visit(service, chromium, viewport={"width": width, "height": HEIGHT})
    network = visit.context.new_cdp_session(visit.tab)
    slow = {"offline": False, "latency": 20, "downloadThroughput": 20_000, "uploadThroughput": 20_000}
    network.send("Network.emulateNetworkConditions", slow)
    several = f"/ui/compare?{urlencode({'base': 'base', 'candidate': world.LONG})}&candidate=candidate"
    for path in ("/ui/", "/ui/run?id=base", "/ui/compare?base=base&candidate=candidate", several):
        visit.open(path)
        assert visit.moved == [], path
    visit.context.close()


def test_a_new_service_says_how_to_begin_and_what_became_of_a_key(
    service: Service, empty_key: str, chromium: "sync_api.Browser"
) -> None:
    visit = Visit(service, chromium, key=empty_key, viewport={"width": WIDE, "height": HEIGHT})
    assert f"PAREA_BASE_URL=http://127.0.0.1:{service.port}/api/parea/v1" in visit.tab.inner_text("main")
    assert visit.moved == []
    visit.check("no runs")
    cookie = {"name": "spanstats_key", "value": "revoked", "domain": "127.0.0.1", "path": "/ui"}
    visit.context.add_cookies([cookie])  # type: ignore[list-item]
    visit.open("/ui/")
    assert "was revoked" in visit.tab.inner_text("[role=alert]")
    visit.check("key refused")
    assert visit.complaints == []
    visit.context.close()


def test_a_comparison_is_reached_by_the_keyboard_alone(service: Service, chromium: "sync_api.Browser") -> None:
    visit = Visit(service, chromium)
    tab = visit.tab
    for name in ("candidate", "base"):
        _press_until(tab, f"document.activeElement.value === '{name}' && document.activeElement.type === 'checkbox'")
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
    urls: list[str] = []
    visit.tab.on("request", lambda request: urls.append(request.url))
    visit.open("/docs")
    visit.tab.wait_for_selector(".opblock", timeout=30_000)
    assert visit.tab.locator(".opblock").count() > 20
    assert all(url.startswith((visit.url, "data:")) for url in urls)
    assert visit.complaints == []
    visit.context.close()
