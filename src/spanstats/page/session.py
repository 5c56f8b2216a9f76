"""Who looks at the page: an API key in a cookie that scripts cannot read and other sites cannot send."""

import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import quote, unquote

from fastapi import Request, Response

from ..errors import TooMany

COOKIE = "spanstats_key"
HOME = "/ui/"
_DAYS_S = 30 * 24 * 3600


def key_of(request: Request) -> str | None:
    """The key in the request's cookie."""
    value = request.cookies.get(COOKIE)
    return unquote(value) if value else None


def remember(request: Request, response: Response, key: str) -> None:
    """Keep the key in the browser, for the page's own paths alone."""
    response.set_cookie(
        COOKIE,
        quote(key, safe=""),
        max_age=_DAYS_S,
        path=root_of(request) + "/ui",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def forget(request: Request, response: Response) -> None:
    """Have the browser delete the key."""
    response.delete_cookie(
        COOKIE,
        path=root_of(request) + "/ui",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def root_of(request: Request) -> str:
    """What a proxy puts before every path of this service; empty without one."""
    return str(request.scope.get("root_path", ""))


def inner_target(request: Request, target: str | None) -> str:
    """Where to go after the sign-in: the target if it is on this page, else the start. Never another site."""
    home = root_of(request) + HOME
    if target and target.startswith(home) and target.isprintable() and "\\" not in target and "//" not in target[:2]:
        return target
    return home


def is_from_elsewhere(request: Request) -> bool:
    """Whether the browser says that another site sent this form."""
    return request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


class Attempts:
    """Failed sign-ins by address in one worker: at most `most` in `period_s` seconds."""

    def __init__(self, most: int = 10, period_s: float = 60, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._period_s = period_s
        self._clock = clock
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def check(self, address: str) -> None:
        """Raises `TooMany` where the address has failed too often."""
        recent = self._recent(address)
        if len(recent) >= self._most:
            wait_s = max(1, round(self._period_s - (self._clock() - recent[0])))
            raise TooMany("Too many sign-ins with wrong keys; try again later", wait_s)

    def fail(self, address: str) -> None:
        """Count one failure; of many addresses the oldest are forgotten."""
        self._failed[address] = [*self._recent(address), self._clock()]
        self._failed.move_to_end(address)
        if len(self._failed) > 10_000:
            self._failed.popitem(last=False)

    def _recent(self, address: str) -> list[float]:
        since = self._clock() - self._period_s
        return [at for at in self._failed.get(address, ()) if at > since]
