# /// script
# dependencies = [
#     "respan-ai==4.2.4",
#     "respan-instrumentation-openai-agents==1.1.3",
#     "respan-instrumentation-anthropic==1.2.0",
#     "respan-instrumentation-litellm==0.1.1",
#     "openai-agents==0.20.0",
#     "anthropic==2.14.0",
#     "opentelemetry-instrumentation==0.66b1",
# ]
# ///
"""Respan's instrumentations of OpenAI's agents, of Anthropic and of litellm."""

from collections.abc import Iterator
from contextlib import contextmanager

import anthropic_calls
import litellm
from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool
from instrumented import OPENAI, Instrumentation, run
from openai import AsyncOpenAI
from respan import Respan, propagate_attributes, workflow
from respan_instrumentation_anthropic import AnthropicInstrumentor
from respan_instrumentation_litellm import LiteLLMInstrumentor
from respan_instrumentation_openai_agents import OpenAIAgentsInstrumentor


@function_tool
def get_weather() -> str:
    """The weather."""
    return "sunny"


def agent(url: str, text: str) -> None:
    client = AsyncOpenAI(base_url=url, api_key="unused", max_retries=0)
    asked = Agent("Weather", tools=[get_weather], model=OpenAIChatCompletionsModel(OPENAI, client))
    Runner.run_sync(asked, text)


def chat(url: str, text: str) -> None:
    messages = [{"role": "user", "content": text}]
    litellm.completion(f"openai/{OPENAI}", messages, api_base=url, api_key="unused", num_retries=0)


@contextmanager
def inside(experiment_id: str) -> Iterator[None]:
    with propagate_attributes(metadata={"experiment_id": experiment_id}):
        yield


def main() -> None:
    instrumentations = [OpenAIAgentsInstrumentor(), AnthropicInstrumentor(), LiteLLMInstrumentor()]
    respan = Respan(app_name="clients", instrumentations=instrumentations)
    calls = {"agent": agent, "chat": chat, **anthropic_calls.CALLS}
    traced = {kind: workflow(name=kind)(call) for kind, call in calls.items()}
    run(Instrumentation("respan", traced, inside, respan.flush, never_tells_cached={"agent_cached", "cached"}))


if __name__ == "__main__":
    main()
