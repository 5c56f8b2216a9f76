"""Writers to test with, and what the store must hold, worked out from its spans by other means than the product's."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.keys import TenantId
from spanstats.domain.span import Filled, Span
from spanstats.ingest.commits import Committer
from spanstats.ingest.evaluators import Evaluators
from spanstats.ingest.queue import QueueLimits
from spanstats.ingest.tools import Tools
from spanstats.store.session import Database, Kind

START = 1_780_000_000_000_000
TENANT = TenantId(1)


def price_of_known_models(span: Span) -> int | None:
    """A thousand picodollars per input token, for one model."""
    return 1_000 * span.prompt_tokens if span.model == "priced" and span.prompt_tokens is not None else None


def new_tools() -> Tools:
    """What a writer needs; it remembers evaluators, so each database needs its own."""
    return Tools(price_of_known_models, lambda trace: trace.trace_id, Evaluators())


@asynccontextmanager
async def committer(engine: AsyncEngine, limits: QueueLimits | None = None) -> AsyncIterator[Committer]:
    writer = Committer(Database(engine), new_tools(), limits)
    try:
        yield writer
    finally:
        await writer.stop()


async def rows(engine: AsyncEngine, sql: str, *values: Any) -> list[dict[str, Any]]:
    async with Database(engine).transaction(Kind.READ) as tx:
        return [dict(row) for row in await tx.driver.fetch(sql, *values)]


async def stored_traces(engine: AsyncEngine) -> dict[str, dict[str, Any]]:
    """The rows of all traces by id."""
    return {row["trace_id"]: row for row in await rows(engine, "SELECT * FROM traces")}


async def expected_traces(engine: AsyncEngine) -> dict[str, dict[str, Any]]:
    """What the stored spans add up to, by trace id."""
    spans = await rows(
        engine, "SELECT s.*, p.metadata, p.labels FROM spans s JOIN span_payloads p USING (trace_id, span_id)"
    )
    scores = await rows(engine, "SELECT * FROM scores")
    by_trace: dict[str, list[dict[str, Any]]] = {}
    for span in spans:
        own = [s for s in scores if (s["trace_id"], s["span_id"]) == (span["trace_id"], span["span_id"])]
        by_trace.setdefault(span["trace_id"], []).append({**span, "scores": own})
    return {trace_id: _trace(of_trace) for trace_id, of_trace in by_trace.items()}


def _trace(spans: list[dict[str, Any]]) -> dict[str, Any]:
    spans = sorted(spans, key=lambda s: (s["start_time"], s["span_id"].encode()))
    roots = [s for s in spans if s["parent_id"] in (None, s["span_id"]) or s["trace_id"] == s["span_id"]]
    root = roots[0] if roots else None
    experiment_keys = [s["experiment_key"] for s in [*roots[:1], *spans] if s["experiment_key"] is not None]
    costs = [s["cost_pd"] for s in spans if s["cost_pd"] is not None]
    metadata: dict[str, Any] = {}
    for span in [*roots[:1], *spans]:
        metadata = {**(span["metadata"] or {}), **metadata}
    ends = max(s["end_time"] for s in spans)
    failed = any(s["status"] == "error" for s in spans)
    is_silent = root is None or (root["filled"] & Filled.STATUS and not root["by_span_id"])
    return {
        "n_spans": len(spans),
        "n_errors": len([s for s in spans if s["status"] == "error"]),
        "prompt_tokens": sum(s["prompt_tokens"] or 0 for s in spans),
        "completion_tokens": sum(s["completion_tokens"] or 0 for s in spans),
        "total_tokens": sum(s["total_tokens"] or 0 for s in spans),
        "cost_pd": sum(costs) if costs else None,
        "start_time": root["start_time"] if root else spans[0]["start_time"],
        "end_time": root["end_time"] if root else ends,
        "latency_us": root["latency_us"] if root else ends - spans[0]["start_time"],
        "name": root["name"] if root else None,
        "status": ("error" if failed else "success") if is_silent or root is None else root["status"],
        "has_root": root is not None,
        "experiment_key": experiment_keys[0] if experiment_keys else None,
        "metadata": metadata,
        "n_scores": sum(len(s["scores"]) for s in spans),
        "score_total": sum(round(c["value"] * 10**9) for s in spans for c in s["scores"] if c["value"] is not None),
    }


def comparable(trace: dict[str, Any]) -> dict[str, Any]:
    """A stored trace as `expected_traces` describes it."""
    scores = trace["score_values"] or []
    counted = {"n_scores": len(scores), "score_total": sum(v for v in scores if v is not None)}
    same = {k: trace[k] for k in _COMPARED}
    return {**same, **counted, "metadata": trace["metadata"] or {}}


_COMPARED = (
    *("n_spans", "n_errors", "prompt_tokens", "completion_tokens", "total_tokens", "cost_pd", "start_time", "end_time"),
    *("latency_us", "name", "status", "has_root", "experiment_key"),
)


async def assert_traces_equal_their_spans(engine: AsyncEngine) -> None:
    stored, expected = await stored_traces(engine), await expected_traces(engine)
    assert stored.keys() == expected.keys()
    wrong = {t: (comparable(stored[t]), e) for t, e in expected.items() if comparable(stored[t]) != e}
    assert not wrong, json.dumps(dict(list(wrong.items())[:3]), indent=1)
