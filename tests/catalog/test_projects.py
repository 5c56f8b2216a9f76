"""Projects are found or made by name."""

import asyncio

import pytest

from spanstats.catalog import projects
from spanstats.domain.keys import TenantId
from spanstats.store.session import Database

pytestmark = pytest.mark.anyio


async def test_a_name_is_one_project_however_often_it_is_asked_for(database: Database) -> None:
    first = await projects.get_or_create(database, TenantId(1), "default")
    again = await projects.get_or_create(database, TenantId(1), "default")
    assert (first.was_created, again.was_created) == (True, False)
    assert (again.id, again.name, again.created_us) == (first.id, "default", first.created_us)


async def test_tenants_do_not_share_projects(database: Database) -> None:
    mine, theirs = [await projects.get_or_create(database, tenant, "default") for tenant in (TenantId(1), TenantId(2))]
    assert mine.id != theirs.id
    assert theirs.was_created


async def test_of_many_at_once_exactly_one_created_the_project(database: Database) -> None:
    every = await asyncio.gather(*(projects.get_or_create(database, TenantId(1), "race") for _ in range(30)))
    assert len({project.id for project in every}) == 1
    assert sum(project.was_created for project in every) == 1
