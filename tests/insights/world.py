"""Random runs, and what must be answered of them, worked out from the stored traces in plain Python."""

import math
import random
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.span import Score, Span
from tests.ingest.worlds import START, TENANT, committer, stored_traces

RUN, OTHER_RUN = "run", "other"
MINUTE = 60_000_000
HOURS = 24 * 40
MODELS = ("gpt-4o", "gpt-4o-mini", "priced", "unknown-model")
TOPICS = ("billing", "", "Zürich", "=1+1", 1, 1.0, 1.5, True, ["a"], None)

Row = dict[str, Any]

UNITS = {
    "cost": ("cost_pd", 10**12),
    "latency": ("latency_us", 10**6),
    "ttft": ("ttft_us", 10**6),
    "tps": ("tps", 1000),
    "prompt_tokens": ("prompt_tokens", 1),
    "completion_tokens": ("completion_tokens", 1),
    "total_tokens": ("total_tokens", 1),
    "span_count": ("n_spans", 1),
    "llm_call_count": ("n_llm_calls", 1),
}


def random_spans(rng: random.Random, traces: int) -> list[Span]:
    """Traces of one to four spans, some without a root, with ties, nulls and scores of every kind."""
    spans: list[Span] = []
    for number in range(traces):
        run, start = rng.choice([RUN, RUN, RUN, OTHER_RUN]), START + rng.randrange(HOURS * 60) * MINUTE
        has_root = rng.random() < 0.9
        places = range(rng.randrange(1, 5))
        spans += [_span(rng, f"t{number}", place, run, start + place * 1000, has_root=has_root) for place in places]
    return spans


def _span(rng: random.Random, trace: str, place: int, run: str, start: int, *, has_root: bool) -> Span:
    is_root = place == 0 and has_root
    model = None if is_root else rng.choice([None, *MODELS])
    topic = rng.choice(TOPICS)
    return Span(
        trace_id=trace,
        span_id=f"{trace}-{place}",
        by_span_id=True,
        parent_id=None if is_root else f"{trace}-0" if has_root else "elsewhere",
        experiment_id=run,
        name=rng.choice(["ask", "answer", None]),
        kind=rng.choice(["chat", "tool", None]),
        status=rng.choice(["success", "success", "error"]),
        model=model,
        start_us=start,
        end_us=start + rng.choice([0, 5, 1_000_000, rng.randrange(MINUTE)]),
        latency_us=rng.choice([None, 0, 1_000_000, rng.randrange(10**7)]),
        ttft_us=rng.choice([None, rng.randrange(10**6)]),
        prompt_tokens=rng.choice([None, 10, rng.randrange(1, 100)]) if model else None,
        completion_tokens=rng.choice([None, rng.randrange(1, 100)]) if model else None,
        cost_pd=rng.choice([None, 10**9, rng.randrange(1, 10**17)]),
        metadata={} if topic is None else {"topic": topic, "user": f"u{rng.randrange(40)}"},
        scores=_scores(rng),
    )


def _scores(rng: random.Random) -> list[Score] | None:
    if rng.random() < 0.5:
        return None
    return [
        *([Score("accuracy", rng.choice([0.5, rng.uniform(-1, 9e3)]))] * rng.randrange(3)),
        Score("passed", float(rng.random() < 0.5), "boolean"),
        rng.choice([Score("mixed", 0.25), Score("mixed", 1.0, "boolean"), Score("mixed", None, "text", text="fine")]),
    ]


async def stored_run(engine: AsyncEngine, seed: int, traces: int = 300) -> list[Row]:
    """Spans posted in random order; the rows of the traces of `RUN` as they are stored."""
    rng = random.Random(seed)
    every = random_spans(rng, traces)
    rng.shuffle(every)
    async with committer(engine) as writer:
        for at in range(0, len(every), 100):
            await writer.submit(TENANT, every[at : at + 100])
    return await rows_of_run(engine)


async def rows_of_run(engine: AsyncEngine) -> list[Row]:
    async with engine.connect() as connection:
        result = await connection.exec_driver_sql(f"SELECT key FROM experiments WHERE id = '{RUN}'")
        key = result.scalar_one()
    return [row for row in (await stored_traces(engine)).values() if row["experiment_key"] == key]


def values_of(row: Row, measure: str) -> list[int]:
    """The values of a measure in a trace, in whole stored units."""
    if measure == "error":
        return [int(row["status"] == "error")]
    if measure.startswith("scores."):
        kinds = row["score_kinds"] or [0] * len(row["score_keys"] or [])
        scores = zip(row["score_keys"] or [], row["score_values"] or [], kinds, strict=True)
        return [v for key, v, kind in scores if key == measure.removeprefix("scores.") and v is not None and kind != 2]
    value = row[UNITS[measure][0]]
    return [] if value is None else [value]


def unit_of(measure: str) -> int:
    return 10**9 if measure.startswith("scores.") else UNITS.get(measure, ("", 1))[1]


def expected(rows: Iterable[Row], measure: str, aggregates: Iterable[str], *, zero: bool = False) -> dict[str, Any]:
    """What must be answered of these traces."""
    every = [values_of(row, measure) for row in rows]
    is_score = measure.startswith("scores.")
    filled = [value or [0] for value in every] if zero and is_score else every
    values, unit = sorted(v for of_trace in filled for v in of_trace), unit_of(measure)
    missing = sum(not of_trace for of_trace in filled)
    figures: dict[str, Any] = {"count": len(values), "missing": missing}
    if is_score:
        figures["trace_count"] = sum(bool(of_trace) for of_trace in every)
    return figures | {name: _aggregate(name, values, unit) for name in aggregates if name not in figures}


def _aggregate(name: str, values: list[int], unit: int) -> float | int | None:
    if not values or (name == "std_dev" and len(values) < 2):
        return None
    n, total = len(values), Fraction(sum(values), unit)
    if name == "std_dev":
        mean = Fraction(sum(values), n)
        return math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / unit**2)
    exact = {"sum": total, "mean": total / n, "min": Fraction(values[0], unit), "max": Fraction(values[-1], unit)}
    value = exact[name] if name in exact else _percentile(values, Fraction(name[1:]) / 100) / unit
    return int(value) if unit == 1 and name in ("sum", "min", "max") else float(value)


def _percentile(values: list[int], share: Fraction) -> Fraction:
    """Hyndman and Fan's seventh definition."""
    h = (len(values) - 1) * share
    low = math.floor(h)
    high = min(low + 1, len(values) - 1)
    return values[low] + (h - low) * (values[high] - values[low])


def in_window(rows: Iterable[Row], start: int | None, end: int | None) -> list[Row]:
    return [r for r in rows if (start is None or r["start_time"] >= start) and (end is None or r["start_time"] < end)]


Keep = Callable[[Row], bool]

FILTERS: list[tuple[dict[str, Any] | None, Keep]] = [
    (None, lambda row: True),
    ({"status": "error"}, lambda row: row["status"] == "error"),
    ({"metadata__topic": "billing"}, lambda row: (row["metadata"] or {}).get("topic") == "billing"),
    ({"total_cost": {"gte": 1}}, lambda row: row["cost_pd"] is not None and row["cost_pd"] >= 10**12),
    (
        {"scores__accuracy": {"operator": "lt", "value": 1}},
        lambda row: any(v < 10**9 for v in values_of(row, "scores.accuracy")),
    ),
    ({"span_count": {"operator": "gt", "value": 100}}, lambda row: False),
]
"""Filters as they are sent, and what they keep."""
