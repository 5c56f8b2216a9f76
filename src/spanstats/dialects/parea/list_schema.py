"""Parea's models of a list of experiments."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .schema import Metadata

_EXPERIMENT: dict[str, Any] = {
    "name": "greetings",
    "run_name": "run-1",
    "project_uuid": "5d2c5c5e-6f0f-4b0e-8c39-4f0c1b7d1a11",
    "is_public": False,
    "metadata": {"branch": "main"},
    "uuid": "0b6e1e4c-94a7-4d5e-9d6a-7f3f0e6f2c10",
    "created_at": "2026-01-01T12:00:00.000001+00:00",
    "status": "completed",
    "pinned_stats": [
        {"var1": "accuracy", "operation": "mean", "value": 0.75, "var2": None},
        {"var1": "Cost", "operation": "mean", "value": 0.0002, "var2": None},
        {"var1": "Total Tokens", "operation": "mean", "value": 36.0, "var2": None},
        {"var1": "Output Tokens", "operation": "mean", "value": 14.0, "var2": None},
        {"var1": "Input Tokens", "operation": "mean", "value": 22.0, "var2": None},
        {"var1": "Latency", "operation": "mean", "value": 0.8, "var2": None},
    ],
    "num_samples": 2,
}


def _example(*examples: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class ListExperimentsRequest(BaseModel):
    """All conditions hold together; null and empty ones ask for nothing."""

    model_config = _example({"project_name": "greetings", "metadata_filter": {"branch": "main"}}, {})

    project_name: str | None = Field(None, description="Exactly; an unknown project has no experiments.")
    metadata_filter: Metadata | None = Field(
        None, max_length=100, description="Pairs that the metadata contains, compared as text."
    )
    experiment_name_filter: str | None = Field(None, description="Part of the name, minding case.")
    run_name_filter: str | None = Field(None, description="Part of the run's name, minding case.")
    experiment_uuids: list[str] | None = Field(None, max_length=1000)


class PinnedStatistic(BaseModel):
    var1: str = Field(description="A score, Cost, Total Tokens, Output Tokens, Input Tokens or Latency.")
    operation: str = Field(description="`mean` over the traces, or `custom`: sent with the end of the run.")
    value: float
    var2: str | None = None


class ExperimentWithPinnedStats(BaseModel):
    """An experiment with its statistics as they are now."""

    model_config = _example(_EXPERIMENT)

    name: str
    run_name: str
    project_uuid: str
    is_public: bool
    metadata: dict[str, Any] | None
    uuid: str
    created_at: str
    status: Literal["pending", "running", "completed", "failed"]
    pinned_stats: list[PinnedStatistic]
    num_samples: int = Field(description="Traces whose root has arrived.")
