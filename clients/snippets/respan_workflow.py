# /// script
# dependencies = ["respan-ai==4.2.4"]
# ///
import os

import requests
from respan import Respan, get_client, task, workflow

respan = Respan(metadata={"experiment_id": "greetings-respan"})


@task(name="generate")
def generate(name: str) -> str:
    # Calls of an OpenAI or Anthropic client are noted by themselves; here is one made by hand.
    usage = {"gen_ai.usage.input_tokens": 120, "gen_ai.usage.output_tokens": 30}
    get_client().update_current_span(attributes={"gen_ai.request.model": "gpt-4o-mini", **usage})
    return f"Hello {name}"


@workflow(name="greet")
def greet(name: str) -> str:
    return generate(name)


greet("Ada")
respan.flush()

summary = requests.get(
    f"{os.environ['RESPAN_BASE_URL']}/v2/experiments/greetings-respan/logs/summary/",
    headers={"Authorization": f"Bearer {os.environ['RESPAN_API_KEY']}"},
    timeout=10,
).json()
print(summary["total_count"], summary["total_tokens"], summary["total_cost"])  # 1 150 3.6e-05
