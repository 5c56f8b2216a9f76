"""What a body changes in a log's span."""

from typing import Any

from ...domain.span import Span, normal_status
from ...domain.values import microseconds, picodollars, tokens
from ...errors import invalid
from ..document import from_value
from ..normalize import metadata_of, text_of
from ..storable import scrub

_METRICS = {
    "cost": ("cost_pd", picodollars),
    "total_cost": ("cost_pd", picodollars),
    "latency": ("latency_us", microseconds),
    "duration": ("latency_us", microseconds),
    "time_to_first_token": ("ttft_us", microseconds),
    "prompt_tokens": ("prompt_tokens", tokens),
    "completion_tokens": ("completion_tokens", tokens),
    "total_tokens": ("total_tokens", tokens),
}


def read_change(body: dict[str, Any], span: Span) -> dict[str, Any]:
    """What a body changes in a log's span, as a patch: content, name, status, metrics; metadata key by key.

    Raises `InvalidInput`.
    """
    patch: dict[str, Any] = {}
    for name, target in (("input", "input"), ("output", "output"), ("expected_output", "target")):
        if name in body:
            patch[target] = from_value(body[name])
    if (label := text_of(body.get("name"))) is not None:
        patch["name"] = scrub(label)[:255]
    if (status := text_of(body.get("status"))) is not None:
        patch["status"] = normal_status(scrub(status))
    if body.get("metadata") is not None:
        patch["metadata"] = metadata_of({**(span.metadata or {}), **_object(body, "metadata")}, "metadata")
    return patch | _metrics(_object(body, "metrics"))


def _metrics(metrics: dict[str, Any]) -> dict[str, Any]:
    patch = {}
    for name, (target, read) in _METRICS.items():
        if metrics.get(name) is not None:
            patch[target] = read(metrics[name], f"metrics.{name}")
    if patch.keys() & {"prompt_tokens", "completion_tokens"}:
        patch.setdefault("total_tokens", None)  # their sum again
    return patch


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid("must be an object", name, code="dict_type")
    scrubbed: dict[str, Any] = scrub(value)
    return scrubbed
