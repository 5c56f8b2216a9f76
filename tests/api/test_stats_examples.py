"""Every example in the description of the statistics works as it stands, and every answer is as it is described."""

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
from fastapi.routing import APIRoute

from .served import application, description
from .test_stats_compare import ingest, root, score

pytestmark = pytest.mark.anyio

PREFIX = "/api/stats/v1"
OPERATIONS = [
    (method.lower(), route.path)
    for route in application().routes
    if isinstance(route, APIRoute) and route.include_in_schema and route.path.startswith(PREFIX)
    for method in sorted(route.methods or ())
]
ITEMS = 4


async def two_runs(client: httpx.AsyncClient) -> None:
    """The runs that examples name, with what they measure, filter and group by."""
    for name in ("run-a", "run-b"):
        fields = {"metadata": {"topic": "billing"}, "cost": 0.01}
        await ingest(client, *(root(name, i, latency=1 + i, **fields) for i in range(ITEMS)))
        for i in range(ITEMS):
            await score(client, f"{name}-{i}", evaluator_slug="exact", numerical_value=i / 4)


async def item_key(client: httpx.AsyncClient) -> str:
    listed = await client.post("/api/v2/experiments/run-a/logs/list/", json={})
    key: str = listed.json()["results"][0]["comparison_key"]
    return key


def queries(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Without options that may be left out, and with all that have an example."""
    shown = {
        parameter["name"]: example
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
        for example in (parameter.get("examples") or parameter["schema"].get("examples") or [])[:1]
    }
    needed = ("base", "experiment", "measure", "group_by")
    yield {name: example for name, example in shown.items() if name in needed}
    yield {name: example for name, example in shown.items() if name != "end_time"}


def bodies(operation: dict[str, Any]) -> list[Any]:
    """The examples of the body; there is at least one."""
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    examples: list[Any] = schema["examples"]
    return examples


def check_answer(operation: dict[str, Any], answer: Any) -> None:
    described = operation["responses"]["200"]["content"]["application/json"]
    components = {"components": description()["components"]}
    for document in (answer, described["example"]):
        jsonschema_rs.validate({**components, **described["schema"]}, document)
    # What the example shows is really there.
    assert set(described["example"]) <= set(answer) | {"method"}


def test_every_described_operation_is_tried() -> None:
    described = [(m, p) for p, operations in description()["paths"].items() if p.startswith(PREFIX) for m in operations]
    assert sorted(OPERATIONS) == sorted(described)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_examples_work_as_they_stand(client: httpx.AsyncClient, method: str, path: str) -> None:
    await two_runs(client)
    operation = description()["paths"][path][method]
    url = path.format(experiment_id="run-b", trace_id="run-b-0", item_key=await item_key(client))
    requests = (
        [{"params": query} for query in queries(operation)]
        if method == "get"
        else [{"json": body} for body in bodies(operation)]
    )
    for request in requests:
        answer = await client.request(method, url, **request)
        is_without_project = request.get("json", {}).get("project") is True
        assert answer.status_code == (400 if is_without_project else 200), (request, answer.text)
        if answer.status_code == 200:
            check_answer(operation, answer.json())
    if "text/csv" in operation["responses"]["200"]["content"]:
        table = await client.request(method, url, **requests[0], headers={"accept": "text/csv"})
        header = operation["responses"]["200"]["content"]["text/csv"]["example"].partition("\r\n")[0]
        assert (table.status_code, table.headers["content-type"]) == (200, "text/csv; charset=utf-8")
        assert table.text.partition("\r\n")[0].split(",")[0] == header.split(",")[0]
