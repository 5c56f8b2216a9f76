"""Respan's endpoints that are not served here, known by name, so that a client learns why: each answers 501.

Every method of the published clients ends at a route or here: `docs/migration.md` lists which.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Response

from ..dialects.respan.schema import ErrorAnswer
from ..errors import OutOfScope
from .respan_shared import ROUTER, errors
from .route_classes import RespanAny, RespanWrite

write = APIRouter(route_class=RespanWrite, **ROUTER)
anyone, of_any_word = (APIRouter(route_class=RespanAny, include_in_schema=False, **ROUTER) for _ in range(2))

UNSUPPORTED_ANSWER: dict[str, Any] = {
    "status_code": 501,
    "response_model": ErrorAnswer,
    "response_description": "Not what this service does",
    "responses": errors(401, 403),
}


@write.post("/api/chat/completions", summary="Call a chat model", **UNSUPPORTED_ANSWER)
@write.post("/api/openrouter/v1/chat/completions", summary="Call a chat model through OpenRouter", **UNSUPPORTED_ANSWER)
@write.post("/api/responses", summary="Call a model for a response", **UNSUPPORTED_ANSWER)
@write.post("/api/anthropic/v1/messages", summary="Call a model of Anthropic", **UNSUPPORTED_ANSWER)
@write.post("/api/embeddings", summary="Call an embedding model", **UNSUPPORTED_ANSWER)
@write.post("/api/audio/speech", summary="Call a speech model", **UNSUPPORTED_ANSWER)
@write.post("/api/audio/transcriptions", summary="Call a transcription model", **UNSUPPORTED_ANSWER)
async def call_any_model() -> Response:
    raise OutOfScope("This service keeps statistics and calls no models: use the model's own client")


@write.post("/api/evaluators/{evaluator_id}/run/", summary="Run an evaluator", **UNSUPPORTED_ANSWER)
async def run_evaluator(evaluator_id: str) -> Response:
    raise OutOfScope(f"This service runs no evaluators: run {evaluator_id} elsewhere and post its score")


_MODELS = "calls no models: use the model's own client"
_TABLES = "keeps no datasets and test sets of this API: run over your own data and name the experiment in its traces"
_PROMPTS = "keeps no prompts"
_RUNS = "runs no evaluators and workflows: run them elsewhere and post their scores to /api/logs/{log_id}/scores/"
_ACCOUNT = "is no gateway and keeps no accounts, limits, keys, providers and credits"
_GROUPS = "groups no errors and behaviors: filter /api/request-logs/list/ by status, or post behaviors as scores"
_CHARTS = "draws no dashboards of an account: ask for the summary of an experiment or of /api/request-logs/summary/"
_SHARING = "shares nothing in public: give a key that may only read"
_OLDER = "has experiments at /api/v2/experiments/ only: traces name the experiment that they belong to"

# A path, which means all below it too where it ends in a star, and what this service does instead.
UNSUPPORTED = {
    "/api/anthropic/*": _MODELS,
    "/api/google/*": _MODELS,
    "/api/openrouter/*": _MODELS,
    "/api/typesafe/*": _MODELS,
    "/api/assemblyai/*": _MODELS,
    "/api/audio/*": _MODELS,
    "/api/files/*": _MODELS,
    "/api/v1/batches/*": _MODELS,
    "/api/caches/*": "caches no answers of models",
    "/api/cache/*": "caches no answers of models",
    "/api/prompts/*": _PROMPTS,
    "/api/response-format-presets/*": _PROMPTS,
    "/api/datasets/*": _TABLES,
    "/api/testsets/*": _TABLES,
    "/api/evaluators/*": _RUNS,
    "/api/evaluations/*": _RUNS,
    "/api/workflows/*": _RUNS,
    "/api/v1/scores": _RUNS,
    "/api/experiments/*": _OLDER,
    "/api/models/*": "has no list of models: it prices the models that LiteLLM's table knows",
    "/api/providers/*": _ACCOUNT,
    "/api/limit-policies/*": _ACCOUNT,
    "/api/credit-transactions/*": _ACCOUNT,
    "/api/temporary-keys/*": _ACCOUNT,
    "/api/platform-stats/*": _ACCOUNT,
    "/api/health/": "reports its health at /healthz and /readyz",
    "/api/users/*": "keeps no users: filter by customer_identifier",
    "/api/log_threads/*": "keeps no threads: filter by thread_identifier",
    "/api/request-logs/groups/": "groups no logs: filter /api/request-logs/list/, or add up /api/request-logs/summary/",
    "/api/request-logs/behavior-columns/": _GROUPS,
    "/api/request-logs/{unique_id}/behaviors/{behavior_key}/": _GROUPS,
    "/api/pulses/*": _GROUPS,
    "/api/dashboard/*": _CHARTS,
}
# What begins with a parameter is compared last.
UNSUPPORTED_OF_ANY = {
    ("POST", "/api/{provider}/v1/chat/completions"): _MODELS,
    ("GET", "/api/{organization_id}/traces/{trace_id}/"): _SHARING,
}
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def _refusal(reason: str) -> Callable[[], Awaitable[Response]]:
    async def refuse() -> Response:
        raise OutOfScope(f"This service keeps statistics and {reason}")

    return refuse


for _path, _reason in UNSUPPORTED.items():
    for _below in ("/", "/{below}") if _path.endswith("/*") else ("",):
        anyone.add_api_route(_path.removesuffix("/*") + _below, _refusal(_reason), methods=_METHODS)
for (_method, _path), _reason in UNSUPPORTED_OF_ANY.items():
    of_any_word.add_api_route(_path, _refusal(_reason), methods=[_method])
