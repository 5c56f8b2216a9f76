"""What a worker opens for each shard: connections, standbys, group commit, and the work in the background."""

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from pydantic import SecretStr

from .api.shards import Shard, Shards
from .catalog.erasure import keep_erased
from .catalog.packing_runs import HOUR_US, keep_packed
from .catalog.retention import DAY_US, keep_pruned
from .columnar.keep import keep_columns_fresh
from .dialects.parea.stats import stats_entry
from .domain.shards import FIRST
from .errors import StartError
from .ingest.commits import TRANSACTIONS_AT_ONCE, Committer
from .ingest.evaluators import Evaluators
from .ingest.item_keys import keep_keyed
from .ingest.pricing import Prices
from .ingest.queue import QueueLimits
from .ingest.tools import Tools
from .settings import Settings
from .shard_watch import keep_tenants_writable, report_pools, serve_once_ready, why_not_ready
from .stats.maintenance import keep_rollups_fresh
from .store import schema
from .store.background import meanwhile
from .store.session import BY_KEY, Database, Engine, KeptConnections, Timeouts, create_engine
from .store.standbys import HotStandbys
from .tracing import Tracing

# The server's own timeout comes first, unless the network has gone silent.
_LATE_S = 2
# Background work has no bound of its own; this one ends the wait for a server that will never answer.
_BACKGROUND_S = 600
# Rollups, columns, erasure and keys with a connection each, packing and retention with two: a busy pool holds none up.
_TASKS = 8


class NotReady(StartError):
    """The database cannot be served from; the text is one line that says why and what to do."""


Work: TypeAlias = Callable[[Database], Coroutine[None, None, None]]
"""Endless work in the background on one database."""


@asynccontextmanager
async def opened_shards(settings: Settings, tracing: Tracing, *, is_checked: bool = False) -> AsyncIterator[Shards]:
    """All shards of the settings; what is queued is written before they are closed.

    The first must be fit to serve, which is looked at unless it `is_checked`; the others may be away. Raises
    `NotReady`, `Unavailable`.
    """
    if settings.database_url is None:
        raise NotReady("SPANSTATS_DATABASE_URL is not set: `spanstats serve` starts the embedded server and sets it")
    async with AsyncExitStack() as opened:
        direct = settings.database_direct_url or settings.database_url
        opening = _Opening(settings, tracing, opened)
        first = await opening.first(settings.database_url, direct, is_checked=is_checked)
        others = [await opening.other(shard.name, shard.url, first.database) for shard in settings.shards]
        shards = [first, *others]
        await opened.enter_async_context(meanwhile(report_pools([shard.database for shard in shards])))
        if others:
            await opened.enter_async_context(meanwhile(keep_tenants_writable(shards)))
        yield Shards({shard.name: shard for shard in shards})


@dataclass(frozen=True, slots=True)
class _Opening:
    """Opens shards; `opened` closes what belongs to them, in reverse order."""

    settings: Settings
    tracing: Tracing
    opened: AsyncExitStack

    async def first(self, url: SecretStr, direct: SecretStr, *, is_checked: bool) -> Shard:
        """The first shard, with its background work. Raises `NotReady` where its schema is another version's."""
        database, background = self._databases(url, direct)
        if not is_checked and not await schema.is_current(database):
            raise NotReady("The schema of the database is not that of this version: run `spanstats migrate`")
        shard = await self._shard(FIRST, database)
        for work in _background_work(self.settings):
            await self.opened.enter_async_context(meanwhile(work(background)))
        return shard

    async def other(self, name: str, url: SecretStr, directory: Database) -> Shard:
        """A further shard, whose background work begins once it is fit to serve."""
        database, background = self._databases(url, url)
        shard = await self._shard(name, database)
        shard.not_ready = await why_not_ready(shard, directory)
        works = [partial(work, background) for work in _background_work(self.settings)]
        await self.opened.enter_async_context(meanwhile(serve_once_ready(shard, directory, works)))
        return shard

    def _databases(self, url: SecretStr, direct: SecretStr) -> tuple[Database, Database]:
        """For requests, and for work in the background."""
        settings = self.settings
        timeouts = Timeouts(settings.read_timeout_s, settings.write_timeout_s)
        engine = _engine(settings, url, settings.pool_size, _patience_s(settings))
        database = Database(engine, timeouts, for_ingest=self._for_ingest(url), kept=KeptConnections(engine))
        self.opened.push_async_callback(database.dispose)
        background = Database(_engine(settings, direct, _TASKS, _BACKGROUND_S), timeouts)
        self.opened.push_async_callback(background.dispose)
        return database, background

    def _for_ingest(self, url: SecretStr) -> KeptConnections:
        settings = self.settings
        patience_s, timeout_s = _patience_s(settings), settings.write_timeout_s
        return KeptConnections(_engine(settings, url, TRANSACTIONS_AT_ONCE, patience_s, timeout_s, of_session=BY_KEY))

    async def _shard(self, name: str, database: Database) -> Shard:
        reading = replace(database, standbys=await self._standbys(name, database))
        committer = _committer(database, self.settings, self.tracing)
        self.opened.push_async_callback(committer.stop)
        return Shard(name, database, reading, committer)

    async def _standbys(self, name: str, primary: Database) -> HotStandbys | None:
        settings = self.settings
        urls = {number: standby.url for number, standby in enumerate(settings.read_urls, 1) if standby.name == name}
        if not urls:
            return None
        engines = {
            number: _engine(settings, url, settings.pool_size, _patience_s(settings), to_standby=True)
            for number, url in urls.items()
        }
        standbys = HotStandbys(primary, engines, settings.read_wait_s)
        self.opened.push_async_callback(standbys.dispose)
        await self.opened.enter_async_context(meanwhile(standbys.watch()))
        return standbys


def _patience_s(settings: Settings) -> float:
    """How long an answer to a request's statement is waited for."""
    return max(settings.read_timeout_s, settings.write_timeout_s) + _LATE_S


def _background_work(settings: Settings) -> list[Work]:
    """All that is done in the background on each shard; a worker does what it gets the lock for."""
    works: list[Work] = [keep_rollups_fresh, keep_columns_fresh, keep_erased, keep_keyed]
    if settings.pack_after_hours is not None:
        works.append(partial(keep_packed, age_us=int(settings.pack_after_hours * HOUR_US)))
    if settings.retention_days is not None:
        works.append(partial(keep_pruned, age_us=int(settings.retention_days * DAY_US)))
    return works


def _engine(
    settings: Settings,
    url: SecretStr,
    pool_size: int,
    answer_timeout_s: float,
    statement_timeout_s: float | None = None,
    *,
    to_standby: bool = False,
    of_session: Mapping[str, str] | None = None,
) -> Engine:
    return create_engine(
        url.get_secret_value(),
        pool_size,
        settings.connect_timeout_s,
        settings.pool_timeout_s,
        answer_timeout_s,
        settings.read_timeout_s if statement_timeout_s is None else statement_timeout_s,
        settings.connection_life_s,
        to_standby=to_standby,
        settings=of_session,
    )


def _committer(database: Database, settings: Settings, tracing: Tracing) -> Committer:
    tools = Tools(Prices().price, stats_entry, Evaluators(), settings.max_spans_per_trace)
    queue = QueueLimits(settings.queue_spans, settings.queue_bytes, settings.queue_wait_s)
    return Committer(database, tools, queue, tracing, may_move=bool(settings.shards))
