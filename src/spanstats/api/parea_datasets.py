"""Datasets, which Parea calls collections: made, added to, changed, and read as the data of an experiment."""

from typing import Any

from fastapi import APIRouter, Request, Response

from ..catalog import datasets
from ..catalog.datasets import Dataset, Row
from ..dialects.parea.dataset_schema import (
    CreateTestCase,
    CreateTestCaseCollection,
    CreateTestCases,
    TestCaseCollection,
    UpdateTestCase,
)
from ..domain.times import iso
from ..errors import NotFound, invalid
from .answers import json_answer
from .failures import within
from .parea_shared import ROUTER, errors
from .resources import caller, tenant_database
from .route_classes import PareaRead, PareaWrite

read = APIRouter(route_class=PareaRead, **ROUTER)
write = APIRouter(route_class=PareaWrite, **ROUTER)


@write.post(
    "/collection",
    description="Makes a dataset; the same request again changes nothing.",
    responses=errors(400, 401, 403, 413, 503),
)
async def create_collection(request: Request, body: CreateTestCaseCollection) -> None:
    rows = _rows(body.test_cases)
    columns = body.column_names or list(dict.fromkeys(name for row in rows for name in row.inputs))
    await datasets.create(tenant_database(request), caller(request).tenant_id, body.name, columns, rows)


@write.post(
    "/testcases",
    description="Adds rows to a dataset; the same rows again within ten minutes are taken for a retry.",
    responses=errors(401, 403, 404, 413, 503),
)
async def add_test_cases(request: Request, body: CreateTestCases) -> None:
    dataset = body.name if body.id is None else body.id
    if dataset is None or dataset == "":
        with within("body"):
            raise invalid("field required, or id", "name", code="missing")
    await datasets.add(tenant_database(request), caller(request).tenant_id, dataset, _rows(body.test_cases))


@write.post(
    "/update_test_case/{dataset_id}/{test_case_id}",
    description="Changes a row of a dataset; null changes nothing.",
    responses=errors(401, 403, 404, 503),
)
async def update_test_case(request: Request, dataset_id: str, test_case_id: str, body: UpdateTestCase) -> None:
    dataset, row = datasets.number_of(dataset_id), datasets.number_of(test_case_id)
    if dataset is None or row is None:
        raise NotFound("Test case not found")
    values = body.model_dump(exclude_none=True)
    await datasets.change(tenant_database(request), caller(request).tenant_id, dataset, row, values)


@read.get(
    "/collection/{name_or_id}",
    response_model=TestCaseCollection | None,
    description="The dataset of this id, else of this name; `null` where there is none.",
    responses=errors(401, 403, 503),
)
async def get_collection(request: Request, name_or_id: str) -> Response:
    dataset = await datasets.find(tenant_database(request), caller(request).tenant_id, name_or_id)
    return json_answer(_answer(dataset) if dataset else None)


def _rows(cases: list[CreateTestCase]) -> list[Row]:
    return [Row({k: v for k, v in c.inputs.items() if v is not None}, c.target, c.tags or []) for c in cases]


def _answer(dataset: Dataset) -> dict[str, Any]:
    return {
        "id": dataset.id,
        "name": dataset.name,
        "created_at": iso(dataset.created_at),
        "last_updated_at": iso(dataset.changed_at),
        "column_names": dataset.column_names,
        "test_cases": {
            str(row.id): {
                "id": row.id,
                "test_case_collection_id": dataset.id,
                "inputs": row.inputs,
                "target": row.target,
                "tags": row.tags,
            }
            for row in dataset.rows
        },
    }
