"""The bodies that OpenAI's and Anthropic's APIs answer with: pure functions of a question and its usage."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ledger import Usage, asked

Json = dict[str, Any]
_numbers = itertools.count(1)
CREATED = 1_790_000_000


@dataclass
class Question:
    """A call of a model: `text` is the person's last message, `tool` what the answer must call first."""

    model: str
    text: str
    tool: str | None
    streams: bool

    @property
    def answer(self) -> str:
        return asked(self.text).get("text", self.text.partition(" #")[0].upper())


def question(body: Json) -> Question:
    """The question in a body of any of the APIs."""
    messages = body.get("messages") or body.get("input")
    text, is_answered = _last_text(messages)
    tool = None if is_answered else asked(text).get("tool")
    return Question(body["model"], text, tool, bool(body.get("stream")))


def _last_text(messages: Any) -> tuple[str, bool]:
    """(the person's last words, whether a tool has answered)."""
    if isinstance(messages, str):
        return messages, False
    text, is_answered = "", False
    for message in messages:
        if isinstance(message, str):
            text = message
            continue
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        is_answered |= message.get("role") == "tool" or message.get("type") == "function_call_output"
        is_answered |= any(part.get("type") == "tool_result" for part in parts)
        told = next((part["text"] for part in parts if isinstance(part.get("text"), str)), None)
        if message.get("role") == "user" and told is not None:
            text = told
    return text, is_answered


def chat_usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": 0},
    }


def chat(asked_for: Question, usage: Usage) -> Json:
    message: Json = {"role": "assistant", "content": asked_for.answer}
    if asked_for.tool:
        call = {"id": "call_1", "type": "function", "function": {"name": asked_for.tool, "arguments": "{}"}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    reason = "tool_calls" if asked_for.tool else "stop"
    return {
        "id": f"chatcmpl-{next(_numbers)}",
        "object": "chat.completion",
        "created": CREATED,
        "model": asked_for.model,
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": chat_usage(usage),
    }


def chat_chunks(asked_for: Question, usage: Usage) -> list[tuple[str | None, Json]]:
    """One chunk for each letter; the usage comes in one of its own, which not every client asks for."""
    head = {
        "id": f"chatcmpl-{next(_numbers)}",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": asked_for.model,
    }
    deltas: list[Json] = [*({"content": letter} for letter in asked_for.answer), {}]
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}]}
        for delta in deltas
    ]
    return [(None, chunk) for chunk in [*chunks, {**head, "choices": [], "usage": chat_usage(usage)}]]


def responses(asked_for: Question, usage: Usage) -> Json:
    part = {"type": "output_text", "text": asked_for.answer, "annotations": []}
    output: Json = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    if asked_for.tool:
        output = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": asked_for.tool, "arguments": "{}"}
    return {
        "id": f"resp_{next(_numbers)}",
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "model": asked_for.model,
        "output": [output],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "usage": {
            "input_tokens": usage.input,
            "input_tokens_details": {"cached_tokens": usage.cached},
            "output_tokens": usage.output,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning},
            "total_tokens": usage.input + usage.output,
        },
    }


def embeddings(asked_for: Question, usage: Usage) -> Json:
    return {
        "object": "list",
        "model": asked_for.model,
        "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}],
        "usage": {"prompt_tokens": usage.input, "total_tokens": usage.input},
    }


def anthropic_usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.fresh,
        "cache_read_input_tokens": usage.cached,
        "cache_creation_input_tokens": usage.written,
        "output_tokens": usage.output,
        "service_tier": "standard",
    }


def messages(asked_for: Question, usage: Usage) -> Json:
    content: Json = {"type": "text", "text": asked_for.answer}
    if asked_for.tool:
        content = {"type": "tool_use", "id": "toolu_1", "name": asked_for.tool, "input": {}}
    return {
        "id": f"msg_{next(_numbers)}",
        "type": "message",
        "role": "assistant",
        "model": asked_for.model,
        "content": [content],
        "stop_reason": "tool_use" if asked_for.tool else "end_turn",
        "stop_sequence": None,
        "usage": anthropic_usage(usage),
    }


def message_events(asked_for: Question, usage: Usage) -> list[tuple[str | None, Json]]:
    """The output is counted at the end; until then one token of it is told."""
    whole = messages(asked_for, usage)
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    events: list[Json] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": asked_for.answer}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": usage.output},
        },
        {"type": "message_stop"},
    ]
    return [(event["type"], event) for event in events]


Body = Callable[[Question, Usage], Json]
Stream = Callable[[Question, Usage], list[tuple[str | None, Json]]]

APIS: dict[str, tuple[Body, Stream | None]] = {
    "chat/completions": (chat, chat_chunks),
    "responses": (responses, None),
    "embeddings": (embeddings, None),
    "messages": (messages, message_events),
}
