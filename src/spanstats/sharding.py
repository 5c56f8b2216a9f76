"""All databases of an installation, for commands: brought up to date, and found by tenant."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from . import database
from .catalog import placement
from .catalog.keys import Placing
from .catalog.moves import shards_of_move
from .domain.keys import TenantId
from .domain.shards import FIRST
from .errors import Conflict, StartError, Unavailable
from .migrating import check_schema, migrate
from .settings import Settings, load
from .store import schema
from .store.addresses import parse
from .store.poolers import lending
from .store.session import Database, create_engine

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Databases:
    """Every shard's database by its name; the first is the directory too."""

    by_name: Mapping[str, Database]

    @property
    def first(self) -> Database:
        """The directory: keys, and where each tenant lives."""
        return self.by_name[FIRST]

    def placing(self, shard: str | None = None) -> Placing:
        """Where a new tenant is to live: in this shard, or in any. Raises `StartError` where there is no such shard."""
        if shard is not None:
            self._named(shard)
        return Placing(tuple(self.by_name), shard)

    def _named(self, shard: str) -> Database:
        """The database of this shard. Raises `StartError`."""
        shard_database = self.by_name.get(shard)
        if shard_database is None:
            raise StartError(f"there is no shard {shard}: there are {', '.join(self.by_name)}")
        return shard_database

    async def of_tenant(self, name: str) -> tuple[Database, TenantId]:
        """Where the tenant of this name lives. Raises `NotFound`, `StartError`, `Unavailable`."""
        home = await placement.home_of(self.first, name)
        shard = await self._checked(home.shard)
        return (shard if len(self.by_name) == 1 else shard.of_tenant(home.tenant_id)), home.tenant_id

    async def of_move(self, tenant: str, target: str) -> dict[str, Database]:
        """Those between which this tenant moves, by name. Raises `NotFound`, `StartError`, `Unavailable`."""
        self._named(target)
        return {name: await self._checked(name) for name in await shards_of_move(self.first, tenant, target)}

    async def all(self) -> dict[str, Database]:
        """Those of all shards, by name. Raises `StartError` where one of them cannot be used."""
        return {name: await self._checked(name) for name in self.by_name}

    async def _checked(self, name: str) -> Database:
        shard = self._named(name)
        if name != FIRST:
            with _named(name):
                if not await schema.is_current(shard):
                    raise StartError("its schema is not that of this version: run `spanstats migrate`")
                if not await placement.is_registered(self.first, shard, name):
                    raise StartError("its database is that of another shard, or of none: run `spanstats migrate`")
        return shard


def on_databases(work: Callable[[Databases], Coroutine[Any, Any, T]]) -> T:
    """Do this work on the databases of the settings; the schema of the first must be current. Raises `StartError`."""
    settings = load()

    async def run(urls: Mapping[str, str]) -> T:
        databases = Databases({name: Database(create_engine(url)) for name, url in urls.items()})
        try:
            return await work(databases)
        finally:
            for one in databases.by_name.values():
                await one.dispose()

    with database.opened(settings) as opened:
        check_schema(opened.direct)
        others = {shard.name: shard.url.get_secret_value() for shard in settings.shards}
        return asyncio.run(run({FIRST: opened.direct} | others))


def migrate_shards(settings: Settings, directory_url: str, *, may_be_away: bool) -> None:
    """Bring the shards beside the first up to date, and take new ones in. Raises `StartError`.

    One that is away is left for later where it may be.
    """
    for shard in settings.shards:
        url = shard.url.get_secret_value()
        with _named(shard.name):
            reason = database.refusal(url, settings.connect_timeout_s)
            if reason is not None and may_be_away:
                log.warning("shard %s is away: %s", shard.name, reason)
                continue
            if reason is not None:
                raise StartError(f"it cannot be used: {reason}")
            _refuse_poolers(settings, url)
            migrate(url)
            check_schema(url)
            asyncio.run(_register(directory_url, url, shard.name))


def _refuse_poolers(settings: Settings, url: str) -> None:
    if asyncio.run(lending(parse(url), settings.connect_timeout_s)).is_short:
        raise StartError("it leads to a pooler that lends a server for a transaction: name the server itself")


async def _register(directory_url: str, url: str, name: str) -> None:
    directory, shard = Database(create_engine(directory_url)), Database(create_engine(url))
    try:
        await placement.register(directory, shard, name)
    except Conflict as error:
        raise StartError(str(error)) from error
    finally:
        await directory.dispose()
        await shard.dispose()


@contextmanager
def _named(shard: str) -> Iterator[None]:
    """Says of a failure in which shard it was, where it was not the first."""
    try:
        yield
    except (StartError, Unavailable) as error:
        if shard == FIRST:
            raise
        raise StartError(f"shard {shard}: {error}") from error
