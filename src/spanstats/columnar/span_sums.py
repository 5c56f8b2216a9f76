"""Sums of spans by their model, kept beside the columns of the traces that they belong to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ..domain.keys import ExperimentKey
from ..domain.span import Uncounted
from ..store.session import Driver
from .format import SpanSums
from .segments import Segment

MODELS_OF_ONE_RANGE = 10_000
"""Of more, no sums are stored: they are read from the spans."""

_COST, _TOKENS = (f"s.uncounted & {int(flag)} = 0" for flag in (Uncounted.COST, Uncounted.TOKENS))

SUMMED: Mapping[str, str] = {
    "cost_pd": f"s.cost_pd) FILTER (WHERE {_COST}",
    **{name: f"s.{name}) FILTER (WHERE {_TOKENS}" for name in ("prompt_tokens", "completion_tokens", "total_tokens")},
    "latency_us": "s.latency_us",
    "ttft_us": "s.ttft_us",
}
"""Of each span: what of it is summed, and when."""

_AGGREGATES = ", ".join(f"sum({sql})::numeric, count({sql})" for sql in SUMMED.values())
# $1 the experiment, $2 and $3 the starts and ends of ranges. Spans are found trace by trace.
_BY_MODEL = f"""
SELECT s.model, count(*), count(*) FILTER (WHERE s.status = 'error'), {_AGGREGATES}
FROM unnest($2::timestamptz[], $3::timestamptz[]) AS ranges(lo, hi)
JOIN traces t ON t.experiment_key = $1 AND t.start_time >= ranges.lo AND t.start_time < ranges.hi
JOIN spans s ON s.tenant_id = t.tenant_id AND s.trace_id = t.trace_id
GROUP BY s.model ORDER BY s.model
"""

Model: TypeAlias = str | None


@dataclass(slots=True)
class OfModel:
    """`spans` spans, of which some failed; the sum and the number of the values of each of `SUMMED`."""

    spans: int = 0
    failed: int = 0
    totals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SUMMED, 0))
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SUMMED, 0))

    def add(self, numbers: Sequence[int]) -> None:
        """A row of stored numbers."""
        spans, failed, *sums = numbers
        self.spans += spans
        self.failed += failed
        for name, total, count in zip(SUMMED, sums[::2], sums[1::2], strict=True):
            self.totals[name] += total
            self.counts[name] += count


async def read_span_sums(driver: Driver, experiment_key: ExperimentKey, ranges: Sequence[Segment]) -> SpanSums | None:
    """The sums of the spans whose traces start in these ranges; `None` where there are too many models."""
    if not ranges:
        return SpanSums(())
    rows = await driver.fetch(_BY_MODEL, experiment_key, [lo for lo, _ in ranges], [hi for _, hi in ranges])
    if len(rows) > MODELS_OF_ONE_RANGE:
        return None
    return SpanSums(tuple((row[0], tuple(int(number or 0) for number in tuple(row)[1:])) for row in rows))


def added(each: Iterable[SpanSums]) -> dict[Model, OfModel]:
    """The sums of all of them by model."""
    by_model: dict[Model, OfModel] = {}
    for sums in each:
        for model, numbers in sums.rows:
            by_model.setdefault(model, OfModel()).add(numbers)
    return by_model
