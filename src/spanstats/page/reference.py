"""The API reference at `/docs`, from files of this machine alone: a browser without internet shows it whole."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from .headers import PAGE_HEADERS, REFERENCE_HEADERS
from .session import root_of

_VENDORED = Path(str(files("fastapi_offline"))) / "static"
_OWN = Path(str(files(__package__))) / "static"

router = APIRouter(include_in_schema=False)

_HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API reference · spanstats</title>
<link rel="stylesheet" href="{root}/docs/static/swagger-ui.css">
<link rel="icon" href="{root}/ui/static/icon.svg" type="image/svg+xml">
</head>
<body>
<main id="reference" data-description="{root}/openapi.json"></main>
<script src="{root}/docs/static/swagger-ui-bundle.js"></script>
<script src="{root}/ui/static/reference.js"></script>
</body>
</html>
"""


@router.get("/docs")
async def reference(request: Request) -> Response:
    """Swagger UI over `/openapi.json`."""
    return HTMLResponse(_HTML.format(root=root_of(request)), headers=REFERENCE_HEADERS)


class _Kept(StaticFiles):
    """Files that browsers keep for a day; their addresses change with their content, or with the release."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            return await super().get_response(path, scope)
        except HTTPException as error:
            return PlainTextResponse(error.detail, error.status_code, PAGE_HEADERS)

    def file_response(self, *args: object, **options: object) -> Response:
        response = super().file_response(*args, **options)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=86400"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


MOUNTS = (
    Mount("/docs/static", _Kept(directory=_VENDORED)),
    Mount("/ui/static", _Kept(directory=_OWN)),
)
