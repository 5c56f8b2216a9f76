# /// script
# dependencies = ["respan-api==0.1.47"]
# ///
import os

from respan import RespanClient
from respan.traces import CreateTraceLegacyRequestZeroItem

key = os.environ["SPANSTATS_API_KEY"]
client = RespanClient(base_url=os.environ["SPANSTATS_URL"], authorization=f"Bearer {key}")
client.traces.create_trace_legacy(
    request=[
        CreateTraceLegacyRequestZeroItem(
            trace_unique_id="greeting-1",
            span_unique_id="greeting-1-call",
            span_name="greet",
            model="gpt-4o-mini",
            prompt_tokens=120,
            completion_tokens=30,
            latency=0.8,
            status="success",
            metadata={"experiment_id": "greetings-rest"},
        )
    ]
)

summary = client.experiments.filter_experiment_spans_summary(
    "greetings-rest", filters={"status": {"operator": "", "value": ["success"]}}
)
print(summary.number_of_requests, summary.total_tokens, summary.avg_latency)  # 1 150 0.8
