"""Calls of OpenAI's own client, for instrumentations that watch it."""

from typing import Any

import openai
from instrumented import EMBEDDING, OPENAI

FUNCTION = {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}
TOOL: Any = {"type": "function", "function": FUNCTION}


def client(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=url, api_key="unused", max_retries=0)


def chat(url: str, text: str) -> None:
    client(url).chat.completions.create(model=OPENAI, messages=[{"role": "user", "content": text}])


def stream(url: str, text: str) -> None:
    chunks = client(url).chat.completions.create(
        model=OPENAI,
        messages=[{"role": "user", "content": text}],
        stream=True,
        stream_options={"include_usage": True},
    )
    for _ in chunks:
        pass


def agent(url: str, text: str) -> None:
    """Two calls: one that asks for a tool, one that answers with what it said."""
    messages: list[Any] = [{"role": "user", "content": text}]
    asked = client(url).chat.completions.create(model=OPENAI, messages=messages, tools=[TOOL]).choices[0].message
    assert asked.tool_calls, asked
    messages += [asked.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}]
    client(url).chat.completions.create(model=OPENAI, messages=messages, tools=[TOOL])


def responses(url: str, text: str) -> None:
    client(url).responses.create(model=OPENAI, input=text)


def embedding(url: str, text: str) -> None:
    client(url).embeddings.create(model=EMBEDDING, input=text)


CALLS = {
    "chat": chat,
    "stream": stream,
    "agent": agent,
    "responses": responses,
    "embedding": embedding,
}
