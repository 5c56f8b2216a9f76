"""Whatever an experiment has been through, its export holds all of it, and its import makes the same of it again."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.catalog import definitions, keys
from spanstats.dialects.parea.stats import stats_entry
from spanstats.domain.keys import TenantId
from spanstats.domain.span import SCORE_TYPES, Score, Span
from spanstats.domain.standalone import StandaloneScore
from spanstats.errors import NotFound
from spanstats.ingest.commits import Committer
from spanstats.ingest.evaluators import Evaluators
from spanstats.ingest.tools import Tools
from spanstats.stats.maintenance import mismatches
from spanstats.store.session import Database
from tests.api.test_archive import exported, held, imported
from tests.examples import examples
from tests.ingest.worlds import START, price_of_known_models, rows
from tests.stats.warming import warm

pytestmark = pytest.mark.anyio

Rows = dict[str, list[dict[str, Any]]]

UNDER_TRACES = ("spans", "span_payloads", "scores", "traces", "patches")
_numbers = itertools.count()

TRACES = ("t0", "t1", "t2")
# Found by their id alone, and by trace and id: they are never the same span.
LOOSE, PLACED = st.sampled_from(["p0", "p1", "p2"]), st.sampled_from(["o0", "o1", "t1"])
TEXTS = st.sampled_from(["a", "Ä \u2028 \"'", "\\u0041", "{}", " "])
MAYBE_TEXT = st.none() | TEXTS
AMOUNTS = st.none() | st.integers(0, 2**31 - 1)
MONEY = st.none() | st.integers(0, 10**17)
VALUES = TEXTS | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
OBJECTS = st.dictionaries(TEXTS, VALUES | st.lists(VALUES, max_size=2) | st.dictionaries(TEXTS, VALUES, max_size=1))
LABELS = st.dictionaries(st.sampled_from(["environment", "customer_identifier"]), TEXTS)
DOCUMENTS = st.none() | st.sampled_from(['"text"', '{"b": 1.0, "a":  [1e3, null]}', "[]", '{"a":1,"a":2}'])


def scores(source: str) -> st.SearchStrategy[Score]:
    return st.builds(
        Score,
        key=st.sampled_from(["judge", "human", "Ä"]),
        value=st.none() | st.floats(-9e9, 9e9),
        value_type=st.sampled_from(sorted(SCORE_TYPES)),
        text=MAYBE_TEXT,
        reason=MAYBE_TEXT,
        metric_id=st.none() if source == "api" else st.none() | st.integers(0, 2**40),
        evaluator_id=MAYBE_TEXT,
        slug=MAYBE_TEXT,
        name=MAYBE_TEXT,
        source=st.just(source),
    )


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("name", "kind", "workflow_name", "error", "model", "provider"), MAYBE_TEXT),
    **dict.fromkeys(("input", "output", "target"), DOCUMENTS),
    **dict.fromkeys(("latency_us", "ttft_us", "prompt_tokens", "completion_tokens", "total_tokens"), AMOUNTS),
    **dict.fromkeys(("cache_read_tokens", "cache_write_tokens"), AMOUNTS),
    **dict.fromkeys(("cost_pd", "prompt_price_pd", "completion_price_pd"), MONEY),
    "status": st.sampled_from([None, "success", "error", "pending"]),
    "status_code": st.sampled_from([None, 200, 500]),
    "start_us": st.none() | st.integers(START, START + 10**9),
    "end_us": st.none() | st.integers(START, START + 10**9),
    "metadata": st.none() | OBJECTS,
    "labels": LABELS,
    "attributes": OBJECTS,
}


def spans(by_span_id: bool) -> st.SearchStrategy[Span]:
    return st.builds(
        Span,
        trace_id=st.sampled_from(TRACES),
        span_id=LOOSE if by_span_id else PLACED,
        by_span_id=st.just(by_span_id),
        parent_id=st.sampled_from([None, "p0", "o0"]),
        experiment_id=st.sampled_from(["e", "e", "other", None]),
        borrow=st.integers(0, 1),
        scores=st.none() | st.lists(scores("span") | scores("evaluator"), max_size=3),
        **FIELDS,
    )


PATCHES = st.fixed_dictionaries(
    {"target": DOCUMENTS},
    optional={name: FIELDS[name] for name in ("name", "cost_pd", "status", "metadata", "labels", "attributes")},
)
POSTED = st.builds(
    lambda log_id, score, scorer, **rest: StandaloneScore(
        id=f"{log_id}/{score.key}/{scorer}", log_id=log_id, score=score, scorer=scorer, **rest
    ),
    log_id=st.sampled_from(TRACES) | LOOSE | PLACED,
    score=scores("api"),
    scorer=MAYBE_TEXT,
    details=OBJECTS,
    created_us=st.integers(START, START + 10**9),
)
STEPS = (
    st.tuples(st.just("spans"), st.lists(spans(by_span_id=True) | spans(by_span_id=False), min_size=3, max_size=6))
    | st.tuples(st.just("patch"), st.tuples(LOOSE, PATCHES))
    | st.tuples(st.just("placed patch"), st.tuples(PLACED, PATCHES))
    | st.tuples(st.just("score"), POSTED)
)
DEFINITIONS = st.none() | st.fixed_dictionaries(
    {"name": TEXTS, "status": TEXTS, "definition": st.dictionaries(st.just("defined"), OBJECTS)}
)


async def live(engine: AsyncEngine, tenant_id: TenantId, steps: list[tuple[str, Any]]) -> None:
    writer = Committer(Database(engine), Tools(price_of_known_models, stats_entry, Evaluators()))
    for kind, what in steps:
        match kind:
            case "spans":
                await writer.submit(tenant_id, what)
            case "patch":
                await writer.override(tenant_id, *what)
            case "placed patch":
                for trace_id in TRACES:
                    await writer.override_stored(tenant_id, trace_id, *what)
            case "score":
                await writer.score(tenant_id, what)
    await writer.stop()


def of_experiment(stored: Rows, traces: set[str]) -> Rows:
    """What of a tenant's rows belongs to the experiment of these traces."""
    by_table = {table: [row for row in stored[table] if row["trace_id"] in traces] for table in UNDER_TRACES}
    loose = {span["span_id"] for span in by_table["spans"] if span["by_span_id"]}
    by_table["patches"] += [p for p in stored["patches"] if p["trace_id"] == "" and p["span_id"] in loose]
    return {**by_table, "experiments": [row for row in stored["experiments"] if row["id"] == "e"]}


