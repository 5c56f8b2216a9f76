"""Whatever is asked of Parea's lists, trees and datasets is never a fault of the service, and always readable."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanstats.dialects.parea.filters import FIELD_NAMES, OPERATOR_NAMES
from spanstats.dialects.parea.reading_schema import TIME_RANGES_S
from tests.dialects.parea.readable import assert_readable
from tests.examples import examples

from .parea_world import API
from .test_fuzz import ATOMS, LOGS, VALUES

pytestmark = pytest.mark.anyio

FILTER = {
    "filter_field": st.sampled_from([*FIELD_NAMES, "score:a", "annotation:b", "a", "configuration"]) | ATOMS,
    "filter_key": st.sampled_from(["a", "", None]) | ATOMS,
    "filter_operator": st.sampled_from([*OPERATOR_NAMES]) | ATOMS,
    "filter_value": st.sampled_from(["1", "a", "1,2", "[1, 2]", "2026-01-01", "true", "{"]) | VALUES,
}
PAGE = {
    "page": st.sampled_from([1, 2]) | ATOMS,
    "page_size": st.sampled_from([1, 100_000]) | ATOMS,
    "time_range": st.sampled_from([*TIME_RANGES_S]) | ATOMS,
    "status": st.sampled_from(["success", "error", None]) | ATOMS,
}
LISTS = {
    "project_name": ATOMS,
    "metadata_filter": VALUES,
    "experiment_name_filter": ATOMS,
    "run_name_filter": ATOMS,
    "experiment_uuids": st.lists(ATOMS, max_size=2) | ATOMS,
}
CASES = st.lists(st.fixed_dictionaries({"inputs": VALUES}, optional={"target": VALUES, "tags": VALUES}), max_size=2)
DATASET = {"id": st.sampled_from([1, None]) | ATOMS, "name": st.just("d") | ATOMS, "column_names": VALUES}
FEEDBACK = {"score": st.sampled_from([0, 0.5, 1]) | ATOMS, "trace_id": st.just("a") | ATOMS}


def post(path: str, body: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(st.just(path), body | VALUES)


REQUESTS = st.one_of(
    post("trace_log", LOGS),
    post("experiment/e/trace_logs", st.fixed_dictionaries({}, optional=FILTER)),
    post("get_trace_logs", st.fixed_dictionaries({"project_name": st.just("default") | ATOMS}, optional=FILTER | PAGE)),
    post("experiments", st.fixed_dictionaries({}, optional=LISTS)),
    post(
        "feedback",
        st.fixed_dictionaries(FEEDBACK, optional=dict.fromkeys(("inference_id", "name", "target", "comment"), VALUES)),
    ),
    post("collection", st.fixed_dictionaries({"test_cases": CASES}, optional=DATASET)),
    post("testcases", st.fixed_dictionaries({"test_cases": CASES}, optional=DATASET)),
    post(
        "update_test_case/1/1", st.fixed_dictionaries({}, optional=dict.fromkeys(("inputs", "target", "tags"), VALUES))
    ),
)


@given(st.lists(REQUESTS, min_size=1, max_size=3))
@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
async def test_no_question_is_a_fault(client: httpx.AsyncClient, requests: list[tuple[str, Any]]) -> None:
    for path, body in [*requests, ("experiment/e/trace_logs", None), ("experiments", None)]:
        content = b"" if body is None else json.dumps(body).encode()
        answer = await client.post(f"{API}/{path}", content=content)
        assert answer.status_code in (200, 400, 404, 422), (path, body, answer.text)
        decoded = json.loads(answer.content.decode())
        if path.endswith("/trace_logs") and answer.status_code == 200:
            for tree in decoded:
                assert_readable(tree)


@given(st.text(max_size=6))
@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
async def test_no_name_in_a_path_is_a_fault(client: httpx.AsyncClient, name: str) -> None:
    for path, statuses in (("collection/", (200, 404)), ("trace_log/", (404, 405)), ("experiments/x", (404,))):
        quoted = "".join(f"%{byte:02X}" for byte in name.encode(errors="ignore"))
        answer = await client.get(f"{API}/{path}{quoted}")
        if path == "collection/" and not quoted:
            # Without a name it is the path that datasets are posted to.
            statuses = (405,)
        assert answer.status_code in statuses, (path, name, answer.text)
