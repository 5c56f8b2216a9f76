# /// script
# dependencies = ["respan-ai==2.0.1"]
# ///
"""The REST part of an older Respan SDK: logs posted one by one, read and listed; it follows no redirect."""

import uuid
from datetime import UTC, datetime, timedelta

from checks import Checks
from expected import KEY, URL, summary
from respan import LogAPI

START = datetime(2026, 8, 1, 12, tzinfo=UTC)


def main() -> None:
    checks, run = Checks(), uuid.uuid4().hex[:8]
    experiment_id = f"logs-{run}"
    for number, base in enumerate((f"{URL}/api", URL, f"{URL}/api/")):
        api = LogAPI(api_key=KEY, base_url=base)
        made = api.create(
            {
                "model": "gpt-4o-mini",
                "input": f"question {number}",
                "output": "an answer",
                "prompt_tokens": 1_000_000,
                "completion_tokens": 1_000_000,
                "latency": 2,
                "status_code": 200 if number else 500,
                "timestamp": (START + timedelta(minutes=number)).isoformat(),
                "custom_identifier": run,
                "metadata": {"experiment_id": experiment_id},
            }
        )
        checks.that(f"create at {base.removeprefix(URL) or '/'}: an object with an id", bool(made.get("unique_id")))
        checks.equal("  priced", made.get("cost"), 0.75)
        found = api.get(made["unique_id"])
        checks.equal("  read back", (found.input, found.model), (f"question {number}", "gpt-4o-mini"))
    listed = LogAPI(api_key=KEY, base_url=URL).list(page=1, page_size=10, custom_identifier=run)
    checks.equal("list: by what a query names", (listed.count, len(listed.results)), (3, 3))
    totals = summary(experiment_id)
    checks.equal("summary: traces and failures", (totals["total_count"], totals["error_count"]), (3, 1))
    checks.equal("summary: cost and latency", (totals["total_cost"], totals["avg_latency"]), (2.25, 2))
    checks.finish()


if __name__ == "__main__":
    main()
