"""What a route says of itself where FastAPI cannot read it off the handler: bodies that we decode ourselves."""

from collections.abc import Mapping
from typing import Any


def body(schema: Mapping[str, Any], *, required: bool = True) -> dict[str, Any]:
    """`openapi_extra` of a route that takes such a JSON body."""
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": dict(schema)}}}}


DESCRIPTIONS = {
    401: "No API key, or one that is not valid",
    403: "The API key's scope does not allow this",
    404: "Not found",
    413: "Over a limit of size",
    501: "Not what this service does",
    503: "Try again after the seconds in Retry-After",
}
"""What a status means on every route. What 400 means depends on the dialect."""
