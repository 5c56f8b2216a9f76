"""Read the relatives of new spans in long traces, so that the spans are added without reading any other span."""

from collections.abc import Mapping, Sequence

from ..domain.growth import Relatives
from ..domain.keys import TraceKey
from ..domain.reported_usage import Usage
from ..domain.reports import reports_of
from ..domain.span import Span
from ..store.by_key import SPAN_KEYS, row_of_span
from ..store.session import Driver
from ..store.spans import columns, span_of

_RELATED = (
    *("trace_id", "span_id", "parent_id", "by_span_id", "kind", "model", "start_time", "end_time", "filled"),
    *("prompt_tokens", "completion_tokens", "total_tokens", "cost_pd", "response_id", "usage_once", "uncounted"),
    *("cache_read_tokens", "cache_write_tokens"),
)
# The stored ones of these spans, and all their ancestors: a circle of parents ends where it began.
ANCESTORS_STATEMENT = f"""
WITH RECURSIVE ancestors AS (
    SELECT tenant_id, trace_id COLLATE "C" AS trace_id, span_id COLLATE "C" AS span_id FROM {SPAN_KEYS}
    UNION SELECT s.tenant_id, s.trace_id, s.parent_id FROM ancestors k CROSS JOIN {row_of_span("spans")} s
    WHERE s.parent_id IS NOT NULL
)
SELECT s.tenant_id, {", ".join(f"s.{name}" for name in _RELATED)} FROM ancestors k CROSS JOIN {row_of_span("spans")} s
"""

# By the index of digests, the only one in whose order they are asked for (`by_key.py`): a response id may be of any
# length.
_DIGEST = "hashtextextended({0}response_id, hashtextextended({0}trace_id, {0}tenant_id::bigint))".format
SAME_IDS_STATEMENT = f"""
SELECT s.tenant_id, s.trace_id, s.span_id, s.response_id
FROM unnest($1::int[], $2::text[], $3::text[]) AS k(tenant_id, trace_id, response_id) CROSS JOIN LATERAL (
    SELECT * FROM spans WHERE tenant_id = k.tenant_id AND trace_id = k.trace_id AND response_id = k.response_id
    AND {_DIGEST("")} BETWEEN {_DIGEST("k.")} AND {_DIGEST("k.")} ORDER BY {_DIGEST("")} OFFSET 0
) s
"""


async def read_relatives(
    driver: Driver, growing: Mapping[TraceKey, tuple[Usage, Sequence[Span]]]
) -> dict[TraceKey, Relatives]:
    """The relatives that `grow` needs to add these spans to these traces; among them these spans, if stored."""
    relatives = {key: Relatives() for key in growing}
    keys = [(*key, name) for key, (usage, spans) in growing.items() for name in sorted(_looked_up(usage, spans))]
    for row in await driver.fetch(ANCESTORS_STATEMENT, *columns(keys)) if keys else []:
        span = span_of(row.items())
        relatives[TraceKey(row["tenant_id"], span.trace_id)].spans[span.span_id] = span
    responses = {(*key, s.response_id) for key, (_, spans) in growing.items() for s in spans if s.response_id}
    rows = await driver.fetch(SAME_IDS_STATEMENT, *columns(sorted(responses))) if responses else []
    for tenant_id, trace_id, span_id, response_id in rows:
        relatives[TraceKey(tenant_id, trace_id)].ids.setdefault(response_id, set()).add(span_id)
    return relatives


def _looked_up(usage: Usage, spans: Sequence[Span]) -> set[str]:
    """The spans themselves, and the parents of spans that may change what counts above them."""
    names = {span.span_id for span in spans}
    if usage.missing is None:
        return names
    reporting = spans if len(spans) > 1 else [s for s in spans if s.span_id in usage.missing or reports_of(s)]
    return names | {span.parent_id for span in reporting if span.parent_id}
