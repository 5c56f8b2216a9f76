"""Sign-in with an API key, and sign-out."""

from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ...api.resources import resources_of
from ...errors import TooMany
from ..attempts import Attempts
from ..headers import PAGE_HEADERS
from ..render import page
from ..routing import PageRoute
from ..session import forget, inner_target, is_from_elsewhere, remember, root_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_MAX_FORM_BYTES = 8_192
_REFUSED = "This key is not valid, or was revoked."
_attempts = Attempts()


@router.get("/ui/sign-in")
async def sign_in_form(request: Request) -> Response:
    """The form; `next` is where it leads, `reason=key` says that a key was refused."""
    reason = request.query_params.get("reason")
    return _form(request, request.query_params.get("next"), _REFUSED if reason == "key" else None)


@router.post("/ui/sign-in")
async def sign_in(request: Request) -> Response:
    """Remembers a valid key and leads on; another one is a 401 with the form again."""
    form = await _sent_form(request)
    address = request.client.host if request.client else ""
    if form is None or is_from_elsewhere(request):
        return _form(request, None, "Sign in with the form of this page.", 403)
    target, key = form.get("next"), form.get("key", "").strip()
    try:
        is_valid = await _is_valid(request, address, key)
    except TooMany as error:
        response = _form(request, target, str(error), 429)
        response.headers["Retry-After"] = str(error.retry_after_s)
        return response
    if not is_valid:
        return _form(request, target, _REFUSED, 401)
    response = RedirectResponse(inner_target(request, target), 303, PAGE_HEADERS)
    remember(request, response, key)
    return response


@router.post("/ui/sign-out")
async def sign_out(request: Request) -> Response:
    """Forgets the key."""
    response = RedirectResponse(f"{root_of(request)}/ui/sign-in", 303, PAGE_HEADERS)
    if not is_from_elsewhere(request):
        forget(request, response)
    return response


async def _is_valid(request: Request, address: str, key: str) -> bool:
    """Whether the key is one; a wrong one counts. Raises `TooMany` after too many, and `Unavailable`."""
    _attempts.begin(address, key)
    counts = False
    try:
        counts = not key or await resources_of(request).keys.find(key) is None
    finally:
        if not counts:
            _attempts.forget(address, key)
    return not counts


def _form(request: Request, target: str | None, problem: str | None, status: int = 200) -> Response:
    return page(request, "sign_in.html", status, next=inner_target(request, target), problem=problem)


async def _sent_form(request: Request) -> dict[str, str] | None:
    """The fields of a small form; `None` for a large one."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_FORM_BYTES:
            return None
    return {name: values[-1] for name, values in parse_qs(body.decode("latin-1"), keep_blank_values=True).items()}
