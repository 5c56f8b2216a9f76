"""Move spans of packed traces to a table of their own (`packed_spans`) with smaller indexes, and back.

All spans of a trace are in one of the two tables. A transaction that changes spans of a trace holds the lock of the
trace, and first moves them to `spans`.
"""

from collections.abc import Collection

from ..domain.keys import TraceKey
from .by_key import TRACE_KEYS, rows_of_tenant
from .packed_payloads import unpack_roots
from .session import Driver
from .tables import USUAL, as_in_spans, packed_spans, spans

_NAMES = [column.name for column in spans.columns]
_LIST = ", ".join(_NAMES)
_WITHOUT_USUAL = ", ".join(f"nullif({name}, {USUAL[name]})" if name in USUAL else name for name in _NAMES)

# Trace by trace, so that a trace is read from few pages, and by start, so that the index by start grows at its end.
_ORDER = "min(start_time) OVER (PARTITION BY tenant_id, trace_id), tenant_id, trace_id, start_time"


def _moving(source: str, target: str, values: str) -> str:
    """By address, once found by key: the trace's lock keeps the rows where they are."""
    addresses = rows_of_tenant(source, "trace_id", "k.trace_id", "ctid")
    return f"""
WITH moved AS (
    DELETE FROM {source} WHERE ctid = ANY (ARRAY(SELECT x.ctid FROM {TRACE_KEYS} CROSS JOIN {addresses} x))
    RETURNING {_LIST}
)
INSERT INTO {target} ({_LIST}) SELECT {values} FROM moved ORDER BY {_ORDER}
"""


_PACK = _moving(spans.name, packed_spans.name, _WITHOUT_USUAL)
_UNPACK = _moving(packed_spans.name, spans.name, as_in_spans(_NAMES))


async def pack_spans(driver: Driver, traces: Collection[TraceKey]) -> None:
    """Move the spans of these traces, which the caller has locked, to `packed_spans`."""
    if traces:
        await driver.execute(_PACK, *_columns(traces))


async def unpack_spans(driver: Driver, traces: Collection[TraceKey]) -> None:
    """Move the spans of these traces, which the caller has locked, back to `spans`, and give roots a row again."""
    if traces:
        await unpack_roots(driver, traces)
        await driver.execute(_UNPACK, *_columns(traces))


def _columns(traces: Collection[TraceKey]) -> tuple[list[int], list[str]]:
    return [key.tenant_id for key in traces], [key.trace_id for key in traces]
