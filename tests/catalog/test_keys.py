"""API keys: made, found, listed, revoked; never stored as they are."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.catalog import keys
from spanstats.errors import InvalidInput, NotFound

pytestmark = pytest.mark.anyio


async def test_a_key_leads_to_its_tenant_and_scope(engine: AsyncEngine) -> None:
    plain = await keys.create(engine, "ci", "acme", "read")
    other = await keys.create(engine, "ci", "acme")
    found, same = await keys.find(engine, plain), await keys.find(engine, other)
    assert found is not None
    assert same is not None
    assert (found.scope, same.scope) == ("read", "all")
    assert found.tenant_id == same.tenant_id
    assert found.key_id != same.key_id


async def test_tenants_differ(engine: AsyncEngine) -> None:
    found = [await keys.find(engine, await keys.create(engine, "k", tenant)) for tenant in ("a", "b")]
    assert len({key.tenant_id for key in found if key is not None}) == 2


async def test_keys_have_256_random_bits_and_never_repeat() -> None:
    made = {keys.generate() for _ in range(100)}
    assert len(made) == 100
    assert all(key.startswith("sps_") and len(key) == 4 + 43 for key in made)


async def test_the_key_itself_is_stored_nowhere(engine: AsyncEngine) -> None:
    plain = await keys.create(engine, "ci")
    async with engine.connect() as connection:
        stored = (await connection.execute(text("SELECT k::text, t::text FROM api_keys k, tenants t"))).all()
    assert len(stored) == 1
    assert plain not in str(stored)
    assert plain.encode().hex() not in str(stored)


@pytest.mark.parametrize("presented", ["", "sps_", "sps_wrong", "x" * 100_000, "\x00", "\ud800", "' OR true --"])
async def test_an_unknown_key_leads_nowhere(engine: AsyncEngine, presented: str) -> None:
    await keys.create(engine, "ci")
    assert await keys.find(engine, presented) is None


async def test_a_key_is_found_whole_not_in_part(engine: AsyncEngine) -> None:
    plain = await keys.create(engine, "ci")
    for near in (plain[:-1], plain + "x", plain.upper(), " " + plain):
        assert await keys.find(engine, near) is None


async def test_ensuring_a_key_again_changes_nothing(engine: AsyncEngine) -> None:
    await keys.ensure(engine, "my-own-key")
    before = await keys.find(engine, "my-own-key")
    await keys.ensure(engine, "my-own-key", "another tenant", "another name", "read")
    assert await keys.find(engine, "my-own-key") == before
    assert len(await keys.list_keys(engine)) == 1


async def test_a_revoked_key_is_dead_and_ensuring_it_does_not_wake_it(engine: AsyncEngine) -> None:
    plain = await keys.create(engine, "ci")
    kept = await keys.create(engine, "other")
    found = await keys.find(engine, plain)
    assert found is not None
    await keys.revoke(engine, found.key_id)
    await keys.ensure(engine, plain)
    assert await keys.find(engine, plain) is None
    assert await keys.find(engine, kept) is not None


async def test_revoking_again_keeps_the_first_time(engine: AsyncEngine) -> None:
    await keys.create(engine, "ci", "acme", "ingest")
    [made] = await keys.list_keys(engine)
    await keys.revoke(engine, made.id)
    [first] = await keys.list_keys(engine)
    await keys.revoke(engine, made.id)
    assert await keys.list_keys(engine) == [first]
    assert (first.tenant, first.name, first.scope, made.revoked_at) == ("acme", "ci", "ingest", None)
    assert first.revoked_at is not None
    assert first.revoked_at > first.created_at > 1_700_000_000_000_000


@pytest.mark.parametrize("key_id", [1, 0, -1, 2**31, 2**63])
async def test_a_key_that_is_not_there_cannot_be_revoked(engine: AsyncEngine, key_id: int) -> None:
    with pytest.raises(NotFound):
        await keys.revoke(engine, key_id)


@pytest.mark.parametrize("bad", ["", "x" * 256, "a\x00b", "a\ud800b", "line\nbreak"])
@pytest.mark.parametrize("field", ["name", "tenant"])
async def test_names_that_cannot_be_shown_are_refused_by_name(engine: AsyncEngine, bad: str, field: str) -> None:
    with pytest.raises(InvalidInput) as failure:
        await keys.create(engine, **{"name": "ci", "tenant": "acme", field: bad})
    assert [problem.location for problem in failure.value.problems] == [(field,)]
    assert await keys.list_keys(engine) == []
