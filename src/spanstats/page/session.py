"""Who looks at the page: an API key in a cookie that scripts cannot read and other sites cannot send."""

from urllib.parse import quote, unquote

from fastapi import Request, Response

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
