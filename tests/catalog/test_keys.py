"""API keys: made, found, listed, revoked; never stored as they are."""

import pytest
from sqlalchemy import text

from spanstats.catalog import keys
from spanstats.errors import InvalidInput, NotFound
from spanstats.store.session import Database

pytestmark = pytest.mark.anyio


async def test_a_key_leads_to_its_tenant_and_scope(database: Database) -> None:
    plain = await keys.create(database, "ci", "acme", "read")
    other = await keys.create(database, "ci", "acme")
    info, same = await keys.find(database, plain), await keys.find(database, other)
    assert info is not None
    assert same is not None
    assert (info.scope, same.scope) == ("read", "all")
    assert info.tenant_id == same.tenant_id
    assert info.key_id != same.key_id


async def test_tenants_differ(database: Database) -> None:
    infos = [await keys.find(database, await keys.create(database, "k", tenant)) for tenant in ("a", "b")]
    assert len({key.tenant_id for key in infos if key is not None}) == 2


async def test_keys_have_256_random_bits_and_never_repeat() -> None:
    generated = {keys.generate() for _ in range(100)}
    assert len(generated) == 100
    assert all(key.startswith("sps_") and len(key) == 4 + 43 for key in generated)


@pytest.mark.one_database("keys are in the first shard")
async def test_the_key_itself_is_stored_nowhere(database: Database) -> None:
    plain = await keys.create(database, "ci")
    async with database.engine.connect() as connection:
        stored = (await connection.execute(text("SELECT k::text, t::text FROM api_keys k, tenants t"))).all()
    assert len(stored) == 1
    assert plain not in str(stored)
    assert plain.encode().hex() not in str(stored)


@pytest.mark.parametrize("presented", ["", "sps_", "sps_wrong", "x" * 100_000, "\x00", "\ud800", "' OR true --"])
async def test_an_unknown_key_leads_nowhere(database: Database, presented: str) -> None:
    await keys.create(database, "ci")
    assert await keys.find(database, presented) is None


async def test_a_key_is_found_whole_not_in_part(database: Database) -> None:
    plain = await keys.create(database, "ci")
    for near in (plain[:-1], plain + "x", plain.upper(), " " + plain):
        assert await keys.find(database, near) is None


async def test_ensuring_a_key_again_changes_nothing(database: Database) -> None:
    await keys.ensure(database, "my-own-key")
    before = await keys.find(database, "my-own-key")
    await keys.ensure(database, "my-own-key", "another tenant", "another name", "read")
    assert await keys.find(database, "my-own-key") == before
    assert len(await keys.list_keys(database)) == 1


async def test_a_revoked_key_is_dead_and_ensuring_it_does_not_wake_it(database: Database) -> None:
    plain = await keys.create(database, "ci")
    other = await keys.create(database, "other")
    info = await keys.find(database, plain)
    assert info is not None
    await keys.revoke(database, info.key_id)
    await keys.ensure(database, plain)
    assert await keys.find(database, plain) is None
    assert await keys.find(database, other) is not None


async def test_revoking_again_keeps_the_first_time(database: Database) -> None:
    await keys.create(database, "ci", "acme", "ingest")
    [listed] = await keys.list_keys(database)
    await keys.revoke(database, listed.id)
    [first] = await keys.list_keys(database)
    await keys.revoke(database, listed.id)
    assert await keys.list_keys(database) == [first]
    assert (first.tenant, first.name, first.scope, listed.revoked_at) == ("acme", "ci", "ingest", None)
    assert first.revoked_at is not None
    assert first.revoked_at > first.created_at > 1_700_000_000_000_000


@pytest.mark.parametrize("key_id", [1, 0, -1, 2**31, 2**63])
async def test_a_key_that_is_not_there_cannot_be_revoked(database: Database, key_id: int) -> None:
    with pytest.raises(NotFound):
        await keys.revoke(database, key_id)


@pytest.mark.parametrize("bad", ["", "x" * 256, "a\x00b", "a\ud800b", "line\nbreak"])
@pytest.mark.parametrize("field", ["name", "tenant"])
async def test_names_that_cannot_be_shown_are_refused_by_name(database: Database, bad: str, field: str) -> None:
    names = {"name": "ci", "tenant": "acme", field: bad}
    with pytest.raises(InvalidInput) as failure:
        await keys.create(database, names["name"], names["tenant"])
    assert [problem.location for problem in failure.value.problems] == [(field,)]
    assert await keys.list_keys(database) == []
