"""Calls of Anthropic's own client, for instrumentations that watch it."""

import anthropic
from instrumented import CLAUDE


def client(url: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=url, api_key="unused", max_retries=0)


def claude(url: str, text: str) -> None:
    client(url).messages.create(model=CLAUDE, max_tokens=100, messages=[{"role": "user", "content": text}])


def claude_stream(url: str, text: str) -> None:
    asked = client(url).messages.create(
        model=CLAUDE, max_tokens=100, messages=[{"role": "user", "content": text}], stream=True
    )
    for _ in asked:
        pass


CALLS = {"claude": claude, "claude_stream": claude_stream}
