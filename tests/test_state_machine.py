"""Any sequence of writes, then any read: the answers are what a plain model of the same sequence says."""

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from asgi_lifespan import LifespanManager
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from spanstats.catalog import keys, moving, placement
from spanstats.columnar import plan
from spanstats.main import create_app
from spanstats.settings import Settings
from spanstats.store.session import Database, create_engine
from tests import second_shard
from tests.conftest import PATIENT, run_sql
from tests.examples import examples
from tests.second_shard import first_of, settings_for
from tests.stats.warming import warm

# One trace comes as Parea's logs, whose ids are unique alone, the other as Respan's spans, unique in their trace.
PAREA, FLAT = 0, 1
TRACES, SPANS = st.integers(0, 1), st.integers(0, 2)
CHILDREN = st.integers(1, 2)
COSTS = st.none() | st.integers(0, 5)
TOKENS = st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9))
VALUES = st.integers(-4, 4)
FAILED = st.none() | st.booleans()
KEPT = st.sampled_from([None, {"a": 1}, {"a": 2}, {"b": 1}, {"a": 3, "b": 2}])
"""Metadata."""

_numbers = itertools.count()


class Api:
    """The application in a loop of its own, called from a test that has none."""

    def __init__(self, portal: BlockingPortal, database_url: str) -> None:
        self._portal = portal
        self._url = database_url
        self._manager: LifespanManager
        self._client: httpx.AsyncClient

    async def start(self) -> None:
        self._manager = LifespanManager(create_app(Settings(**PATIENT, **settings_for(self._url))))
        await self._manager.__aenter__()
        engine = create_engine(self._url)
        headers = {"x-api-key": await keys.create(Database(engine), "test")}
        await engine.dispose()
        transport = httpx.ASGITransport(self._manager.app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)

    async def stop(self) -> None:
        await self._manager.__aexit__(None, None, None)

    def warm(self) -> None:
        """Bring rollups and columns up to date."""
        self._portal.call(self._warm)

    async def _warm(self) -> None:
        for url in {first_of(self._url), self._url}:
            engine = create_engine(url)
            await warm(engine)
            await engine.dispose()

    def move(self) -> None:
        """Move the tenant to the other one of two shards."""
        self._portal.call(self._move)

    async def _move(self) -> None:
        shards = {
            name: Database(create_engine(url)) for name, url in (("first", first_of(self._url)), ("two", self._url))
        }
        home = (await placement.home_of(shards["first"], "default")).shard
        async for _ in moving.move(shards, shards["first"], "default", "first" if home == "two" else "two"):
            pass
        for database in shards.values():
            await database.dispose()

    def __call__(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self._portal.call(lambda: self._client.request(method, path, json=body))


@pytest.fixture
def api(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setattr(plan, "FEW_TRACES", 0)
    with start_blocking_portal() as portal:
        whole_api = Api(portal, database_url)
        if second_shard.IS_ON:
            run_sql(database_url, "ALTER TABLE experiments ALTER COLUMN key RESTART WITH 1099511627776")
        portal.call(whole_api.start)
        yield whole_api
        portal.call(whole_api.stop)


def _status(failed: bool | None) -> str | None:
    return None if failed is None else "error" if failed else "success"


# What a PUT may replace by what.
REPLACEABLE: dict[str, st.SearchStrategy[Any]] = {
    "cost": st.none() | st.integers(0, 5).map(lambda micro: micro / 1e6),
    "input_tokens": st.none() | st.integers(0, 9),
    "output_tokens": st.none() | st.integers(0, 9),
    "status": FAILED.map(_status),
    "scores": st.none() | st.lists(VALUES.map(lambda value: {"name": "own", "score": value}), max_size=2),
    "metadata": KEPT,
}
UPDATES = st.fixed_dictionaries({}, optional=REPLACEABLE)


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

    @precondition(lambda _: second_shard.IS_ON)
    @rule()
    def move(self) -> None:
        """Where there are two shards, the tenant may live in either."""
        self.api.move()

    @rule(s=SPANS, cost=COSTS, tokens=TOKENS, score=st.none() | VALUES, failed=FAILED, metadata=KEPT)
    def log(self, s: int, cost: Any, tokens: Any, score: int | None, failed: bool | None, metadata: Any) -> None:
        """A span, or what is new of it: empty values leave what was there, and zeros leave tokens and cost."""
        new: dict[str, Any] = {
            "cost": None if cost is None else cost / 1e6,
            "input_tokens": tokens and tokens[0],
            "output_tokens": tokens and tokens[1],
            "status": _status(failed),
            "scores": [] if score is None else [{"name": "own", "score": score}],
            "metadata": metadata,
        }
        ids = {
            "trace_id": self.span(PAREA, s),
            "root_trace_id": self.trace(PAREA),
            "parent_trace_id": self.trace(PAREA),
        }
        when = {"start_timestamp": "2026-01-01T00:00:00Z", "latency": 1}
        answer = self.api("POST", "/api/parea/v1/trace_log", {**ids, **when, **new, "experiment_uuid": self.name})
        assert answer.status_code == 200, answer.text
        self._learn(PAREA, s, new)

    @rule(s=SPANS, cost=COSTS, tokens=TOKENS, failed=FAILED, metadata=KEPT)
    def ingest(self, s: int, cost: Any, tokens: Any, failed: bool | None, metadata: Any) -> None:
        """As `log`, in the other dialect."""
        new: dict[str, Any] = {"cost": None if cost is None else cost / 1e6, "status": _status(failed)}
        counts = {"prompt_tokens": tokens and tokens[0], "completion_tokens": tokens and tokens[1]}
        ids = {"trace_unique_id": self.trace(FLAT), "span_unique_id": self.span(FLAT, s), "experiment_id": self.name}
        when = {"start_time": "2026-01-01T00:00:00Z", "span_parent_id": self.trace(FLAT) if s else None}
        body = {**ids, **when, **new, **counts, "metadata": metadata}
        answer = self.api("POST", "/api/v1/traces/ingest", [body])
        assert (answer.status_code, answer.json()["rejected"]) == (200, []), answer.text
        own = {"input_tokens": tokens and tokens[0], "output_tokens": tokens and tokens[1]}
        self._learn(FLAT, s, {**new, **own, "metadata": metadata})

    def _learn(self, t: int, s: int, new: dict[str, Any]) -> None:
        span = self.sent.setdefault(self.span(t, s), {"trace": t, "root": s == 0})
        for field, value in new.items():
            if value not in (None, []) and (value != 0 or not span.get(field)):
                span[field] = value

    @rule(s=SPANS, values=UPDATES)
    def update(self, s: int, values: dict[str, Any]) -> None:
        """Exactly these fields, null ones too, whether the span is there or not, and over whatever is sent again."""
        body = {"trace_id": self.span(PAREA, s), "root_trace_id": self.trace(PAREA), "field_name_to_value_map": values}
        answer = self.api("PUT", "/api/parea/v1/trace_log", body)
        assert answer.status_code == 200, answer.text
        self.replaced.setdefault(self.span(PAREA, s), {}).update(values)

    @rule(t=TRACES, s=SPANS, of_trace=st.booleans(), cost=COSTS, tokens=TOKENS, failed=FAILED, metadata=KEPT)
    def change(
        self, t: int, s: int, of_trace: bool, cost: Any, tokens: Any, failed: bool | None, metadata: Any
    ) -> None:
        """Of a span, or of its trace, which means the root, else the earliest: over whatever is sent again.

        Nothing is said by null, and metadata is joined to what is there.
        """
        metrics = {"cost": None if cost is None else cost / 1e6}
        if tokens is not None:
            metrics |= {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
        body = {"metrics": metrics, "status": _status(failed), "metadata": metadata}
        span_id = self.span(t, s)
        path = f"/api/v2/experiments/{self.name}/logs/{span_id}/" if of_trace else f"/api/request-logs/{span_id}/"
        answer = self.api("PATCH", path, body)
        changed = self._first(t) if of_trace and (s == 0 or span_id in self.sent) else span_id
        assert answer.status_code == (200 if changed in self.sent else 404), answer.text
        if changed not in self.sent:
            return
        before = self._span(changed).get("metadata") or {}
        new = {"cost": metrics["cost"], "status": _status(failed)}
        new |= {"input_tokens": tokens and tokens[0], "output_tokens": tokens and tokens[1]}
        new |= {"metadata": None if metadata is None else {**before, **metadata}}
        self.replaced.setdefault(changed, {}).update({name: v for name, v in new.items() if v is not None})

    def _first(self, trace: int) -> str | None:
        """The root, else the earliest span of the trace; all begin at once."""
        members = [(not span["root"], name) for name, span in self.sent.items() if span["trace"] == trace]
        return min(members)[1] if members else None

    @rule(t=TRACES, s=SPANS)
    def feedback(self, t: int, s: int) -> None:
        """No number comes of it."""
        answer = self.api("POST", "/api/parea/v1/feedback", {"trace_id": self.span(t, s), "score": 1})
        assert answer.status_code == 200, answer.text

    @rule(t=TRACES, s=CHILDREN, value=VALUES)
    def score(self, t: int, s: int, value: int) -> None:
        """A score of a span that may not be there yet; posted again, it is the same score."""
        body = {"evaluator_slug": "posted", "numerical_value": value}
        answer = self.api("POST", f"/api/logs/{self.span(t, s)}/scores/", body)
        assert answer.status_code == 201, answer.text
        self.posted[self.span(t, s)] = answer.json()["id"], value

    @rule(t=TRACES, s=CHILDREN, value=VALUES, method=st.sampled_from(["PATCH", "PUT"]))
    def rescore(self, t: int, s: int, value: int, method: str) -> None:
        if (span := self.span(t, s)) in self.posted:
            score_id, _ = self.posted[span]
            answer = self.api(method, f"/api/scores/{score_id}/", {"numerical_value": value})
            assert answer.status_code == 200, answer.text
            self.posted[span] = score_id, value

    @rule(t=TRACES, s=CHILDREN)
    def unscore(self, t: int, s: int) -> None:
        if (span := self.span(t, s)) in self.posted and span in self.sent:
            score_id, _ = self.posted.pop(span)
            assert self.api("DELETE", f"/api/scores/{score_id}/").status_code == 204
            assert self.api("GET", f"/api/scores/{score_id}/").status_code == 404

    @rule()
    def catch_up(self) -> None:
        """The caches; no answer depends on it."""
        self.api.warm()

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
        traces = [self.totals(t) for t in (PAREA, FLAT) if any(s["trace"] == t for s in self.sent.values())]
        content = summary.json()
        assert content["total_count"] == len(traces)
        assert content["total_cost"] == sum(t["cost"] or 0 for t in traces) / 1e6
        assert content["total_prompt_tokens"] == sum(t["input_tokens"] for t in traces)
        assert content["total_completion_tokens"] == sum(t["output_tokens"] for t in traces)
        assert content["total_tokens"] == content["total_prompt_tokens"] + content["total_completion_tokens"]
        assert content["error_count"] == sum(t["status"] == "error" for t in traces)
        self._check_filtered("status", "error", [t for t in traces if t["status"] == "error"])
        self._check_filtered("metadata__a", 2, [t for t in traces if t["metadata"].get("a") == 2])
        listed = {entry["trace_id"]: entry for entry in stats.json()["parent_trace_stats"]}
        assert listed.keys() == {t["id"] for t in traces if t["rooted"]}
        for trace in traces:
            self._check_log(trace)
            if trace["rooted"]:
                entry = listed[trace["id"]]
                assert entry["cost"] == (None if trace["cost"] is None else trace["cost"] / 1e6)
                assert entry["input_tokens"] == trace["input_tokens"]
                assert sorted(score["score"] for score in entry["scores"]) == trace["scores"]

    def _check_filtered(self, field: str, value: object, matching: list[dict[str, Any]]) -> None:
        body = {"filters": {field: {"operator": "", "value": [value]}}}
        summary = self.api("POST", f"/api/v2/experiments/{self.name}/logs/summary/", body).json()
        assert summary["total_count"] == len(matching)
        assert summary["error_count"] == sum(t["status"] == "error" for t in matching)
        assert summary["total_cost"] == sum(t["cost"] or 0 for t in matching) / 1e6
        assert summary["total_prompt_tokens"] == sum(t["input_tokens"] for t in matching)

    def _check_log(self, trace: dict[str, Any]) -> None:
        log = self.api("GET", f"/api/v2/experiments/{self.name}/logs/{trace['id']}/").json()
        assert log["total_cost"] == (None if trace["cost"] is None else trace["cost"] / 1e6)
        assert (log["total_prompt_tokens"], log["status"]) == (trace["input_tokens"], trace["status"])
        assert (log["span_count"], log["error_count"]) == (len(trace["statuses"]), trace["statuses"].count("error"))
        assert log["metadata"] == trace["metadata"]

    def _span(self, name: str) -> dict[str, Any]:
        return {**self.sent[name], **self.replaced.get(name, {})}

    def totals(self, trace: int) -> dict[str, Any]:
        names = sorted(n for n, s in self.sent.items() if s["trace"] == trace)
        names.sort(key=lambda name: not self.sent[name]["root"])
        spans = {name: self._span(name) for name in names}
        own = [score["score"] for span in spans.values() for score in span.get("scores") or []]
        costs = [round(span["cost"] * 1e6) for span in spans.values() if span.get("cost") is not None]
        statuses = [span.get("status") or "success" for span in spans.values()]
        rooted = spans[names[0]]["root"]
        says = spans[names[0]].get("status") if rooted else None
        metadata: dict[str, Any] = {}
        for span in spans.values():
            metadata = {**(span.get("metadata") or {}), **metadata}
        return {
            "id": self.trace(trace),
            "rooted": rooted,
            "cost": sum(costs) if costs else None,
            "input_tokens": sum(span.get("input_tokens") or 0 for span in spans.values()),
            "output_tokens": sum(span.get("output_tokens") or 0 for span in spans.values()),
            "scores": sorted(own + [value for span, (_, value) in self.posted.items() if span in spans]),
            "statuses": statuses,
            "status": says or ("error" if "error" in statuses and not (rooted and trace == PAREA) else "success"),
            "metadata": metadata,
        }


def test_answers_after_any_sequence_of_writes(api: Api) -> None:
    class OnThisService(Writes):
        pass

    OnThisService.api = api
    run_state_machine_as_test(
        OnThisService,
        settings=settings(
            max_examples=examples(15),
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
