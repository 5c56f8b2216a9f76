"""What all routes of Parea's API have in common: their prefix, their keys, the errors that they document."""

from typing import Any

from fastapi import Security
from fastapi.security import APIKeyHeader

from ..dialects.parea.schema import ErrorMessage, HTTPValidationError
from . import openapi

PREFIX = "/api/parea/v1"

ROUTER: dict[str, Any] = {
    "prefix": PREFIX,
    "dependencies": [Security(APIKeyHeader(name="x-user-id", auto_error=False))],
    "strict_content_type": False,
}
"""Options of every router of holders of a key."""

DESCRIPTIONS = openapi.DESCRIPTIONS | {
    400: "Contradicts what is stored, or a filter's value that does not fit its field"
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that may answer with these, beside FastAPI's 422."""
    described: dict[int | str, dict[str, Any]] = {
        422: {"model": HTTPValidationError, "description": "Validation Error"}
    }
    return described | {s: {"model": ErrorMessage, "description": DESCRIPTIONS[s]} for s in statuses}