async def named(engine: AsyncEngine, tenant: str, traces: set[str]) -> list[dict[str, Any]]:
    """The experiments that spans name, by their ids."""
    sql = """
    SELECT s.trace_id, s.span_id, e.id FROM spans s LEFT JOIN experiments e ON e.key = s.experiment_key
    WHERE s.tenant_id = $1 AND s.trace_id = ANY($2::text[]) ORDER BY 1, 2
    """
    return await rows(engine, sql, await keys.ensure_tenant(Database(engine), tenant), sorted(traces))


@settings(
    max_examples=examples(8),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=8, max_size=16), definition=DEFINITIONS)
async def test_any_experiment_survives_its_export_and_import(
    engine: AsyncEngine, steps: list[tuple[str, Any]], definition: dict[str, Any] | None
) -> None:
    here, there = f"here {(number := next(_numbers))}", f"there {number}"
    tenant_id, _ = [await keys.ensure_tenant(Database(engine), name) for name in (here, there)]
    await live(engine, tenant_id, steps)
    if definition is not None:
        await definitions.create(Database(engine), tenant_id, "e", definition)
    try:
        content = await exported(engine, "e", here)
    except NotFound:
        reject()  # nothing named it
    await imported(engine, content, there)
    traces = {line["trace_id"] for line in map(json.loads, content.splitlines()) if line["line"] == "trace"}
    before, after = [of_experiment(await held(engine, name), traces) for name in (here, there)]
    for table, expected in before.items():
        assert after[table] == expected, table
    assert await named(engine, there, traces) == await named(engine, here, traces)
    assert await exported(engine, "e", there) == content
    await warm(engine)
    assert await mismatches(Database(engine)) == []
