"""The application as it is described, for tests that look at its routes; no database is asked."""

from functools import cache
from typing import Any

from fastapi import FastAPI

from spanstats.main import create_app
from spanstats.settings import Settings


@cache
def application() -> FastAPI:
    return create_app(Settings(database_url="postgresql://nowhere/at-all"))


@cache
def description() -> dict[str, Any]:
    """Takes half a second: ask for it in a test, not when tests are collected."""
    return application().openapi()
