"""What a transaction may do: how each kind begins, with which settings, and how long its statements may take."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from ..source import Source


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a transaction begins: the isolation level, whether it is read-only, and its settings."""

    isolation: str
    settings: Mapping[str, str]
    reads_only: bool = False

    def statements(self, timeout_s: float, of_session: Mapping[str, str], *, on_standby: bool = False) -> str:
        """BEGIN, and the settings that the session does not have already."""
        settings = {**self.settings, "statement_timeout": str(int(timeout_s * 1000))}
        changed = [f"; SET LOCAL {name} = {value}" for name, value in settings.items() if of_session.get(name) != value]
        # A standby refuses READ WRITE: what it answered to a read might be old.
        mode = "" if not self.reads_only else " READ ONLY" if on_standby else " READ WRITE, READ ONLY"
        return f"BEGIN ISOLATION LEVEL {self.isolation}{mode}{''.join(changed)}"


_FOR_VALUES = {"plan_cache_mode": "force_custom_plan"}
_ALONG_INDEX = dict.fromkeys(("enable_seqscan", "enable_bitmapscan", "enable_sort"), "off")
BY_KEY = dict.fromkeys(("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_sort"), "off")
"""The settings of `Kind.INGEST`. A session that has them need not be set to them in every transaction."""


class Kind(Enum):
    """What a transaction may do and how it begins."""

    READ = Beginning("READ COMMITTED", _FOR_VALUES, reads_only=True)
    """Statements that are planned for their values; each sees what was committed before it."""
    SNAPSHOT = Beginning("REPEATABLE READ", _FOR_VALUES, reads_only=True)
    """The same, all in the snapshot of the first."""
    FIXED = Beginning("REPEATABLE READ", {}, reads_only=True)
    """A snapshot for statements that are always the same few: each connection plans them once. It becomes `SNAPSHOT`
    by `plan_for_values`."""
    STREAM = Beginning("REPEATABLE READ", _ALONG_INDEX, reads_only=True)
    """A snapshot that is read bit by bit along an index, also where another plan would read all of it faster."""
    WRITE = Beginning("READ COMMITTED", _FOR_VALUES)
    CACHES = Beginning("REPEATABLE READ", _FOR_VALUES)
    """Work on rollups and columns, of any length. The first statement of a refresh takes their lock, so that its
    snapshot is newer than the lock."""
    KEYS = Beginning("REPEATABLE READ", BY_KEY, reads_only=True)
    """A snapshot whose every statement finds its rows by key, as in `INGEST`. Other snapshots become one by
    `find_by_key`."""
    INGEST = Beginning("READ COMMITTED", BY_KEY)
    """A write whose every statement finds its rows by key: planned once, for tables of any size (`by_key.py`)."""

    @property
    def reads_only(self) -> bool:
        """Whether a hot standby can do it."""
        return self.value.reads_only

    def beginning(self, timeouts: "Timeouts", source: Source, *, on_standby: bool = False) -> str:
        """The statements that begin such a transaction on a connection of this source."""
        own = self.value.statements(timeouts.of(self), source.of_session, on_standby=on_standby)
        return own + source.of_transaction


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that one statement may take by kind of work; 0 is no bound (maintenance)."""

    read_s: float = 10
    write_s: float = 10

    def of(self, kind: Kind) -> float:
        """The bound of a transaction of this kind."""
        return {
            Kind.READ: self.read_s,
            Kind.SNAPSHOT: self.read_s,
            Kind.FIXED: self.read_s,
            Kind.STREAM: self.read_s,
            Kind.KEYS: self.read_s,
            Kind.WRITE: self.write_s,
            Kind.INGEST: self.write_s,
            Kind.CACHES: 0.0,
        }[kind]
