"""Bodies read so that a long one holds up no other request."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from ..dialects.json_body import LONG

P = ParamSpec("P")
T = TypeVar("T")

# One thread: more would only take the interpreter from each other, and from the loop.
_THREAD = ThreadPoolExecutor(1, "decoding")


async def beside(read: Callable[Concatenate[bytes, P], T], sent: bytes, *args: P.args, **options: P.kwargs) -> T:
    """What `read` makes of a body; of a long one in a thread, where the loop gets its turn every few milliseconds."""
    return await beside_above(LONG, read, sent, *args, **options)


async def beside_above(
    length: int, read: Callable[Concatenate[bytes, P], T], sent: bytes, *args: P.args, **options: P.kwargs
) -> T:
    """As `beside`, where a body is long above this length in bytes."""
    if len(sent) <= length:
        return read(sent, *args, **options)
    return await asyncio.get_running_loop().run_in_executor(_THREAD, partial(read, sent, *args, **options))
