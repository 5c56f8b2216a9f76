# /// script
# dependencies = ["respan-api==0.0.20260401"]
# ///
"""The first published REST client of Respan: traces as lists of flat spans, and the summary by GET."""

import uuid
from datetime import UTC, datetime, timedelta

from checks import Checks
from expected import KEY, URL
from respan import RespanClient
from respan.core.api_error import ApiError
from respan.spans import IngestSpansFromTracesRequestBodyItem as Item

KEYED = {"authorization": f"Bearer {KEY}"}
START = datetime(2026, 7, 1, 12, tzinfo=UTC)
WINDOW = {"start_time": "2026-07-01T00:00:00Z", "end_time": "2026-07-02T00:00:00"}


def main() -> None:
    checks, client = Checks(), RespanClient(base_url=URL)
    experiment_id = f"oldest-{uuid.uuid4()}"
    for n in range(3):
        trace_id, start = uuid.uuid4().hex, START + timedelta(minutes=n)
        ids = {"trace_unique_id": trace_id, "start_time": start, "metadata": {"experiment_id": experiment_id}}
        spans = [
            Item(span_unique_id="call", span_parent_id="root", log_type="chat", model="m", cost=0.5, latency=1, **ids),
            Item(span_unique_id="root", span_name="main", latency=2, usage={"prompt_tokens": 3}, **ids),
        ]
        for _ in range(2):
            client.spans.ingest_spans_from_traces(request=spans, **KEYED)
    found = client.experiments.get_experiment_spans_summary(experiment_id, **WINDOW, **KEYED)
    kept = ("total_count", "total_cost", "total_tokens", "avg_latency")
    checks.equal("summary", tuple(found[name] for name in kept), (3, 1.5, 9, 2))
    logs = client.experiments.search_experiment_spans(experiment_id, **KEYED)
    checks.equal(
        "list: names and spans", [(log["name"], log["span_count"]) for log in logs["results"]], [("main", 2)] * 3
    )
    tree = client.experiments.retrieve_experiment_span(experiment_id, logs["results"][0]["id"], **KEYED)["span_tree"]
    checks.equal("tree: the call below its root", [child["id"] for child in tree[0]["children"]], ["call"])
    client.scores.log_scores_create_span_score(
        logs["results"][0]["id"], evaluator_slug="passed", boolean_value=True, **KEYED
    )
    found = client.experiments.get_experiment_spans_summary(experiment_id, **WINDOW, **KEYED)
    checks.equal("score: counted", found["scores"]["passed"]["true_count"], 1)
    with checks.raises("a window that is none is refused", ApiError) as caught:
        client.experiments.get_experiment_spans_summary(experiment_id, start_time="soon", end_time="", **KEYED)
    checks.equal("  with 400", [getattr(error, "status_code", None) for error in caught], [400])
    checks.finish()


if __name__ == "__main__":
    main()
