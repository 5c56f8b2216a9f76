"""Templates to pages: what every template knows, and the headers that every page has."""

import hashlib
from importlib.resources import files
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from . import figures
from .calls import Call
from .columns import column, layout
from .content import as_text, brief
from .headers import PAGE_HEADERS
from .session import key_of, root_of

_ASSETS = files(__package__) / "static"


def _version() -> str:
    """Changes with the stylesheet and the script, so that browsers may keep both for long."""
    digest = hashlib.sha256()
    for name in ("style.css", "page.js", "icon.svg"):
        digest.update((_ASSETS / name).read_bytes())
    return digest.hexdigest()[:10]


def _without_nul(value: Any) -> Any:
    """HTML has no NUL, and no text of a client looks like what `streaming.py` marks with it."""
    return value.replace("\0", "\ufffd") if type(value) is str and "\0" in value else value


_FIGURES = (
    "whole",
    "digits",
    "dollars",
    "seconds",
    "percent",
    "measured",
    "change",
    "probability",
    "score",
    "counted",
    "moment",
    "measure_name",
)
"""Functions of `figures` that templates use as filters."""


def _environment() -> Environment:
    # A template that names what it was not given is a fault, not an empty text.
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_without_nul,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {name: getattr(figures, name) for name in _FIGURES}
    environment.filters |= {"as_text": as_text, "brief": brief, "column": column, "layout": layout}
    environment.globals["version"] = _version()
    return environment


ENVIRONMENT = _environment()


def page(
    request: Request, template: str, status: int = 200, *, calls: tuple[Call, ...] = (), **context: Any
) -> HTMLResponse:
    """The whole page; `calls` are shown as commands at its end."""
    variables = context_of(request, **context) | {"calls_made": lambda: calls}
    return HTMLResponse(ENVIRONMENT.get_template(template).render(variables), status, PAGE_HEADERS)


def context_of(request: Request, **context: Any) -> dict[str, Any]:
    """What every template knows, and what this page adds."""
    return {
        "root": root_of(request),
        "base_url": str(request.base_url).rstrip("/"),
        "signed_in": key_of(request) is not None,
        "screen": "",
        "as_of": None,
        **context,
    }
