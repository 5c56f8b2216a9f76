"""The order in which every keyed route checks a request: route, key, permission, rate, size, decoding, content.

FastAPI decodes a declared body before it runs dependencies, so the key and the body are checked here, around it.
"""

from collections.abc import Callable, Coroutine, Sequence
from inspect import signature
from typing import Any

from fastapi import Request, Response
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.security.base import SecurityBase
from starlette.types import ASGIApp, Receive, Scope, Send

from ..dialects import json_body, json_limits
from ..dialects.otlp import answers as otlp_answers
from ..errors import Unauthenticated
from ..store.outages import StandbyLost, TenantMoved
from .authentication import Caller, Permission, presented_key
from .body import read_body
from .decoding import beside
from .failures import within
from .paths import TolerantRoute
from .resources import resources_of

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class KeyedRoute(TolerantRoute):
    """A route for holders of a key. The handler finds the caller and the body of the request ready."""

    key_headers: Sequence[bytes]
    permission: Permission

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.is_direct = self._is_direct()
        """Whether the endpoint makes the response itself, from the request and from texts of its path and query."""
        if self.is_direct:
            self.checked = self.get_route_handler()
            # FastAPI's own opens two stacks for what dependencies leave to be closed; errors are answered further out.
            self.app = _directly(self.checked)

    def get_route_handler(self) -> Handler:
        """The handler behind the key, the permission, the rate and the body of the request."""
        handle = with_texts(self.endpoint, self.dependant) if self._is_direct() else super().get_route_handler()
        decodes = self.body_field is not None

        async def checked(request: Request) -> Response:
            resources = resources_of(request)
            key = presented_key(request.headers, self.key_headers)
            caller = await self._identify(request, key)
            resources.rates.take(caller.tenant_id)
            with within("body"):
                body = await read_body(request, resources.limits.body_bytes, resources.limits.body_wait_s)
                request._body = body
                _check_depth(request, body, resources.limits.json_depth)
                if decodes and body.strip():
                    request._json = await beside(request, json_body.decode, body)
            try:
                return await handle(request)
            except StandbyLost:
                request.scope["state"]["database"] = resources.shards.database_of(caller)
                return await handle(request)
            except TenantMoved:
                resources.keys.forget(key)
                await self._identify(request, key)
                return await handle(request)

        return checked

    async def _identify(self, request: Request, key: str) -> Caller:
        """Put into the request who asks, and where all that is theirs lives.

        Raises `Unauthenticated`, `Forbidden`, `Unavailable`.
        """
        resources, state = resources_of(request), request.scope["state"]
        caller = await resources.keys.find(key)
        if caller is None:
            raise Unauthenticated("This API key is not valid")
        self.permission.check(caller)
        state["caller"] = caller
        state["database"] = resources.shards.database_of(caller, reads_only=self.permission is Permission.READ)
        return caller

    def _is_direct(self) -> bool:
        takes = self.dependant
        others = (takes.header_params, takes.cookie_params, takes.body_params)
        return (
            signature(self.endpoint).return_annotation is Response
            and not any(others)
            and all(isinstance(each.call, SecurityBase) for each in takes.dependencies)
            and all(field.field_info.annotation is str for field in takes.path_params)
            and all(map(_is_optional_text, takes.query_params))
        )


def _is_optional_text(field: ModelField) -> bool:
    """Whether this is one text of the query, or `None`, of which nothing else is asked."""
    info = field.field_info
    return info.annotation == str | None and not info.metadata and info.default is None and field.alias == field.name


def with_texts(endpoint: Callable[..., Coroutine[Any, Any, Response]], takes: Dependant) -> Handler:
    """Calls the endpoint with what FastAPI would resolve to the same: the texts of path and query by their names."""
    of_path = [field.name for field in takes.path_params]
    of_query = [field.name for field in takes.query_params]

    async def handle(request: Request) -> Response:
        arguments: dict[str, Any] = {name: request.path_params[name] for name in of_path}
        arguments |= {name: request.query_params.get(name) for name in of_query}
        if takes.request_param_name:
            arguments[takes.request_param_name] = request
        return await endpoint(**arguments)

    return handle


def _directly(handle: Handler) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await handle(Request(scope, receive, send))
        await response(scope, receive, send)

    return app


def _check_depth(request: Request, body: bytes, limit: int) -> None:
    """Decoders have a limit of their own; only a lower one is looked at here."""
    if limit < json_limits.MAX_DEPTH and not otlp_answers.is_protobuf(request.headers.get("content-type", "")):
        json_limits.check_depth(body, limit)
