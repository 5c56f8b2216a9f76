# /// script
# dependencies = ["respan-exporter-openai-agents==1.3.0", "openai-agents==0.20.0"]
# ///
"""Respan's exporter of OpenAI's agents: flat spans, a root without times, usage as the Responses API tells it."""

from collections.abc import Iterator
from contextlib import contextmanager

from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool, set_trace_processors
from expected import KEY, URL
from instrumented import OPENAI, Instrumentation, run
from openai import AsyncOpenAI
from respan_exporter_openai_agents import RespanTraceProcessor


@function_tool
def get_weather() -> str:
    """The weather."""
    return "sunny"


def client(url: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=url, api_key="unused", max_retries=0)


def agent(url: str, text: str) -> None:
    model = OpenAIChatCompletionsModel(OPENAI, client(url))
    Runner.run_sync(Agent("Weather", tools=[get_weather], model=model), text)


def responses(url: str, text: str) -> None:
    Runner.run_sync(Agent("Weather", model=OpenAIResponsesModel(OPENAI, client(url))), text)


@contextmanager
def inside(experiment_id: str) -> Iterator[None]:
    """The exporter of this run alone, which adds the experiment to each of its spans."""
    processor = RespanTraceProcessor(
        api_key=KEY, endpoint=f"{URL}/api/openai/v1/traces/ingest", default_params={"experiment_id": experiment_id}
    )
    set_trace_processors([processor])
    try:
        yield
    finally:
        processor.force_flush()
        processor.shutdown()


def main() -> None:
    calls = {"agent": agent, "responses": responses}
    run(Instrumentation("agents-exporter", calls, inside, lambda: None))


if __name__ == "__main__":
    main()
