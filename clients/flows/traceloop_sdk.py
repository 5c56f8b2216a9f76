# /// script
# dependencies = [
#     "traceloop-sdk==0.62.4",
#     "openai==3.54.0",
#     "anthropic==2.14.0",
#     "httpx==0.28.1",
#     "opentelemetry-instrumentation==0.66b1",
#     "opentelemetry-instrumentation-logging==0.66b1",
#     "opentelemetry-instrumentation-redis==0.66b1",
#     "opentelemetry-instrumentation-requests==0.66b1",
#     "opentelemetry-instrumentation-sqlalchemy==0.66b1",
#     "opentelemetry-instrumentation-threading==0.66b1",
#     "opentelemetry-instrumentation-urllib3==0.66b1",
# ]
# ///
"""Traceloop's SDK: decorated workflows and tasks around calls of OpenAI's and Anthropic's clients."""

from collections.abc import Iterator
from contextlib import contextmanager

import anthropic_calls
import openai_calls
from expected import KEY, URL
from instrumented import Call, Instrumentation, run
from opentelemetry import trace
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import task, workflow


def traced(kind: str, call: Call) -> Call:
    """The call in a task of a workflow."""
    return workflow(name=kind)(task(name=f"call {kind}")(call))


@contextmanager
def inside(experiment_id: str) -> Iterator[None]:
    Traceloop.set_association_properties({"experiment_id": experiment_id})
    yield


def main() -> None:
    Traceloop.init(app_name="clients", api_endpoint=f"{URL}/api", headers={"x-api-key": KEY})
    calls = {kind: traced(kind, call) for kind, call in (openai_calls.CALLS | anthropic_calls.CALLS).items()}
    flush = trace.get_tracer_provider().force_flush
    run(Instrumentation("traceloop", calls, inside, flush, tells_first_token={"stream"}))


if __name__ == "__main__":
    main()
