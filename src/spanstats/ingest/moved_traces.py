"""Report traces that a span moves from one experiment to another: mostly two runs use one trace id by mistake."""

import logging
from collections.abc import Mapping

from ..domain.keys import TraceKey
from ..metrics import MOVED
from ..store.session import Driver
from .reading import TraceBefore
from .rows import TraceRow

log = logging.getLogger(__name__)

_IDS = "SELECT key, id FROM experiments WHERE key = ANY($1::bigint[]) AND deleted_at IS NULL"


async def report_moved(
    driver: Driver, before: Mapping[TraceKey, TraceBefore], after: Mapping[TraceKey, TraceRow]
) -> None:
    """Count these traces and log their ids: they were of one experiment and now are of another one.

    A trace whose experiment was deleted has not moved: it is a new trace.
    """
    moved = []
    for key, row in after.items():
        old, new = before[key].experiment_key if key in before else None, row.experiment_key
        if old is not None and new is not None and old != new:
            moved.append((key, old, new))
    if not moved:
        return
    ids = {r["key"]: r["id"] for r in await driver.fetch(_IDS, [key for _, *keys in moved for key in keys])}
    for (tenant_id, trace_id), old, new in moved:
        if old in ids:
            MOVED.inc()
            log.warning(
                "trace %r of tenant %d moved from experiment %r to %r", trace_id, tenant_id, ids[old], ids.get(new)
            )
