"""Parea's published models of experiments and their stats, word for word where the vendor documents them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ...domain.values import identifier
from ...errors import InvalidInput
from ..normalize import ID_SCHEMA
from ..storable import scrub

_STATS_EXAMPLE: dict[str, Any] = {
    "cost": 0.5,
    "input_tokens": 100,
    "latency": 0.5,
    "output_tokens": 200,
    "scores": [{"name": "accuracy", "score": 0.5}],
    "total_tokens": 300,
    "trace_id": "sasdc-csd-rnFesaeCpqcXJ_yL3wi",
}


class EvaluationScoreSchema(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Answer Matches Target",
                    "reason": "The answer is mostly correct but lacks aspect A & B.",
                    "score": 0.8,
                }
            ]
        }
    )

    name: str = Field(description="Name of the score / evaluation")
    score: float = Field(description="Value of the score")
    evaluation_metric_id: int | None = Field(
        None, description="Will be automatically populated if this score was from a deployed evaluation metric."
    )
    reason: str | None = Field(None, description="Reason for this score")


class TraceStatsSchema(BaseModel):
    """Aggregates stats for a trace and its children."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STATS_EXAMPLE]})

    trace_id: str = Field(description="UUID of top-level trace log")
    latency: float | None = Field(0, description="Latency of this log in seconds.")
    input_tokens: int | None = Field(
        0, description="Number of input tokens for all LLM calls in trace (incl. children)."
    )
    output_tokens: int | None = Field(
        0, description="Number of output tokens for all LLM calls in trace (incl. children)."
    )
    total_tokens: int | None = Field(
        0, description="Total number of tokens for all LLM calls in trace (incl. children)."
    )
    cost: float | None = Field(None, description="Total cost of all LLM calls in trace (incl. children).")
    scores: list[EvaluationScoreSchema] | None = Field(
        None, description="Scores of all logs in trace (incl. children)."
    )


class ExperimentStatsSchema(BaseModel):
    """Contains aggregated stats of all root trace logs of an experiment."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"parent_trace_stats": [_STATS_EXAMPLE]}]})

    parent_trace_stats: list[TraceStatsSchema] = Field(description="Stats of root-level trace logs of an experiment")


class ValidationError(BaseModel):
    loc: list[str | int] = Field(title="Location")
    msg: str = Field(title="Message")
    type: str = Field(title="Error Type")


class HTTPValidationError(BaseModel):
    detail: list[ValidationError] = Field(default_factory=list, title="Detail")


class ErrorMessage(BaseModel):
    """What every failure but a refused input answers."""

    detail: str


def _is_key(value: str) -> str:
    """What is looked up by its bytes must fit an index row, and is never changed."""
    try:
        return identifier(value, "value") or ""
    except InvalidInput as error:
        raise ValueError(error.problems[0].message) from None


Content = BeforeValidator(scrub)
Key = Annotated[str, AfterValidator(_is_key), Field(json_schema_extra=ID_SCHEMA)]
Name = Annotated[str, Content, Field(max_length=1000)]
Metadata = Annotated[dict[str, Any], Content]


def example(**values: Any) -> ConfigDict:
    """The configuration of a model that shows this example."""
    return ConfigDict(json_schema_extra={"examples": [values]})


def one_of(types: dict[str, str], **values: Any) -> ConfigDict:
    """The configuration of a model that shows this example, and needs one of these fields of these JSON types."""
    needed: list[Any] = [
        {"required": [name], "properties": {name: {"type": type_} | ({"minLength": 1} if type_ == "string" else {})}}
        for name, type_ in types.items()
    ]
    return ConfigDict(json_schema_extra={"examples": [values], "anyOf": needed})


_PROJECT_ID = "5d2c5c5e-6f0f-4b0e-8c39-4f0c1b7d1a11"
_EXPERIMENT: dict[str, Any] = {
    "name": "greetings",
    "run_name": "run-1",
    "metadata": {"branch": "main"},
    "project_uuid": _PROJECT_ID,
    "is_public": False,
}
_CREATED = "2026-01-01T12:00:00.000001+00:00"


class ProjectRequest(BaseModel):
    model_config = example(name="greetings")

    name: Key = Field("default", description="Found by this name, or made.")


class ProjectAnswer(BaseModel):
    model_config = example(name="greetings", uuid=_PROJECT_ID, created_at=_CREATED, was_created=True)

    name: str
    uuid: str
    created_at: str
    was_created: bool


class ExperimentRequest(BaseModel):
    model_config = example(**_EXPERIMENT)

    name: Name = Field(min_length=1, description="What is tried; several runs share it.")
    run_name: Name | None = Field(None, description="Unique among the runs of one name; null: one is made up.")
    metadata: Metadata | None = None
    project_uuid: Key = ""
    is_public: bool = False


class ExperimentAnswer(BaseModel):
    model_config = example(**_EXPERIMENT, uuid="0b6e1e4c-94a7-4d5e-9d6a-7f3f0e6f2c10", created_at=_CREATED)

    name: str
    uuid: str
    created_at: str
    project_uuid: str
    run_name: str | None
    metadata: dict[str, Any] | None
    is_public: bool


class DatasetStat(BaseModel):
    name: Name
    score: float | None = Field(None, allow_inf_nan=False)
    reason: Annotated[str, Content] | None = None


class FinishedRequest(BaseModel):
    model_config = example(status="completed", dataset_level_stats=[{"name": "f1", "score": 0.8, "reason": None}])

    status: Literal["pending", "running", "completed", "failed"] = "completed"
    dataset_level_stats: list[DatasetStat] | None = Field(
        None, max_length=1000, description="Replaces what an earlier request said."
    )
