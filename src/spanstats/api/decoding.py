"""Bodies read so that a long one holds up no other request."""

from collections.abc import Callable
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from fastapi import Request

from ..dialects.json_limits import LONG
from .resources import resources_of

P = ParamSpec("P")
T = TypeVar("T")


async def beside(
    request: Request, read: Callable[Concatenate[bytes, P], T], body: bytes, *args: P.args, **options: P.kwargs
) -> T:
    """What `read` makes of a body; of a long one in a thread, where the loop gets its turn every few milliseconds.

    Raises `Unavailable` where too many long bodies wait for that.
    """
    return await beside_above(LONG, request, read, body, *args, **options)


async def beside_above(
    length: int,
    request: Request,
    read: Callable[Concatenate[bytes, P], T],
    body: bytes,
    *args: P.args,
    **options: P.kwargs,
) -> T:
    """As `beside`, where a body is long above this length in bytes."""
    if len(body) <= length:
        return read(body, *args, **options)
    return await resources_of(request).decoding.run(partial(read, body, *args, **options), len(body))
