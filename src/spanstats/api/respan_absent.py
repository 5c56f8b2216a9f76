"""Respan's endpoints that call a model: known here, so that a client learns why they do not answer."""

from typing import Any

from fastapi import APIRouter, Response

from ..dialects.respan.schema import ErrorAnswer
from ..errors import OutOfScope
from .respan_shared import ROUTER, errors
from .routing import RespanWrite

write = APIRouter(route_class=RespanWrite, **ROUTER)

_ABSENT: dict[str, Any] = {
    "status_code": 501,
    "response_model": ErrorAnswer,
    "response_description": "Not what this service does",
    "responses": errors(401, 403),
}


@write.post("/api/chat/completions", summary="Call a chat model", **_ABSENT)
@write.post("/api/openrouter/v1/chat/completions", summary="Call a chat model through OpenRouter", **_ABSENT)
@write.post("/api/responses", summary="Call a model for a response", **_ABSENT)
@write.post("/api/anthropic/v1/messages", summary="Call a model of Anthropic", **_ABSENT)
@write.post("/api/embeddings", summary="Call an embedding model", **_ABSENT)
@write.post("/api/audio/speech", summary="Call a speech model", **_ABSENT)
@write.post("/api/audio/transcriptions", summary="Call a transcription model", **_ABSENT)
async def call_any_model() -> Response:
    raise OutOfScope("This service keeps statistics and calls no models: use the model's own client")


@write.post("/api/evaluators/{evaluator_id}/run/", summary="Run an evaluator", **_ABSENT)
async def run_evaluator(evaluator_id: str) -> Response:
    raise OutOfScope(f"This service runs no evaluators: run {evaluator_id} elsewhere and post its score")
