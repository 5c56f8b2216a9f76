"""What settings change in the application as a whole."""

import asyncio
from contextlib import suppress

import httpx
import pytest

from spanstats.store.background import meanwhile

from .conftest import MakeClient

pytestmark = pytest.mark.anyio

SUMMARY = "/api/v2/experiments/e/logs/summary/"
PREFLIGHT = {"origin": "https://page.example", "access-control-request-method": "POST"}


async def test_pages_of_the_named_origins_may_call(make_client: MakeClient) -> None:
    client = await make_client(cors_origins=("https://page.example",))
    allowed = await client.options(SUMMARY, headers=PREFLIGHT)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://page.example"
    other = await client.options(SUMMARY, headers={**PREFLIGHT, "origin": "https://other.example"})
    assert "access-control-allow-origin" not in other.headers


async def test_no_page_may_call_unless_it_is_named(client: httpx.AsyncClient) -> None:
    assert (await client.options(SUMMARY, headers=PREFLIGHT)).status_code == 405


async def test_below_a_root_path_everything_is_found_and_errors_keep_their_dialect(make_client: MakeClient) -> None:
    client = await make_client(root_path="/spanstats")
    for prefix in ("/spanstats", ""):
        assert (await client.get(f"{prefix}/healthz")).status_code == 200
        assert (await client.get(prefix + SUMMARY)).json()["error"] == "Experiment not found"
        assert (await client.get(f"{prefix}/api/parea/v1/nowhere")).json() == {"detail": "Not Found"}
        assert (await client.get(f"{prefix}/api/v1/traces")).headers["allow"] == "POST"
    assert (await client.get("/openapi.json")).json()["servers"] == [{"url": "/spanstats"}]


async def test_background_work_that_takes_a_cancellation_for_its_own_ends_all_the_same() -> None:
    async def deaf() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    async with asyncio.timeout(10), meanwhile(deaf()):
        await asyncio.sleep(0)
