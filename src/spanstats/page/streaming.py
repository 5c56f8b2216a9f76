"""A page that is sent while its parts arrive: the template runs until it waits for a part that is not there."""

import logging
from asyncio import to_thread
from collections.abc import AsyncIterator, Iterator
from secrets import token_hex
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from markupsafe import Markup

from .calls import Refused
from .headers import PAGE_HEADERS
from .parts import Parts
from .render import ENVIRONMENT, context_of

log = logging.getLogger(__name__)

# What a template writes where it waits for a part. No client can send it: this process alone knows it.
_WAIT = f"\0{token_hex(16)}:"


# What people see meanwhile, until an element follows it: the stylesheet hides it then.
_WAITING = '<p class="waiting small quiet" role="status">Still reading …</p>'
_ARRIVED = "<span hidden></span>"


def wait_for(name: str) -> Markup:
    """In a template: wait for the part of this name, which is `parts[name]` from here on."""
    return Markup(_WAIT + name)  # noqa: S704 (never sent)


async def page_of_parts(request: Request, template: str, parts: Parts, **context: Any) -> Response:
    """The page, whole where its parts are there soon, else in fragments. Raises `Refused`."""
    try:
        await parts.wait()
    except BaseException:
        await parts.close()
        raise
    is_whole = all(parts.is_there(name) for name in parts.names)
    fragments = _fragments(template, context_of(request, **context), parts, in_thread=not is_whole)
    if is_whole:
        return HTMLResponse("".join([fragment async for fragment in fragments]), headers=PAGE_HEADERS)
    return StreamingResponse(fragments, headers=PAGE_HEADERS, media_type="text/html")


async def _fragments(template: str, context: dict[str, Any], parts: Parts, *, in_thread: bool) -> AsyncIterator[str]:
    """The HTML up to each part that is waited for, then the rest; made `in_thread` where there may be much of it."""
    shown: dict[str, Any] = {}
    variables = context | {"parts": shown, "wait": wait_for, "calls_made": lambda: parts.calls}
    generated = ENVIRONMENT.get_template(template).generate(variables)
    before = ""
    try:
        while True:
            html, name = await to_thread(_up_to_wait, generated) if in_thread else _up_to_wait(generated)
            if name is None:
                yield before + html
                return
            if parts.is_there(name):
                before += html
            else:
                yield before + html + _WAITING
                before = _ARRIVED
            shown[name], missing = await _shown(parts, name)
            before += missing
    finally:
        await parts.close()


def _up_to_wait(generated: Iterator[str]) -> tuple[str, str | None]:
    """The HTML up to the next part that is waited for, and its name; `None` at the end."""
    html: list[str] = []
    for fragment in generated:
        if fragment.startswith(_WAIT):
            return "".join(html), fragment.removeprefix(_WAIT)
        html.append(fragment)
    return "".join(html), None


async def _shown(parts: Parts, name: str) -> tuple[Any, str]:
    """What the part shows, or the HTML that says why it is missing: the page goes on without it."""
    try:
        return await parts.shown(name), ""
    except Refused as refused:
        message, status = refused.message, refused.status
    except Exception:
        log.exception("the part %s could not be shown", name)
        message, status = "the log of the service says why", 500
    missing = ENVIRONMENT.get_template("missing_part.html")
    return None, missing.render(message=message, status=status, advice=parts.advice(name))
