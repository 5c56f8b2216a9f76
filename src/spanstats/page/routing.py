"""Routes of pages: what goes wrong becomes a page that says what to do; screens are for people who are signed in."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.requests import ClientDisconnect

from ..api.paths import TolerantRoute
from ..errors import SpanstatsError, Unavailable
from .calls import Refused
from .headers import PAGE_HEADERS
from .render import page
from .session import forget, key_of, root_of

log = logging.getLogger(__name__)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_ADVICE = {
    400: "Go back and change what is named above.",
    403: "Sign out, and sign in with a key of scope read or all.",
    404: "It may have been deleted, belong to another tenant, or never have existed.",
    429: "Wait a moment, then try again.",
    500: "The log of the service says more.",
    503: "Try again in a moment. If it stays so, /readyz says what the service waits for.",
}
_HEADINGS = {
    400: "That question has no answer",
    403: "This API key may not read",
    404: "Not found",
    429: "Too many requests",
    503: "No answer right now",
}

_PASSING = (429, 500, 503)
"""What may be different when it is tried again."""


class PageRoute(TolerantRoute):
    """A page whose failures are pages too."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await handle(request)
            except Refused as refused:
                return refusal_page(request, refused)
            except Unavailable as error:
                return _problem(request, 503, str(error), str(error.retry_after_s))
            except SpanstatsError as error:
                return _problem(request, 400, str(error))
            except ClientDisconnect:
                raise
            except Exception:
                log.exception("%s could not be shown", request.url.path)
                return _problem(request, 500, "This page could not be shown")

        return shown


class ScreenRoute(PageRoute):
    """A screen. Without a key it leads to the sign-in and back; a key that is refused is forgotten."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def for_holders(request: Request) -> Response:
            return sign_in_first(request) if key_of(request) is None else await handle(request)

        return for_holders


def sign_in_first(request: Request, reason: str | None = None) -> Response:
    """Leads to the sign-in, which leads back to this page."""
    # With the reason `key` the sign-in says that the key was refused.
    more = f"&reason={reason}" if reason else ""
    address = f"{root_of(request)}/ui/sign-in?next={quote(_address_of(request), safe='')}{more}"
    return RedirectResponse(address, 303, PAGE_HEADERS)


def refusal_page(request: Request, refused: Refused) -> Response:
    """What the interface refused, as a page of the same status."""
    if refused.status == 401:
        response = sign_in_first(request, "key")
        forget(request, response)
        return response
    return _problem(request, refused.status, refused.message, refused.retry_after, refused)


def _problem(
    request: Request, status: int, message: str, retry_after: str | None = None, refused: Refused | None = None
) -> Response:
    response = page(
        request,
        "problem.html",
        status,
        calls=(refused.call,) if refused else (),
        heading=_HEADINGS.get(status, "This did not work"),
        message=message,
        problems=refused.problems if refused else (),
        again=_address_of(request) if status in _PASSING else None,
        advice=_ADVICE.get(status, "Load the page again."),
    )
    if retry_after:
        response.headers["Retry-After"] = retry_after
    return response


def _address_of(request: Request) -> str:
    """The page that was asked for; of a form that was sent, that of the form."""
    root, path = root_of(request), request.url.path
    # Some proxies take off what they put before every path, some do not.
    whole = path if path.startswith(f"{root}/") else root + path
    return whole + (f"?{request.url.query}" if request.url.query else "")
