"""What a flow knows of its experiment by itself, and the comparison of that with both vendors' answers."""

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from checks import Checks

URL = os.environ["SPANSTATS_URL"]
KEY = os.environ["SPANSTATS_API_KEY"]

# Dollars for a million tokens, from the providers' price lists.
PRICES = {
    "gpt-4o": {"input": Decimal("2.50"), "cached": Decimal("1.25"), "output": Decimal("10.00")},
    "gpt-4o-mini": {"input": Decimal("0.15"), "cached": Decimal("0.075"), "output": Decimal("0.60")},
}


def price(model: str, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> Decimal:
    """Dollars that a call costs; cached tokens are among the input tokens."""
    rates = PRICES[model]
    fresh = input_tokens - cached_tokens
    return (fresh * rates["input"] + cached_tokens * rates["cached"] + output_tokens * rates["output"]) / 1_000_000


@dataclass
class Expected:
    """The totals of an experiment."""

    traces: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    scores: dict[str, list[float]] = field(default_factory=dict)

    def call(self, model: str, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> None:
        """Add a call to a model, at its price."""
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        self.cost += price(model, input_tokens, output_tokens, cached_tokens)

    def score(self, name: str, value: float) -> None:
        """Add a score."""
        self.scores.setdefault(name, []).append(value)


def request(method: str, path: str, body: Any = None, key: str = KEY) -> tuple[int, Any]:
    """Status and decoded body of an answer."""
    asked = urllib.request.Request(  # noqa: S310
        URL + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def stats(experiment_id: str) -> list[dict[str, Any]]:
    """Parea's answer: one entry for each root."""
    status, answer = request("GET", f"/api/parea/v1/experiment/{experiment_id}/stats")
    assert status == 200, answer
    return answer["parent_trace_stats"]


def summary(experiment_id: str, filters: Any = None) -> dict[str, Any]:
    """Respan's answer: totals over all traces that match."""
    status, answer = request(
        "POST", f"/api/v2/experiments/{experiment_id}/logs/summary/", {} if filters is None else {"filters": filters}
    )
    assert status == 200, answer
    return answer


def compare(checks: Checks, experiment_id: str, expected: Expected) -> None:
    """Both answers hold what is expected, and agree with each other where only the service knows."""
    entries, totals = stats(experiment_id), summary(experiment_id)
    _compare_stats(checks, entries, expected)
    _compare_summary(checks, totals, expected)
    failed = summary(experiment_id, {"status": {"operator": "", "value": ["error"]}})
    checks.equal("summary of failed traces: count", failed["total_count"], expected.failed)
    latencies = [entry["latency"] for entry in entries if entry["latency"] is not None]
    checks.equal("both: traces with a latency", totals["latency_count"], len(latencies))
    checks.near("both: mean latency", totals["avg_latency"], _mean(latencies), 1e-9)
    checks.near("both: cost", totals["total_cost"], _cost(entries))


def _compare_stats(checks: Checks, entries: list[dict[str, Any]], expected: Expected) -> None:
    checks.equal("stats: traces", len(entries), expected.traces)
    for name in ("input_tokens", "output_tokens"):
        checks.equal(f"stats: {name}", sum(entry[name] for entry in entries), getattr(expected, name))
    total = expected.input_tokens + expected.output_tokens
    checks.equal("stats: total_tokens", sum(entry["total_tokens"] for entry in entries), total)
    checks.near("stats: cost", float(_cost(entries)), expected.cost)
    found: dict[str, list[float]] = {}
    for entry in entries:
        for score in entry["scores"]:
            found.setdefault(score["name"], []).append(score["score"])
    checks.equal("stats: scores", _sorted(found), _sorted(expected.scores))


def _compare_summary(checks: Checks, totals: dict[str, Any], expected: Expected) -> None:
    checks.equal("summary: total_count", totals["total_count"], expected.traces)
    checks.equal("summary: number_of_requests", totals["number_of_requests"], expected.traces)
    checks.equal("summary: error_count", totals["error_count"], expected.failed)
    checks.equal("summary: total_prompt_tokens", totals["total_prompt_tokens"], expected.input_tokens)
    checks.equal("summary: total_completion_tokens", totals["total_completion_tokens"], expected.output_tokens)
    checks.equal("summary: total_tokens", totals["total_tokens"], expected.input_tokens + expected.output_tokens)
    checks.near("summary: total_cost", totals["total_cost"], expected.cost)
    checks.equal("summary: score names", sorted(totals["scores"]), sorted(expected.scores))
    for name, values in expected.scores.items():
        score = totals["scores"].get(name, {})
        checks.equal(f"summary: count of score {name}", score.get("count"), len(values))
        checks.near(f"summary: mean of score {name}", score.get("avg_score"), _mean(values), 1e-9)


def _cost(entries: list[dict[str, Any]]) -> Decimal:
    return sum((Decimal(repr(entry["cost"])) for entry in entries if entry["cost"] is not None), Decimal(0))


def _mean(values: list[float]) -> Decimal:
    return sum(map(Decimal, values), Decimal(0)) / len(values) if values else Decimal(0)


def _sorted(scores: dict[str, list[float]]) -> dict[str, list[float]]:
    return {name: sorted(values) for name, values in sorted(scores.items())}
