"""Buckets of time: minutes, hours, days, weeks from Monday and months, as the clocks of a time zone have them."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..domain.times import MAX_TIME_US, since_epoch
from ..domain.values import MICRO
from ..errors import invalid

GRANULARITIES = ("minute", "hour", "day", "week", "month")
"""From the finest to the coarsest."""
AUTO = "auto"
MAX_POINTS = 2_000
_WANTED_POINTS = 50

_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800, "month": 2_629_746}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Bucket i reaches from `edges[i]` to `edges[i + 1]` (exclusive), microseconds since 1970."""

    granularity: str
    edges: tuple[int, ...]

    def __len__(self) -> int:
        return max(0, len(self.edges) - 1)

    def index(self, time_us: int) -> int:
        """The bucket of a time that is in one."""
        return bisect_right(self.edges, time_us) - 1


def time_zone(name: str | None) -> ZoneInfo:
    """The IANA zone of this name, UTC without one. Raises `InvalidInput`."""
    if not name:
        return ZoneInfo("UTC")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(f"unknown time zone {name[:100]!r}", "time_zone", code="unknown_time_zone") from None


def buckets(granularity: str, zone: ZoneInfo, first_us: int, last_us: int) -> Buckets:
    """The buckets from the one that holds `first_us` to the one that holds `last_us`.

    `auto` is the granularity that makes about fifty. Raises `InvalidInput` where there are more than `MAX_POINTS`,
    naming the finest granularity that has fewer.
    """
    if granularity == AUTO:
        granularity = _about_fifty(first_us, last_us)
    elif (last_us - first_us) / (_SECONDS[granularity] * MICRO) > MAX_POINTS + 1:
        raise _too_many(granularity, first_us, last_us)
    edges = tuple(_edges(granularity, zone, first_us, last_us))
    if len(edges) - 1 > MAX_POINTS:
        raise _too_many(granularity, first_us, last_us)
    return Buckets(granularity, edges)


def check_granularity(name: str | None) -> str:
    """Raises `InvalidInput` for what is no granularity."""
    if name in (None, ""):
        return AUTO
    if name not in (AUTO, *GRANULARITIES):
        raise invalid(f"must be one of {', '.join((AUTO, *GRANULARITIES))}", "granularity", code="enum")
    return str(name)


def _about_fifty(first_us: int, last_us: int) -> str:
    """The one whose number of buckets is nearest to fifty, as a ratio."""

    def distance(granularity: str) -> float:
        count = max(1.0, (last_us - first_us) / (_SECONDS[granularity] * MICRO))
        return max(count / _WANTED_POINTS, _WANTED_POINTS / count)

    return min(GRANULARITIES, key=distance)


def _too_many(granularity: str, first_us: int, last_us: int) -> Exception:
    fits = [g for g in GRANULARITIES if (last_us - first_us) / (_SECONDS[g] * MICRO) <= MAX_POINTS - 2]
    coarser = [g for g in fits if GRANULARITIES.index(g) > GRANULARITIES.index(granularity)]
    hint = f"use {coarser[0]}, or narrow the window" if coarser else "narrow the window"
    return invalid(f"{granularity} makes more than {MAX_POINTS} points: {hint}", "granularity", code="too_many_points")


def _edges(granularity: str, zone: ZoneInfo, first_us: int, last_us: int) -> Iterator[int]:
    """Ascending, the last one after `last_us`."""
    first_us, last_us = max(0, first_us), min(MAX_TIME_US, last_us)
    edge = _start_of(granularity, first_us, zone)
    before = None
    while True:
        at = _instant(edge, zone)
        if before is None or at > before:
            yield at
            before = at
        if before > last_us:
            return
        edge = _next(granularity, edge)


# Hours and minutes are counted in elapsed time from the zone's offset, so that a day of 23 or 25 hours has as many
# buckets; days and longer are those of the calendar.
def _start_of(granularity: str, time_us: int, zone: ZoneInfo) -> datetime:
    local = (_EPOCH + timedelta(microseconds=time_us)).astimezone(zone)
    if granularity in ("minute", "hour"):
        offset = local.utcoffset() or timedelta()
        length = timedelta(seconds=_SECONDS[granularity])
        shifted = (_EPOCH + timedelta(microseconds=time_us)) + offset
        return shifted - (shifted - _EPOCH) % length - offset
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    if granularity == "week":
        return midnight - timedelta(days=midnight.weekday())
    return midnight.replace(day=1) if granularity == "month" else midnight


def _next(granularity: str, edge: datetime) -> datetime:
    if granularity == "month":
        return edge.replace(year=edge.year + edge.month // 12, month=edge.month % 12 + 1)
    return edge + timedelta(seconds=_SECONDS[granularity])


def _instant(edge: datetime, zone: ZoneInfo) -> int:
    """Of a local midnight (without zone): the first moment of that day, also where its midnight is skipped."""
    return since_epoch(edge if edge.tzinfo else _first_moment(edge, zone))


def _first_moment(midnight: datetime, zone: ZoneInfo) -> datetime:
    """A midnight that the clocks skip is the moment of the jump; of one that they have twice it is the first."""
    local = midnight.replace(tzinfo=zone, fold=0)
    return local.astimezone(UTC)
