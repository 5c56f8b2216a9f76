"""Experiments as Respan's clients define and read them."""

from typing import Any
from uuid import uuid4

from ...catalog.definitions import Defined
from ...domain.times import iso
from ...domain.values import clean, identifier
from ...errors import InvalidInput, Problem
from ..storable import scrub
from .experiment_schema import NUMBERS, OBJECT_LISTS, TEXT_LISTS, TEXTS

_DEFAULTS: dict[str, Any] = {"batch_size": 100, "concurrency": 15, "enable_tracing": True}

SORTS = {
    "created_at": "created_at",
    "name": "name",
    "status": "status",
    "id": "id",
    "started_at": "started_at",
    "completed_at": "finished_at",
}


def read_new(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """(id, values) of a new experiment; an id that is absent is made. Raises `InvalidInput`."""
    experiment_id = identifier(body.get("experiment_id"), "experiment_id")
    return experiment_id or uuid4().hex, read_values(body)


def read_values(body: dict[str, Any]) -> dict[str, Any]:
    """The fields of an experiment in a body; keys that are not known are ignored. Raises `InvalidInput`."""
    fields = {**body, "workflow": body.get("workflow", body.get("workflows"))}
    problems = [
        Problem((name,), message, code)
        for name, value in fields.items()
        if value is not None and name in _CHECKS
        for passes, message, code in (_CHECKS[name],)
        if not passes(value)
    ]
    if problems:
        raise InvalidInput(problems)
    values: dict[str, Any] = scrub({name: fields[name] for name in _CHECKS if fields.get(name) is not None})
    return values | {name: int(values[name]) for name in NUMBERS if name in values}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _is_whole(value: Any) -> bool:
    whole = value.__class__ is int or (value.__class__ is float and value.is_integer())
    return whole and 0 <= value < 2**31


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


_CHECKS = {
    **dict.fromkeys(("name", "status", *TEXTS), (_is_text, "must be text", "string_type")),
    **dict.fromkeys(TEXT_LISTS, (_are_texts, "must be a list of texts", "list_type")),
    **dict.fromkeys(OBJECT_LISTS, (_are_objects, "must be a list of objects", "list_type")),
    **dict.fromkeys(NUMBERS, (_is_whole, "must be a whole number", "int_type")),
    "enable_tracing": (_is_flag, "must be true or false", "bool_type"),
}


def listed_experiment(experiment: Defined) -> dict[str, Any]:
    """An experiment as `ListedExperiment` describes it."""
    details = experiment.details
    status = experiment.status or ("pending" if experiment.created else "running")
    return {
        "id": experiment.id,
        "name": clean(experiment.name or experiment.id),
        "description": details.get("description"),
        "status": status,
        "dataset": details.get("dataset"),
        "dataset_id": details.get("dataset_id"),
        "dataset_name": details.get("dataset_name"),
        "workflow_count": len(details.get("workflow", ())),
        "progress": 100.0 if status == "completed" else 0.0,
        "created_at": iso(experiment.created_at),
        "started_at": None if experiment.started_at is None else iso(experiment.started_at),
        "completed_at": None if experiment.finished_at is None else iso(experiment.finished_at),
        "tags": details.get("tags", []),
    }


def experiment_object(experiment: Defined) -> dict[str, Any]:
    """An experiment as `ExperimentObject` describes it."""
    details = experiment.details
    return {
        **listed_experiment(experiment),
        **{name: details.get(name, []) for name in ("workflow", *TEXT_LISTS)},
        **{name: details.get(name, default) for name, default in _DEFAULTS.items()},
        "error_message": None,
    }
