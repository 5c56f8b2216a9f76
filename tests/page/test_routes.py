import httpx
import pytest

from ..api.conftest import MakeClient
from .conftest import unsigned

pytestmark = pytest.mark.anyio

_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "trusted-types 'none'",
    "frame-ancestors 'none'",
)


@pytest.mark.parametrize("path", ["/ui/sign-in", "/ui/no/such/page", "/ui/"])
async def test_every_page_forbids_what_it_does_not_serve(visitor: httpx.AsyncClient, path: str) -> None:
    headers = (await visitor.get(path)).headers
    assert all(part in headers["content-security-policy"] for part in _POLICY)
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/ui/run", 405),
        ("DELETE", "/ui/", 405),
        ("OPTIONS", "/ui/sign-in", 405),
        ("POST", "/ui/no/such/page", 405),
        ("GET", "/ui/static/nothing.js", 404),
        ("GET", "/ui/static/%2e%2e/%2e%2e/secret", 404),
        ("POST", "/ui/static/style.css", 405),
        ("GET", "/docs/static/nothing.js", 404),
        ("POST", "/ui/sign-in", 401),
        ("POST", "/ui/sign-out", 303),
        ("GET", "/ui/run?id=%00", 303),
    ],
)
async def test_what_is_refused_has_the_same_policy(
    visitor: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await visitor.request(method, path)
    assert answer.status_code == status
    assert all(part in answer.headers["content-security-policy"] for part in _POLICY)
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_root_leads_browsers_to_the_page_and_is_nothing_to_others(client: httpx.AsyncClient) -> None:
    leads = await client.get("/", headers={"accept": "text/html,application/xhtml+xml"})
    assert (leads.status_code, leads.headers["location"]) == (303, "/ui/")
    other = await client.get("/")
    assert other.status_code == 404
    assert "/ui/" in other.json()["error"]


async def test_links_begin_with_the_path_that_a_proxy_adds(make_client: MakeClient) -> None:
    visitor = unsigned(await make_client(root_path="/stats"))
    form = (await visitor.get("/ui/sign-in")).text
    assert 'href="/stats/ui/static/style.css' in form
    assert 'action="/stats/ui/sign-in"' in form
    assert (await visitor.get("/")).headers["location"] == "/stats/ui/"
    signed_out = (await visitor.get("/ui/run?id=x")).headers["location"]
    assert signed_out == "/stats/ui/sign-in?next=%2Fstats%2Fui%2Frun%3Fid%3Dx"
    assert (await visitor.get("/stats/ui/run?id=x")).headers["location"] == signed_out


async def test_a_page_that_is_turned_off_is_not_there(make_client: MakeClient) -> None:
    visitor = unsigned(await make_client(ui=False))
    assert (await visitor.get("/ui/sign-in")).status_code == 404
    assert (await visitor.get("/")).status_code == 404
    assert (await visitor.get("/docs")).status_code == 200


async def test_the_reference_names_no_other_machine(visitor: httpx.AsyncClient) -> None:
    html = (await visitor.get("/docs")).text
    assert "://" not in html
    for path in ("/docs/static/swagger-ui-bundle.js", "/docs/static/swagger-ui.css", "/ui/static/reference.js"):
        assert path in html
        assert (await visitor.get(path)).status_code == 200
