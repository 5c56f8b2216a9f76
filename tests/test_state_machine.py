"""Any sequence of writes, then any read: the answers are what a plain model of the same sequence says."""

import itertools
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from asgi_lifespan import LifespanManager
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from spanstats.catalog import keys
from spanstats.main import create_app
from spanstats.settings import Settings
from spanstats.store.session import create_engine

TRACES, SPANS = st.integers(0, 1), st.integers(0, 2)
CHILDREN = st.integers(1, 2)
COSTS = st.none() | st.integers(0, 5)
TOKENS = st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9))
VALUES = st.integers(-4, 4)

_numbers = itertools.count()


class Api:
    """The application in a loop of its own, called from a test that has none."""

    def __init__(self, portal: BlockingPortal, database_url: str) -> None:
        self._portal = portal
        self._url = database_url
        self._manager: LifespanManager
        self._client: httpx.AsyncClient

    async def start(self) -> None:
        self._manager = LifespanManager(create_app(Settings(database_url=self._url)))
        await self._manager.__aenter__()
        engine = create_engine(self._url)
        headers = {"x-api-key": await keys.create(engine, "test")}
        await engine.dispose()
        transport = httpx.ASGITransport(self._manager.app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)

    async def stop(self) -> None:
        await self._manager.__aexit__(None, None, None)

    def __call__(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self._portal.call(lambda: self._client.request(method, path, json=body))


@pytest.fixture
def api(database_url: str) -> Iterator[Api]:
    with start_blocking_portal() as portal:
        made = Api(portal, database_url)
        portal.call(made.start)
        yield made
        portal.call(made.stop)


class Writes(RuleBasedStateMachine):
    """Two traces of three spans in one experiment. Costs are whole microdollars."""

    api: Api

    @initialize()
    def begin(self) -> None:
        """Nothing is known of the experiment; ids are never used again."""
        self.name = f"run-{next(_numbers)}"
        self.sent: dict[str, dict[str, Any]] = {}
        self.replaced: dict[str, dict[str, Any]] = {}
        self.posted: dict[str, tuple[str, int]] = {}

    def trace(self, trace: int) -> str:
        return f"{self.name}-{trace}"

    def span(self, trace: int, span: int) -> str:
        return f"{self.name}-{trace}-{span}" if span else self.trace(trace)

    @rule(t=TRACES, s=SPANS, cost=COSTS, tokens=TOKENS, score=st.none() | VALUES, failed=st.none() | st.booleans())
    def log(self, t: int, s: int, cost: int | None, tokens: Any, score: int | None, failed: bool | None) -> None:
        """A span, or what is new of it: empty values leave what was there, and zeros leave tokens and cost."""
        new: dict[str, Any] = {
            "cost": None if cost is None else cost / 1e6,
            "input_tokens": tokens and tokens[0],
            "output_tokens": tokens and tokens[1],
            "status": None if failed is None else "error" if failed else "success",
            "scores": [] if score is None else [{"name": "own", "score": score}],
        }
        ids = {"trace_id": self.span(t, s), "root_trace_id": self.trace(t), "parent_trace_id": self.trace(t)}
        when = {"start_timestamp": "2026-01-01T00:00:00Z", "latency": 1}
        answer = self.api("POST", "/api/parea/v1/trace_log", {**ids, **when, **new, "experiment_uuid": self.name})
        assert answer.status_code == 200, answer.text
        known = self.sent.setdefault(self.span(t, s), {"trace": t, "root": s == 0})
        for field, value in new.items():
            if value not in (None, []) and (value != 0 or not known.get(field)):
                known[field] = value

    @rule(t=TRACES, s=SPANS, cost=COSTS, tokens=TOKENS)
    def update(self, t: int, s: int, cost: int | None, tokens: Any) -> None:
        """Exactly these fields, whether the span is there or not, and over whatever is sent again."""
        fields: dict[str, Any] = {} if cost is None else {"cost": cost / 1e6}
        if tokens is not None:
            fields |= {"input_tokens": tokens[0], "output_tokens": tokens[1]}
        body = {"trace_id": self.span(t, s), "root_trace_id": self.trace(t), "field_name_to_value_map": fields}
        answer = self.api("PUT", "/api/parea/v1/trace_log", body)
        assert answer.status_code == 200, answer.text
        self.replaced.setdefault(self.span(t, s), {}).update(fields)

    @rule(t=TRACES, s=CHILDREN, value=VALUES)
    def score(self, t: int, s: int, value: int) -> None:
        """A score of a span that may not be there yet; posted again, it is the same score."""
        body = {"evaluator_slug": "posted", "numerical_value": value}
        answer = self.api("POST", f"/api/logs/{self.span(t, s)}/scores/", body)
        assert answer.status_code == 201, answer.text
        self.posted[self.span(t, s)] = answer.json()["id"], value

    @rule(t=TRACES, s=CHILDREN)
    def unscore(self, t: int, s: int) -> None:
        if (span := self.span(t, s)) in self.posted and span in self.sent:
            score_id, _ = self.posted.pop(span)
            assert self.api("DELETE", f"/api/scores/{score_id}/").status_code == 204
            assert self.api("GET", f"/api/scores/{score_id}/").status_code == 404

    @rule()
    def delete(self) -> None:
        """The experiment is gone at once; what comes after is of another."""
        answer = self.api("DELETE", f"/api/v2/experiments/{self.name}/")
        assert answer.status_code == (204 if self.sent else 404), answer.text
        assert self.api("GET", f"/api/v2/experiments/{self.name}/logs/summary/").status_code == 404
        self.begin()

    @invariant()
    def answers_are_those_of_the_model(self) -> None:
        summary = self.api("GET", f"/api/v2/experiments/{self.name}/logs/summary/")
        stats = self.api("GET", f"/api/parea/v1/experiment/{self.name}/stats")
        if not self.sent:
            assert (summary.status_code, stats.status_code) == (404, 404)
            return
        traces = [self.totals(t) for t in (0, 1) if any(s["trace"] == t for s in self.sent.values())]
        found = summary.json()
        assert found["total_count"] == len(traces)
        assert found["total_cost"] == sum(t["cost"] for t in traces) / 1e6
        assert found["total_prompt_tokens"] == sum(t["input_tokens"] for t in traces)
        assert found["total_completion_tokens"] == sum(t["output_tokens"] for t in traces)
        listed = {entry["trace_id"]: entry for entry in stats.json()["parent_trace_stats"]}
        assert listed.keys() == {t["id"] for t in traces if t["rooted"]}
        for trace in traces:
            if trace["rooted"]:
                entry = listed[trace["id"]]
                assert (entry["cost"] or 0) == trace["cost"] / 1e6
                assert entry["input_tokens"] == trace["input_tokens"]
                assert sorted(score["score"] for score in entry["scores"]) == trace["scores"]

    def totals(self, trace: int) -> dict[str, Any]:
        spans = {i: {**s, **self.replaced.get(i, {})} for i, s in self.sent.items() if s["trace"] == trace}
        own = [score["score"] for span in spans.values() for score in span.get("scores", [])]
        return {
            "id": self.trace(trace),
            "rooted": any(span["root"] for span in spans.values()),
            "cost": sum(round((span.get("cost") or 0) * 1e6) for span in spans.values()),
            "input_tokens": sum(span.get("input_tokens") or 0 for span in spans.values()),
            "output_tokens": sum(span.get("output_tokens") or 0 for span in spans.values()),
            "scores": sorted(own + [value for span, (_, value) in self.posted.items() if span in spans]),
        }


def test_answers_after_any_sequence_of_writes(api: Api) -> None:
    def machine() -> Writes:
        made = Writes()
        made.api = api
        return made

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=int(os.environ.get("SPANSTATS_FUZZ_EXAMPLES", "20")),
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
