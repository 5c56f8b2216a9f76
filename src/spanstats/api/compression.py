"""Compressed answers: Starlette's middleware, which small answers pass by.

Almost every answer is a few bytes long, and getting ready to compress one costs more than making it.
"""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MINIMUM_BYTES = 1024
_LEVEL = 5


class Compression:
    """An ASGI middleware that compresses answers of a kibibyte and more where the client takes gzip."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head: Message | None = None
        onward: Send | None = None

        async def choosing(message: Message) -> None:
            """Holds the head until the first fragment of the body shows whether the answer is small."""
            nonlocal head, onward
            if onward is not None:
                await onward(message)
            elif message["type"] == "http.response.start":
                head = message
            else:
                onward = send if head is None or _is_small(message) else await _compressing(scope, receive, send)
                if head is not None:
                    await onward(head)
                await onward(message)

        await self._app(scope, receive, choosing)


def _is_small(message: Message) -> bool:
    """Whether this is a whole body, and too short to be worth it."""
    return not message.get("more_body", False) and len(message.get("body", b"")) < MINIMUM_BYTES


async def _keep_sender(scope: Scope, _receive: Receive, send: Send) -> None:
    """What the middleware takes for its application: it leaves there what it was given to send with."""
    scope["compressing"] = send


# One for all answers, as it holds nothing of any.
_MIDDLEWARE = GZipMiddleware(_keep_sender, MINIMUM_BYTES, _LEVEL)


async def _compressing(scope: Scope, receive: Receive, send: Send) -> Send:
    """What the middleware would give an application to send with."""
    await _MIDDLEWARE(scope, receive, send)
    sender: Send = scope.pop("compressing")
    return sender
