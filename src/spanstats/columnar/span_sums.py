"""Sums of spans by a text of each span (model, name, ...), stored with the columns of their traces."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ..domain.keys import ExperimentKey
from ..domain.span import Uncounted
from ..store.session import Driver
from ..store.tables import every_span_with
from .chunk import SpanSums
from .format import SPAN_SUMS
from .segments import Segment

VALUES_OF_ONE_RANGE = 2_000
"""Of a column that has more of them, no sums are stored: they are read from the spans."""

_COST, _TOKENS = (f"s.uncounted & {int(flag)} = 0" for flag in (Uncounted.COST, Uncounted.TOKENS))

SUMMED: Mapping[str, str] = {
    "cost_pd": f"s.cost_pd) FILTER (WHERE {_COST}",
    **{name: f"s.{name}) FILTER (WHERE {_TOKENS}" for name in ("prompt_tokens", "completion_tokens", "total_tokens")},
    "latency_us": "s.latency_us",
    "ttft_us": "s.ttft_us",
}
"""Of each span: what of it is summed, and when."""

_SUMMED_FROM = ("status", "uncounted", *SUMMED)
_AGGREGATES = ", ".join(f"sum({sql})::numeric AS sum_{name}, count({sql}) AS n_{name}" for name, sql in SUMMED.items())
_ADDED = ", ".join(f"sum(sum_{name}), sum(n_{name})" for name in SUMMED)

Value: TypeAlias = str | None


@dataclass(slots=True)
class SpanTotals:
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


async def read_span_sums(
    driver: Driver,
    experiment_key: ExperimentKey,
    ranges: Sequence[Segment],
    columns: Sequence[str] = tuple(SPAN_SUMS),
) -> dict[str, SpanSums]:
    """The sums of the spans whose traces start in these ranges, by each of these columns of `spans`.

    A column that has too many values is left out.
    """
    rows_of: dict[str, list[tuple[Value, tuple[int, ...]]]] = {column: [] for column in columns}
    if ranges:
        starts, ends = [lo for lo, _ in ranges], [hi for _, hi in ranges]
        one_more = VALUES_OF_ONE_RANGE + 1
        for row in await driver.fetch(sums_by(columns), experiment_key, starts, ends, one_more):
            column, value, *numbers = tuple(row)
            rows_of[column].append((value, tuple(int(number or 0) for number in numbers)))
    return {column: SpanSums(tuple(rows)) for column, rows in rows_of.items() if len(rows) <= VALUES_OF_ONE_RANGE}


def sums_by(columns: Sequence[str]) -> str:
    """The statement. $1 the experiment, $2 and $3 the starts and ends of ranges, $4 how many values of each column.

    Spans are read once, trace by trace, and added up by all columns together, which have few values as a rule.
    """
    all_columns, of_spans = ", ".join(columns), ", ".join(f"s.{column}" for column in columns)
    which = " ".join(f"WHEN GROUPING({column}) = 0 THEN '{column}'" for column in columns)
    return f"""
        WITH by_all AS MATERIALIZED (
            SELECT {of_spans}, count(*) AS spans,
                count(*) FILTER (WHERE s.status = 'error') AS failed, {_AGGREGATES}
            FROM unnest($2::timestamptz[], $3::timestamptz[]) AS ranges(lo, hi)
            JOIN traces t ON t.experiment_key = $1 AND t.start_time >= ranges.lo AND t.start_time < ranges.hi
            JOIN {every_span_with(*columns, *_SUMMED_FROM)} s ON s.tenant_id = t.tenant_id AND s.trace_id = t.trace_id
            GROUP BY {of_spans}
        ),
        by_each AS (
            SELECT CASE {which} END AS of_column, coalesce({all_columns}) AS value, sum(spans), sum(failed), {_ADDED}
            FROM by_all GROUP BY GROUPING SETS ({", ".join(f"({column})" for column in columns)})
        )
        SELECT (numbered.one).* FROM (
            SELECT by_each AS one, row_number() OVER (PARTITION BY of_column ORDER BY value) AS number FROM by_each
        ) numbered WHERE number <= $4 ORDER BY (numbered.one).of_column, number
    """


def added(each: Iterable[SpanSums]) -> dict[Value, SpanTotals]:
    """The sums of all of them by value."""
    by_value: dict[Value, SpanTotals] = {}
    for sums in each:
        for value, numbers in sums.rows:
            by_value.setdefault(value, SpanTotals()).add(numbers)
    return by_value
