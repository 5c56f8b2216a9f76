"""OTLP bodies of agent runs as instrumentations send them: traces of eight spans, each with about 1 KB.

A workflow, the agent with the sum of its calls' tokens, three calls of a model with messages and response ids, and
three tools.
"""

import json
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .bodies import START_S, add_span

SPANS_PER_TRACE = 8
_TEXT = "Look up the orders of the customer and say which of them are late, and by how many days. " * 4
_CALLS = (2, 4, 6)
_TRACE_NS = 2_857_143
_STEP_NS = 50_000_000


def json_requests(traces: int, per_request: int, experiment: str, offset: int) -> Iterator[bytes]:
    """Export requests as JSON."""
    for begin in range(offset, offset + traces, per_request):
        spans = [span for number in range(begin, begin + per_request) for span in _run(number, experiment)]
        yield json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def protobuf(traces: int, per_request: int, experiment: str, offset: int) -> Iterator[bytes]:
    """The same as protobuf."""
    for body in json_requests(traces, per_request, experiment, offset):
        request = ExportTraceServiceRequest()
        for sent in json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]:
            add_span(request, sent)
        yield request.SerializeToString()


def _run(number: int, experiment: str) -> list[dict[str, Any]]:
    return [_span(number, step, experiment) for step in range(SPANS_PER_TRACE)]


def _span(number: int, step: int, experiment: str) -> dict[str, Any]:
    start = START_S * 10**9 + number * _TRACE_NS + step * _STEP_NS
    # The workflow and the agent end last.
    end = start + (SPANS_PER_TRACE - step if step < _CALLS[0] else 1) * _STEP_NS
    texts, numbers = _said(number, step)
    texts |= {"respan.metadata.experiment_id": experiment, "respan.metadata.env": ("prod", "test")[number % 2]}
    return {
        "traceId": f"{number:032x}",
        "spanId": _span_id(number, step),
        "parentSpanId": _span_id(number, min(step - 1, 1)) if step else "",
        "name": f"step {step}",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(end),
        "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in texts.items()]
        + [{"key": k, "value": {"intValue": str(v)}} for k, v in numbers.items()],
        "status": {"code": 1},
    }


def _span_id(number: int, step: int) -> str:
    return f"{number * SPANS_PER_TRACE + step + 1:016x}"


def _usage(number: int, step: int) -> tuple[int, int]:
    return 400 + 100 * step + number % 97, 30 + step + number % 89


def _said(number: int, step: int) -> tuple[dict[str, str], dict[str, int]]:
    """The texts and the numbers among the attributes of a step."""
    if step == 0:
        texts = {"traceloop.span.kind": "workflow", "traceloop.entity.input": _TEXT, "traceloop.entity.output": _TEXT}
        return texts, {}
    if step == 1:
        prompt, completion = (sum(given) for given in zip(*(_usage(number, s) for s in _CALLS), strict=True))
        usage = {"gen_ai.usage.input_tokens": prompt, "gen_ai.usage.output_tokens": completion}
        return {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "orders"}, usage
    if step not in _CALLS:
        texts = {
            "gen_ai.tool.name": "find_orders",
            "gen_ai.tool.call.arguments": _TEXT,
            "gen_ai.tool.call.result": _TEXT,
        }
        return {"gen_ai.operation.name": "execute_tool", **texts}, {}
    prompt, completion = _usage(number, step)
    texts = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": f"chatcmpl-{number}-{step}",
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": _TEXT}]}]),
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": _TEXT}]}]),
    }
    return texts, {"gen_ai.usage.input_tokens": prompt, "gen_ai.usage.output_tokens": completion}
