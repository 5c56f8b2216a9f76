"""`spanstats recount` as an operator meets it: what was stored before today's rules keeps its numbers until then."""

from contextlib import AbstractContextManager, ExitStack
from typing import Any

import httpx

from tests.conftest import fresh_database, run_sql

from .services import Service, Start, environment, run, start

__all__ = ["environment", "start"]

OLD, TOUCHED, FLAT = f"{1:032x}", f"{2:032x}", "flat"
# What a version before these rules left: every span counted, and nothing known of what may repeat.
BEFORE = (
    "UPDATE spans SET uncounted = 0, usage_once = NULL, response_id = NULL",
    "UPDATE traces SET prompt_tokens = 200, completion_tokens = 0, total_tokens = 200, fold = NULL,"
    """ entry = replace(entry, '"input_tokens":100', '"input_tokens":200')""",
)


def otlp_span(trace_id: str, number: int, parent: int | None, operation: str, tokens: int) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "experiment_id": {"stringValue": "e"},
        "gen_ai.operation.name": {"stringValue": operation},
        "gen_ai.usage.input_tokens": {"intValue": str(tokens)},
    }
    return {
        "traceId": trace_id,
        "spanId": f"{number:016x}",
        "parentSpanId": "" if parent is None else f"{parent:016x}",
        "name": operation,
        "startTimeUnixNano": "1780000000000000000",
        "endTimeUnixNano": "1780000001000000000",
        "attributes": [{"key": key, "value": value} for key, value in attributes.items()],
    }


def flat_span(number: int, kind: str) -> dict[str, Any]:
    return {
        "trace_unique_id": FLAT,
        "span_unique_id": f"f{number}",
        "span_parent_id": "f1" if number > 1 else None,
        "log_type": kind,
        "prompt_tokens": 100,
        "metadata": {"experiment_id": "e"},
        "start_time": "2026-05-28T20:00:00Z",
    }


class Caller(AbstractContextManager["Caller"]):
    def __init__(self, service: Service) -> None:
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{service.port}", headers={"x-api-key": "k"})

    def __exit__(self, *_raised: object) -> None:
        self.client.close()

    def export(self, spans: list[dict[str, Any]]) -> None:
        body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
        assert self.client.post("/v1/traces", json=body).json() == {"partialSuccess": {}}

    def ingest(self) -> None:
        spans = [flat_span(1, "agent"), flat_span(2, "chat")]
        assert self.client.post("/api/v1/traces/ingest", json=spans).status_code == 200

    def tokens(self) -> dict[str, int]:
        """By trace, from Parea's stats; the summary must say their sum."""
        entries = self.client.get("/api/parea/v1/experiment/e/stats").json()["parent_trace_stats"]
        by_trace = {entry["trace_id"]: entry["input_tokens"] for entry in entries}
        summary = self.client.get("/api/v2/experiments/e/logs/summary/").json()
        assert summary["total_prompt_tokens"] == sum(by_trace.values())
        return by_trace


def test_old_numbers_stay_until_a_trace_is_touched_or_counted_again(
    start: Start, environment: dict[str, str], server_url: str, template: str
) -> None:
    with fresh_database(server_url, template) as url, ExitStack() as callers:
        environment["SPANSTATS_DATABASE_URL"] = url
        service = start(SPANSTATS_API_KEY="k")
        service.wait_for("/readyz", 200)
        caller = callers.enter_context(Caller(service))
        for trace_id in (OLD, TOUCHED):
            caller.export([otlp_span(trace_id, 1, None, "invoke_agent", 100), otlp_span(trace_id, 2, 1, "chat", 100)])
        caller.ingest()
        assert caller.tokens() == {OLD: 100, TOUCHED: 100, FLAT: 100}

        for statement in BEFORE:
            run_sql(url, statement)
        assert run(environment, "rollups", "rebuild").returncode == 0
        assert caller.tokens() == {OLD: 200, TOUCHED: 200, FLAT: 200}

        caller.export([otlp_span(TOUCHED, 3, 1, "chat", 7)])
        assert caller.tokens() == {OLD: 200, TOUCHED: 107, FLAT: 200}

        # The one that was touched is counted already, and of an old flat span nobody knows whether a person made it.
        for changed in (1, 0):
            done = run(environment, "recount", "--experiment", "e")
            assert done.stdout == f"3 traces were counted, {changed} of them have other numbers now.\n", done.stderr
            assert caller.tokens() == {OLD: 100, TOUCHED: 107, FLAT: 200}
        assert run(environment, "rollups", "check").returncode == 0

        caller.ingest()
        assert caller.tokens() == {OLD: 100, TOUCHED: 107, FLAT: 100}
        assert service.stop() == 0


def test_a_recount_of_what_is_not_there_says_so_in_one_line(environment: dict[str, str], database_url: str) -> None:
    environment["SPANSTATS_DATABASE_URL"] = database_url
    assert run(environment, "keys", "create", "any").returncode == 0
    for option, name in (("--experiment", "none"), ("--tenant", "nobody")):
        done = run(environment, "recount", option, name)
        assert done.returncode == 1
        line = done.stderr.splitlines()[-1]
        assert line.startswith("spanstats: There is no ")
        assert line.endswith(name)
        assert "Stopped" not in done.stderr
