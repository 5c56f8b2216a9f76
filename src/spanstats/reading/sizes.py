"""How much content a page would have: it is held whole, several times over, while its answer is made."""

from collections.abc import Collection, Sequence

from ..domain.keys import SpanKey, TraceKey
from ..errors import TooLarge
from ..store.by_key import SPAN_KEYS, TRACE_KEYS, row_of_span, rows_of_tenant
from ..store.session import Driver
from ..store.spans import columns

MEBIBYTE = 2**20
MAX_CONTENT_BYTES = 64 * MEBIBYTE

_LENGTHS = ("input::text", "output::text", "target::text", "error", "attributes::text")
_LENGTH = " + ".join(f"coalesce(octet_length({c}), 0)" for c in _LENGTHS)
_ROOT_LENGTH = " + ".join(f"coalesce(octet_length(root_{c}), 0)" for c in _LENGTHS if c != "error")
# Of a packed payload the mean of its trace, but of a root its own.
_MEAN = f"CASE WHEN root_id = k.span_id THEN {_ROOT_LENGTH} ELSE content_bytes / n_spans END AS mean"
OF_SPANS = f"""
SELECT coalesce(sum(coalesce(p.length, c.mean)), 0)::bigint FROM {SPAN_KEYS}
LEFT JOIN {row_of_span("span_payloads", f"{_LENGTH} AS length")} p ON true
LEFT JOIN {rows_of_tenant("packed_payloads", "trace_id", "k.trace_id", _MEAN, "AND p.length IS NULL")} c ON true
"""
_PACKED_LENGTH = f"content_bytes + CASE WHEN root_id IS NULL THEN 0 ELSE {_ROOT_LENGTH} END AS length"
OF_TRACES = f"""
SELECT coalesce(sum(p.length), 0)::bigint FROM {TRACE_KEYS} CROSS JOIN LATERAL (
    SELECT length FROM {rows_of_tenant("span_payloads", "trace_id", "k.trace_id", f"{_LENGTH} AS length")} s
    UNION ALL SELECT length FROM {rows_of_tenant("packed_payloads", "trace_id", "k.trace_id", _PACKED_LENGTH)} c
) p
"""


async def check_spans(driver: Driver, keys: Collection[SpanKey]) -> None:
    """Raises `TooLarge` where several spans have more content than is held at once; one has no smaller page."""
    if len(keys) > 1:
        _check(await driver.fetchval(OF_SPANS, *columns(keys)))


async def check_traces(driver: Driver, keys: Collection[TraceKey]) -> None:
    """As `check_spans`, for all spans of these traces."""
    if len(keys) > 1:
        _check(await driver.fetchval(OF_TRACES, *columns(keys)))


async def light_parts(driver: Driver, keys: Sequence[TraceKey]) -> list[Sequence[TraceKey]]:
    """These traces in parts of no more content than is held at once, or of one trace."""
    if len(keys) < 2 or await driver.fetchval(OF_TRACES, *columns(keys)) <= MAX_CONTENT_BYTES:
        return [keys]
    middle = len(keys) // 2
    return [part for half in (keys[:middle], keys[middle:]) for part in await light_parts(driver, half)]


def _check(size: int) -> None:
    if size > MAX_CONTENT_BYTES:
        most = MAX_CONTENT_BYTES // MEBIBYTE
        raise TooLarge(f"This page holds {size / MEBIBYTE:.0f} MiB of content, {most} at most: ask for a smaller one")
