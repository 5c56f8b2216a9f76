# /// script
# dependencies = [
#     "openinference-instrumentation-openai==0.1.66",
#     "openinference-instrumentation-langchain==0.1.80",
#     "langchain-openai==1.7.4",
#     "opentelemetry-exporter-otlp-proto-http==1.45.2",
# ]
# ///
"""OpenInference for OpenAI and for LangChain, both on: LangChain's calls are watched twice, and count once."""

import openai_calls
from instrumented import OPENAI, Instrumentation, run
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from otel_tracing import provider, root_span


def through_langchain(url: str, text: str) -> None:
    ChatOpenAI(model=OPENAI, base_url=url, api_key="unused", max_retries=0).invoke(text)


def agent(url: str, text: str) -> None:
    """A tool that is asked for, and the answer with what it said."""
    model = ChatOpenAI(model=OPENAI, base_url=url, api_key="unused", max_retries=0).bind_tools([get_weather])
    asked = model.invoke(text)
    model.invoke([HumanMessage(text), asked, ToolMessage("sunny", tool_call_id=asked.tool_calls[0]["id"])])


def get_weather() -> str:
    """The weather."""
    return "sunny"


def main() -> None:
    made = provider()
    OpenAIInstrumentor().instrument()
    LangChainInstrumentor().instrument()
    calls = {**openai_calls.CALLS, "chat": through_langchain, "agent": agent}
    run(Instrumentation("openinference", calls, root_span, made.force_flush, tells_first_token={"stream"}))


if __name__ == "__main__":
    main()
