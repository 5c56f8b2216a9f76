"""Do a write again if the database asks for it, because its transaction met another one."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from ..errors import Unavailable
from .outages import RETRYABLE, sqlstate

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 5


async def _before_attempt(number: int) -> None:
    """Wait a moment, so that two transactions that met do not meet again."""
    await asyncio.sleep(random.uniform(0, 0.02 * number))  # noqa: S311 (jitter)


def repeated(write: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """A write that is one transaction, done again where the database asks for it (deadlock, serialization failure).

    Raises `Unavailable` after `ATTEMPTS`.
    """

    @wraps(write)
    async def attempts(*args: P.args, **kwargs: P.kwargs) -> R:
        for number in range(1, ATTEMPTS):
            try:
                return await write(*args, **kwargs)
            except Unavailable as error:
                if not _is_retryable(error):
                    raise
            await _before_attempt(number)
        return await write(*args, **kwargs)

    return attempts


def _is_retryable(error: Unavailable) -> bool:
    """Whether the database asks for the same transaction again."""
    return error.__cause__ is not None and sqlstate(error.__cause__) in RETRYABLE
