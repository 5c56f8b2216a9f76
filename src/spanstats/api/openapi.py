"""What a route says of itself where FastAPI cannot read it off the handler: bodies that we decode ourselves."""

from collections.abc import Mapping
from typing import Any


def body(schema: Mapping[str, Any], *, required: bool = True) -> dict[str, Any]:
    """`openapi_extra` of a route that takes such a JSON body."""
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": dict(schema)}}}}
