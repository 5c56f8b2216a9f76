"""The shards of a worker: a tenant's requests reach the shard that it lives in, also while others are away."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..catalog.keys import KeyInfo
from ..domain.shards import FIRST
from ..errors import Unavailable
from ..ingest.commits import Committer
from ..store.session import Database


@dataclass(slots=True)
class Shard:
    """A database with all of some tenants, and what writes there. `not_ready` says why it was never served from."""

    name: str
    database: Database
    reading: Database
    """The same for requests that only read, which standbys may answer."""
    committer: Committer
    not_ready: str | None = None


class Shards:
    """All shards; the first is always there."""

    def __init__(self, shards: Mapping[str, Shard]) -> None:
        self._shards = shards

    @property
    def first(self) -> Shard:
        """The shard of the database that is the directory too."""
        return self._shards[FIRST]

    def __iter__(self) -> Iterator[Shard]:
        return iter(self._shards.values())

    def database_of(self, caller: KeyInfo, *, reads_only: bool = False) -> Database:
        """The database for the requests of this caller's tenant. Raises `Unavailable`."""
        shard = self.of(caller.shard)
        database = shard.reading if reads_only else shard.database
        # Where there is one shard alone, no tenant is ever moved.
        return database if len(self._shards) == 1 else database.of_tenant(caller.tenant_id)

    def of(self, name: str) -> Shard:
        """The shard of this name. Raises `Unavailable` where it is not known here, or was not reached yet."""
        shard = self._shards.get(name)
        if shard is None:
            raise Unavailable("the shard of this tenant is not among SPANSTATS_SHARDS")
        if shard.not_ready is not None:
            raise Unavailable(f"the shard of this tenant is away: {shard.not_ready}")
        return shard
