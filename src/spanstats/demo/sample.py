"""The sample: ten questions answered by a small pipeline, as each vendor's SDK would post them."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

QUESTIONS = 10
_MODELS = ("gpt-4o-mini", "gpt-4o")


@dataclass(frozen=True, slots=True)
class Step:
    """One span of the pipeline: seconds from the start of its question, tokens where it calls a model."""

    name: str
    begins_s: float
    takes_s: float
    tokens: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One trace: its root takes as long as its steps, one of them fails, evaluators score the answer."""

    number: int
    model: str
    steps: tuple[Step, ...]
    failed: bool
    scores: dict[str, float]

    @property
    def takes_s(self) -> float:
        return max(step.begins_s + step.takes_s for step in self.steps)


def questions() -> list[Question]:
    """The sample, without any vendor's clothes."""
    rng = random.Random(7)  # noqa: S311 (a sample, not a secret)
    return [_question(rng, number) for number in range(QUESTIONS)]


def _question(rng: random.Random, number: int) -> Question:
    search, answer = round(rng.uniform(0.05, 0.3), 3), round(rng.uniform(0.4, 2.5), 3)
    steps = (
        Step("search", 0.001, search),
        Step("answer", 0.002 + search, answer, (rng.randrange(300, 1_500), rng.randrange(40, 400))),
    )
    failed = number == QUESTIONS - 1
    scores = {} if failed else {"relevance": round(rng.uniform(0.4, 1), 2), "correct": float(rng.random() < 0.8)}
    return Question(number, _MODELS[number % 2], steps, failed, scores)


def parea_logs(experiment_uuid: str, run: str, began: datetime) -> Iterator[bytes]:
    """Bodies of `POST /trace_log`, one per span, children before their root."""
    for question in questions():
        root = f"{run}-{question.number}"
        start = began + timedelta(seconds=3 * question.number)
        common = {"root_trace_id": root, "parent_trace_id": root, "experiment_uuid": experiment_uuid}
        for index, step in enumerate(question.steps):
            prompt, completion = step.tokens or (0, 0)
            configuration = {"model": question.model, "provider": "openai"} if step.tokens else {}
            log = {**common, "trace_id": f"{root}-{index}", "trace_name": step.name, "configuration": configuration}
            usage = {"input_tokens": prompt, "output_tokens": completion}
            yield json.dumps({**log, **times(start, step.begins_s, step.takes_s), **usage}).encode()
        scores = [{"name": name, "score": score} for name, score in question.scores.items()]
        outcome = {"status": "error", "error": "the answer was cut off"} if question.failed else {"status": "success"}
        log = {**common, "trace_id": root, "trace_name": "question", "inputs": {"number": question.number}}
        yield json.dumps({**log, **times(start, 0, question.takes_s), **outcome, "scores": scores}).encode()


def times(start: datetime, begins_s: float, takes_s: float) -> dict[str, Any]:
    """The times of a log of Parea's, in seconds from the start."""
    begin = start + timedelta(seconds=begins_s)
    end = begin + timedelta(seconds=takes_s)
    return {"start_timestamp": begin.isoformat(), "end_timestamp": end.isoformat(), "latency": takes_s}


def otlp_requests(experiment_id: str, run: str, began: datetime) -> Iterator[bytes]:
    """OTLP JSON export requests, one per trace."""
    for question in questions():
        start = began + timedelta(seconds=3 * question.number)
        trace_id, root = f"{run}{question.number:08x}", f"{question.number:016x}"[:-1] + "f"
        attributes = {"respan.metadata.experiment_id": experiment_id, "respan.metadata.question": str(question.number)}
        spans = [_otlp_span(trace_id, root, None, "question", start, 0, question.takes_s, attributes)]
        spans[0]["status"] = {"code": 2, "message": "the answer was cut off"} if question.failed else {"code": 1}
        for index, step in enumerate(question.steps):
            own: dict[str, Any] = dict(attributes)
            if step.tokens:
                own |= {"llm.request.type": "chat", "gen_ai.request.model": question.model}
                own |= dict(zip(("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"), step.tokens, strict=True))
            times = start, step.begins_s, step.takes_s
            spans.append(_otlp_span(trace_id, f"{question.number:08x}{index + 1:08x}", root, step.name, *times, own))
        yield json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def _otlp_span(
    trace_id: str,
    span_id: str,
    parent_id: str | None,
    name: str,
    start: datetime,
    begins_s: float,
    takes_s: float,
    attributes: dict[str, Any],
) -> dict[str, Any]:
    begin = round((start - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1000
    begin += round(begins_s * 1e6) * 1000
    span: dict[str, Any] = {
        "traceId": trace_id,
        "spanId": span_id,
        "name": name,
        "startTimeUnixNano": str(begin),
        "endTimeUnixNano": str(begin + round(takes_s * 1e6) * 1000),
        "attributes": [
            {"key": k, "value": {"intValue": str(v)} if isinstance(v, int) else {"stringValue": v}}
            for k, v in attributes.items()
        ],
    }
    return span | ({"parentSpanId": parent_id} if parent_id else {})
