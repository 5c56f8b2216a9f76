# /// script
# dependencies = ["keywordsai-tracing==0.0.59"]
# ///
"""The SDK that Respan had as Keywords AI: OTLP as protobuf, plain and compressed with gzip."""

import os
import subprocess
import sys
import uuid

from checks import Checks
from expected import Expected, compare, summary
from keywordsai_tracing import KeywordsAITelemetry, get_client
from keywordsai_tracing.contexts.span import keywordsai_span_attributes
from keywordsai_tracing.decorators import task, workflow

MODEL = "gpt-4o"
TOKENS = [(120, 30), (7, 1), (2048, 512)]
CUSTOMER = "keywords-customer"


def main() -> None:
    checks = Checks()
    for compression in ("none", "gzip"):
        experiment_id = f"keywordsai-{compression}-{uuid.uuid4()}"
        # The exporter reads its compression once in a process.
        settings = os.environ | {"OTEL_EXPORTER_OTLP_COMPRESSION": compression}
        traced = subprocess.run([sys.executable, __file__, experiment_id], env=settings, timeout=60)
        checks.equal(f"compression {compression}: exit code", traced.returncode, 0)
        compare(checks, experiment_id, expectation())
        mine = summary(experiment_id, {"customer_identifier": {"operator": "", "value": [CUSTOMER]}})
        checks.equal("summary of the customer: count", mine["total_count"], len(TOKENS))
    checks.finish()


def run_workflows(experiment_id: str) -> None:
    telemetry = KeywordsAITelemetry(app_name="clients", instruments=set())

    @task(name="call")
    def call(read: int, written: int) -> None:
        get_client().update_current_span(
            attributes={
                "gen_ai.request.model": MODEL,
                "gen_ai.usage.prompt_tokens": read,
                "gen_ai.usage.completion_tokens": written,
            }
        )

    @workflow(name="answer")
    def answer(read: int, written: int) -> None:
        params = {"customer_identifier": CUSTOMER, "metadata": {"experiment_id": experiment_id}}
        with keywordsai_span_attributes(params):
            call(read, written)

    @workflow(name="failing")
    def failing() -> None:
        with keywordsai_span_attributes({"metadata": {"experiment_id": experiment_id}}):
            call(0, 0)
        raise ValueError("as planned")

    for read, written in TOKENS:
        answer(read, written)
    try:
        failing()
    except ValueError as error:
        print(error)
    telemetry.flush()


def expectation() -> Expected:
    expected = Expected(traces=len(TOKENS) + 1, failed=1)
    for read, written in TOKENS:
        expected.call(MODEL, read, written)
    return expected


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_workflows(sys.argv[1])
    else:
        main()
