"""The served description, tried out: whatever it allows is answered as it says (schemathesis).

`make fuzz` runs this at length; SPANSTATS_FUZZ_EXAMPLES is the number of examples for each operation.
"""

import os
from collections.abc import Iterator

import pytest
import schemathesis
from benchmarks.server import KEY, Service, serving
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from spanstats.main import create_app
from spanstats.settings import Settings

EXAMPLES = int(os.environ.get("SPANSTATS_FUZZ_EXAMPLES", "4"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OUT_OF_SCOPE = 501

_described = schemathesis.openapi.from_dict(create_app(Settings()).openapi())
OPERATIONS = {operation.ok().label: operation.ok() for operation in _described.get_all_operations()}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving() as running:
        yield running


@pytest.mark.parametrize("label", OPERATIONS)
def test_what_the_description_allows_is_answered_as_it_says(service: Service, label: str) -> None:
    operation = OPERATIONS[label]

    @given(st.data())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize="SPANSTATS_FUZZ_EXAMPLES" not in os.environ,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    def tried(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy())
        case.headers = {"authorization": f"Bearer {KEY}", "x-api-key": KEY}
        answer = case.call(base_url=f"http://127.0.0.1:{service.port}")
        # What is out of scope says so, by design, in the 500s.
        if answer.status_code != OUT_OF_SCOPE:
            case.validate_response(answer, checks=CHECKS)

    tried()
