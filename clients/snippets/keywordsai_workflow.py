# /// script
# dependencies = ["keywordsai-tracing==0.0.59"]
# ///
import os

import requests
from keywordsai_tracing import KeywordsAITelemetry
from keywordsai_tracing.contexts.span import keywordsai_span_attributes
from keywordsai_tracing.decorators import task, workflow

telemetry = KeywordsAITelemetry()


@task(name="generate")
def generate(name: str) -> str:
    return f"Hello {name}"


@workflow(name="greet")
def greet(name: str) -> str:
    with keywordsai_span_attributes({"metadata": {"experiment_id": "greetings-keywordsai"}}):
        return generate(name)


greet("Ada")
telemetry.flush()

summary = requests.get(
    f"{os.environ['KEYWORDSAI_BASE_URL']}/v2/experiments/greetings-keywordsai/logs/summary/",
    headers={"Authorization": f"Bearer {os.environ['KEYWORDSAI_API_KEY']}"},
    timeout=10,
).json()
print(summary["total_count"], summary["error_count"])  # 1 0
