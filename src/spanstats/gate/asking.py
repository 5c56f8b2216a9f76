"""Asking a server for a comparison over HTTP."""

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from .decision import Answer

PATH = "/api/stats/v1/compare"
_TIMEOUT_S = 60


class NoAnswer(Exception):
    """There is no comparison; the text is one line that says why."""


def ask(url: str, key: str, body: dict[str, Any]) -> Answer:
    """The server's answer. Raises `NoAnswer`."""
    if not url.startswith(("http://", "https://")):
        raise NoAnswer("--url must begin with http:// or https://")
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        request = Request(url.rstrip("/") + PATH, json.dumps(body).encode(), headers)  # noqa: S310 (checked above)
        with urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310 (checked above)
            answer: Answer = json.load(response)
    except HTTPError as error:
        raise NoAnswer(f"the server answered {error.code}: {_said(error)}") from None
    except (URLError, OSError, ValueError) as error:
        raise NoAnswer(f"no answer from {url}: {getattr(error, 'reason', error)}") from None
    if not isinstance(answer, dict) or not answer.get("candidates"):
        raise NoAnswer(f"{url} answered something that is no comparison")
    return answer


def _said(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return error.reason
