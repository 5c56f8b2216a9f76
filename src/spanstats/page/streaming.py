"""A page that is sent while its parts arrive: the template runs until it waits for a part that is not there."""

from collections.abc import AsyncIterator
from secrets import token_hex
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from markupsafe import Markup

from .calls import Refused
from .headers import PAGE_HEADERS
from .parts import Parts
from .render import ENVIRONMENT, context_of

# What a template writes where it waits for a part. No client can send it: this process alone knows it.
_WAIT = f"\0{token_hex(16)}:"


# What people see meanwhile, until an element follows it: the stylesheet hides it then.
_WAITING = '<p class="waiting small quiet" role="status">Still reading …</p>'
_ARRIVED = "<span hidden></span>"


def wait_for(name: str) -> Markup:
    """In a template: wait for the part of this name, which is `parts[name]` from here on."""
    return Markup(_WAIT + name)  # noqa: S704 (never sent)


async def page_of_parts(request: Request, template: str, parts: Parts, **context: Any) -> Response:
    """The page, whole where its parts are there soon, else in pieces. Raises `Refused`."""
    try:
        await parts.wait()
    except BaseException:
        await parts.close()
        raise
    pieces = _pieces(template, context_of(request, **context), parts)
    if all(parts.is_there(name) for name in parts.names):
        return HTMLResponse("".join([piece async for piece in pieces]), headers=PAGE_HEADERS)
    return StreamingResponse(pieces, headers=PAGE_HEADERS, media_type="text/html")


async def _pieces(template: str, context: dict[str, Any], parts: Parts) -> AsyncIterator[str]:
    """The HTML up to each part that is waited for, then the rest."""
    shown: dict[str, Any] = {}
    variables = context | {"parts": shown, "wait": wait_for, "calls_made": lambda: parts.calls}
    ready: list[str] = []
    try:
        for piece in ENVIRONMENT.get_template(template).generate(variables):
            if not piece.startswith(_WAIT):
                ready.append(piece)
                continue
            name = piece.removeprefix(_WAIT)
            if not parts.is_there(name):
                yield "".join([*ready, _WAITING])
                ready = [_ARRIVED]
            try:
                shown[name] = await parts.shown(name)
            except Refused as refused:
                shown[name] = None
                missing = ENVIRONMENT.get_template("missing_part.html")
                ready.append(missing.render(message=refused.message, status=refused.status, advice=parts.advice(name)))
        yield "".join(ready)
    finally:
        await parts.close()
