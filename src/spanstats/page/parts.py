"""Parts of a screen: answers of the interface, asked for at once, each shown as soon as it is there."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from .calls import Call, Refused, ask_all

PATIENCE_S = 0.05
"""How long a page waits for all of its parts before it sends what it has: by then, most are there, and requests
that the interface refuses are answered."""

NARROW = "narrow it with a filter"
"""What people may do where a part takes too long, unless it has better advice."""


@dataclass(frozen=True, slots=True)
class Part:
    """What `calls` answer, as `show` turns it into what the template shows.

    A part that comes `after` another one gets what that one shows, and makes its calls of it. Without an essential part
    there is no page: it is waited for before other parts are asked for, so that what is not there is a 404 at once.
    `advice` is what people may do where the part takes too long.
    """

    calls: Callable[[Any], Sequence[Call]]
    show: Callable[..., Any]
    after: str | None = None
    is_essential: bool = False
    advice: str = NARROW


def part(call: Call, show: Callable[[Any], Any], *, is_essential: bool = False, advice: str = NARROW) -> Part:
    """One call that waits for nothing."""
    return Part(lambda _: (call,), show, is_essential=is_essential, advice=advice)


class Parts:
    """The parts of one page by name. The essential ones are asked for at once, the others as soon as these are there;
    `close` gives up the parts that have not come.

    `before` are calls that the page has made already.
    """

    def __init__(self, request: Request, key: str, parts: Mapping[str, Part], before: Sequence[Call] = ()) -> None:
        self._request = request
        self._key = key
        self._before = before
        self._calls: dict[str, Sequence[Call]] = {}
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._is_late = False
        self._parts = parts
        self._essential = [name for name, one in parts.items() if one.is_essential]
        for name, one in parts.items():
            self._tasks[name] = asyncio.create_task(self._answer(name, one))

    async def _answer(self, name: str, one: Part) -> Any:
        if not one.is_essential:
            for essential in self._essential:
                await asyncio.shield(self._tasks[essential])
        before = None if one.after is None else await asyncio.shield(self._tasks[one.after])
        self._calls[name] = one.calls(before)
        answers = await ask_all(self._request, self._key, *self._calls[name])
        # What comes late may be large: others do not wait until it is shown.
        return await asyncio.to_thread(one.show, *answers) if self._is_late else one.show(*answers)

    @property
    def names(self) -> list[str]:
        return list(self._tasks)

    @property
    def calls(self) -> list[Call]:
        """The calls that were made up to now, in the order of the parts."""
        return [*self._before, *(call for name in self._tasks for call in self._calls.get(name, ()))]

    async def wait(self) -> None:
        """Until the essential parts are there, and all or `PATIENCE_S` is over.

        Raises the first `Refused`, but of other parts that have no answer for now: the page is shown without these.
        """
        if not self._tasks:
            return
        for name in self._essential:
            await self.shown(name)
        done, _ = await asyncio.wait(self._tasks.values(), timeout=PATIENCE_S, return_when=asyncio.FIRST_EXCEPTION)
        for task in self._tasks.values():
            if task in done and not _has_no_answer_for_now(task):
                task.result()
        self._is_late = True

    def advice(self, name: str) -> str:
        """What people may do where this part takes too long."""
        return self._parts[name].advice

    def is_there(self, name: str) -> bool:
        """Whether the part can be shown without a wait."""
        return self._tasks[name].done()

    async def shown(self, name: str) -> Any:
        """What the part shows. Raises `Refused`."""
        return await self._tasks[name]

    async def close(self) -> None:
        """Give up what is still asked for."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def _has_no_answer_for_now(done: asyncio.Task[Any]) -> bool:
    refused = done.exception()
    return isinstance(refused, Refused) and refused.status == 503
