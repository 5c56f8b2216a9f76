"""Parea's models of datasets, which it calls collections, and of their test cases."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ..storable import scrub
from .coerce import text
from .schema import Key, one_of

MAX_TEST_CASES = 10_000

_CASE: dict[str, Any] = {"inputs": {"question": "Who wrote it?"}, "target": "Ada", "tags": ["short"]}
_KEPT: dict[str, Any] = {"id": 7, "test_case_collection_id": 1, **_CASE}


def _as_text(value: object) -> str | None:
    return text(scrub(value))


def _without_nulls(value: object) -> object:
    return [item for item in value if item is not None] if isinstance(value, list) else value


Text = Annotated[str, BeforeValidator(_as_text)]
"""Text as it is, any other value as JSON."""
Inputs = Annotated[dict[str, Text | None], BeforeValidator(scrub)]
Texts = Annotated[list[Text], BeforeValidator(_without_nulls)]


class CreateTestCase(BaseModel):
    """One row: inputs by name, and what is expected. Values that are no text are kept as JSON."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CASE]})

    inputs: Inputs
    target: Text | None = None
    tags: Texts | None = None


class CreateTestCases(BaseModel):
    """Rows to add to the dataset of this id, or of this name."""

    model_config = one_of({"name": "string", "id": "integer"}, name="questions", test_cases=[_CASE])

    id: int | None = Field(None, ge=0, le=2**31 - 1)
    name: Key | None = None
    test_cases: list[CreateTestCase] = Field(default_factory=list, max_length=MAX_TEST_CASES)


class CreateTestCaseCollection(BaseModel):
    """A new dataset; `id` is ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "questions", "test_cases": [_CASE], "column_names": ["question"]}],
        }
    )

    id: Any = None
    name: Key = Field(min_length=1)
    test_cases: list[CreateTestCase] = Field(default_factory=list, max_length=MAX_TEST_CASES)
    column_names: Texts | None = None


class UpdateTestCase(BaseModel):
    """New values of a row; null changes nothing."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"target": "Ada Lovelace"}]})

    inputs: Inputs | None = None
    target: Text | None = None
    tags: Texts | None = None


class TestCase(BaseModel):
    __test__ = False

    id: int
    test_case_collection_id: int
    inputs: dict[str, str]
    target: str | None
    tags: list[str]


class TestCaseCollection(BaseModel):
    """A dataset with its rows by their id, in the order in which they came."""

    __test__ = False
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 1,
                    "name": "questions",
                    "created_at": "2026-01-01T12:00:00.000001+00:00",
                    "last_updated_at": "2026-01-01T12:00:00.000001+00:00",
                    "column_names": ["question"],
                    "test_cases": {"7": _KEPT},
                }
            ]
        }
    )

    id: int
    name: str
    created_at: str
    last_updated_at: str
    column_names: list[str]
    test_cases: dict[str, TestCase]
