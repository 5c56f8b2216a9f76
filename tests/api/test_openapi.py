"""The served description against the contract that Parea publishes, and against what clients rely on."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from .served import description

CONTRACT = yaml.safe_load((Path(__file__).parents[1] / "contracts" / "parea-openapi.yaml").read_text())
STATS = "/api/parea/v1/experiment/{experiment_uuid}/stats"
SUMMARY = "/api/v2/experiments/{experiment_id}/logs/summary/"
MAY_BE_ADDED = {"401", "404", "503"}


@pytest.fixture(scope="module")
def served() -> dict[str, Any]:
    return description()


def test_the_stats_operation_is_the_published_one(served: dict[str, Any]) -> None:
    published, ours = dict(CONTRACT["paths"][STATS]["get"]), dict(served["paths"][STATS]["get"])
    documented = ours.pop("responses")
    for status, response in published.pop("responses").items():
        assert documented.pop(status) == response
    assert documented.keys() <= MAY_BE_ADDED
    # The published one lists the same scheme three times.
    published["security"] = published["security"][:1]
    assert ours == published


@pytest.mark.parametrize("name", CONTRACT["components"]["schemas"])
def test_every_published_schema_is_served_unchanged(served: dict[str, Any], name: str) -> None:
    assert served["components"]["schemas"][name] == CONTRACT["components"]["schemas"][name]


def test_the_security_scheme_is_the_published_one(served: dict[str, Any]) -> None:
    published = CONTRACT["components"]["securitySchemes"]
    assert {name: served["components"]["securitySchemes"][name] for name in published} == published


def test_every_path_is_described_in_one_spelling(served: dict[str, Any]) -> None:
    spellings = [path.rstrip("/").removeprefix("/api") for path in served["paths"]]
    assert len(spellings) == len(set(spellings))
    assert SUMMARY in served["paths"]


def test_the_summary_shows_both_shapes_of_filters_and_an_answer(served: dict[str, Any]) -> None:
    post = served["paths"][SUMMARY]["post"]
    shapes = {type(e["filters"]) for e in post["requestBody"]["content"]["application/json"]["schema"]["examples"]}
    assert shapes == {dict, list}
    assert served["components"]["schemas"]["SummaryAnswer"]["examples"]
    assert "422" not in post["responses"]


def test_operations_have_ids_of_their_own(served: dict[str, Any]) -> None:
    ids = [operation["operationId"] for path in served["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))


def test_every_parea_operation_shows_an_example_of_what_is_sent_and_answered(served: dict[str, Any]) -> None:
    """Writes whose answer is `null` and what the service does not do have nothing to show."""

    def shows(schema: dict[str, Any]) -> bool:
        for part in (schema, *schema.get("anyOf", ()), schema.get("items", {})):
            target = served["components"]["schemas"][part["$ref"].split("/")[-1]] if "$ref" in part else part
            if target.get("examples"):
                return True
        return False

    operations = {
        (path, method): operation
        for path, methods in served["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/api/parea/v1/")
    }
    assert len(operations) == 20
    silent = []
    for name, operation in operations.items():
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        answers = [operation["responses"]["200"]] if "200" in operation["responses"] else []
        schemas = [part["content"]["application/json"]["schema"] for part in bodies + answers if "content" in part]
        silent += [name for schema in schemas if schema and not shows(schema)]
    assert silent == []


def test_exports_document_the_answer_without_a_key(served: dict[str, Any]) -> None:
    for path in ("/api/v1/traces", "/api/v2/traces"):
        assert set(served["paths"][path]["post"]["responses"]["401"]["content"]) == {
            "application/json",
            "application/x-protobuf",
        }
