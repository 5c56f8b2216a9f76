"""Two runs of the same cases, of which the second answers better and costs more, and a third with everything odd."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import httpx

LONG = "n" * 255
RIGHT_TO_LEFT = "שלום עולם مرحبا"
HOSTILE = "<script>alert(1)</script>'\"&{{7*7}}${7*7}\u202e"


def traces(run: str, quality: float, cost: float, count: int = 60) -> Iterator[dict[str, Any]]:
    """Flat spans: one root with one model call for each case; the third of them repeats, one in ten fails."""
    rng = random.Random(run)
    for number in range(count):
        trace = f"{run}-{number}"
        failed = number % 10 == 9
        correct = rng.random() < quality and not failed
        start = f"2026-11-20T10:{number % 60:02d}:00Z"
        yield {
            "trace_unique_id": trace,
            "span_unique_id": f"{trace}-root",
            "span_name": "answer a question",
            "log_type": "workflow",
            "input": {"question": f"What is {number} plus {number}?"},
            "output": f"It is {2 * number if correct else 2 * number + 1}, of course.",
            "expected_output": str(2 * number),
            "start_time": start,
            "latency": round(1 + rng.random(), 3),
            "status": "error" if failed else "success",
            "error_message": "cut off" if failed else None,
            "metadata": {"experiment_id": run, "topic": ("sums", "words", "code")[number % 3]},
        }
        yield {
            "trace_unique_id": trace,
            "span_unique_id": f"{trace}-call",
            "span_parent_id": f"{trace}-root",
            "span_name": "chat",
            "log_type": "chat",
            "model": ("gpt-4o-mini", "gpt-4o")[number % 2],
            "prompt_tokens": 100 + number,
            "completion_tokens": 20,
            "cost": round(cost * (1 + rng.random() / 10), 6),
            "start_time": start,
            "latency": 0.8,
            "metadata": {"experiment_id": run},
        }


def scores(run: str, quality: float, count: int = 60) -> Iterator[tuple[str, dict[str, Any]]]:
    """Trace id and body of each score; one in twenty has none."""
    rng = random.Random(run)
    for number in range(count):
        correct = rng.random() < quality and number % 10 != 9
        if number % 20 != 19:
            yield f"{run}-{number}", {"evaluator_slug": "correct", "boolean_value": correct}
            yield f"{run}-{number}", {"evaluator_slug": "relevance", "numerical_value": round(rng.random(), 3)}


def odd_spans() -> list[dict[str, Any]]:
    """A run whose names, inputs and outputs are long, hostile, right to left, or missing."""
    texts = [LONG, RIGHT_TO_LEFT, HOSTILE, "", None]
    return [
        {
            "trace_unique_id": f"odd-{n}",
            "span_unique_id": f"odd-{n}",
            "span_name": text,
            "input": text,
            "output": {"text": text},
            "model": text,
            "status": "error" if n == 2 else None,
            "error_message": text,
            "start_time": "2026-11-21T00:00:00Z",
            "latency": n or None,
            "metadata": {"experiment_id": HOSTILE, "topic": text, HOSTILE: text},
        }
        for n, text in enumerate(texts)
    ]


def long_names() -> list[dict[str, Any]]:
    """A run in which every name has 255 characters, and right-to-left text is long."""
    spans = list(traces("long", 0.5, 0.001, 12))
    for span in spans:
        span["span_name"], span["metadata"]["experiment_id"] = LONG, LONG
        span["input"] = span["output"] = f"{RIGHT_TO_LEFT} " * 30
        span["model"] = span.get("model") and f"{span['model']}-{LONG}"[:255]
    return spans


async def load(client: httpx.AsyncClient) -> None:
    """Everything above, through the interface."""
    for name, quality, cost in (("base", 0.5, 0.001), ("candidate", 0.95, 0.002)):
        await ingest(client, list(traces(name, quality, cost)))
        await asyncio.gather(*(post(client, f"/api/logs/{t}/scores/", score) for t, score in scores(name, quality)))
    await ingest(client, odd_spans())


async def ingest(client: httpx.AsyncClient, spans: list[dict[str, Any]]) -> None:
    await post(client, "/api/v1/traces/ingest", spans)


async def post(client: httpx.AsyncClient, path: str, body: Any) -> None:
    answer = await client.post(path, json=body)
    assert answer.status_code < 300, answer.text
