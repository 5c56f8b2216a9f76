# /// script
# dependencies = ["pydantic-ai-slim[openai,anthropic]==2.68.0", "opentelemetry-exporter-otlp-proto-http==1.45.2"]
# ///
"""pydantic-ai: agents with OpenAI's and Anthropic's models; an agent's run sums up its calls."""

import asyncio
from typing import Any

from instrumented import CLAUDE, OPENAI, Instrumentation, run
from otel_tracing import provider, root_span
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider


def chat_agent(url: str) -> Agent[None, str]:
    return Agent(OpenAIChatModel(OPENAI, provider=OpenAIProvider(base_url=url, api_key="unused")))


def chat(url: str, text: str) -> None:
    chat_agent(url).run_sync(text)


def agent(url: str, text: str) -> None:
    asked = chat_agent(url)

    @asked.tool_plain
    def get_weather() -> str:
        return "sunny"

    asked.run_sync(text)


def stream(url: str, text: str) -> None:
    async def read() -> None:
        async with chat_agent(url).run_stream(text) as answer:
            async for _ in answer.stream_text():
                pass

    asyncio.run(read())


def responses(url: str, text: str) -> None:
    Agent(OpenAIResponsesModel(OPENAI, provider=OpenAIProvider(base_url=url, api_key="unused"))).run_sync(text)


def claude(url: str, text: str) -> None:
    model: Any = AnthropicModel(CLAUDE, provider=AnthropicProvider(base_url=url, api_key="unused"))
    Agent(model).run_sync(text)


def main() -> None:
    made = provider()
    Agent.instrument_all()
    calls = {"chat": chat, "agent": agent, "stream": stream, "responses": responses, "claude": claude}
    run(Instrumentation("pydantic-ai", calls, root_span, made.force_flush, tells_first_token={"stream"}))


if __name__ == "__main__":
    main()
