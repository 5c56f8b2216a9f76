"""The classes of routes: in which headers their clients send API keys, and which permission they need."""

from .authentication import PAREA_HEADERS, RESPAN_HEADERS, Permission
from .routing import KeyedRoute


class PareaRead(KeyedRoute):
    """Parea's routes that read."""

    key_headers = PAREA_HEADERS
    permission = Permission.READ


class PareaWrite(KeyedRoute):
    """Parea's routes that store."""

    key_headers = PAREA_HEADERS
    permission = Permission.WRITE


class RespanRead(KeyedRoute):
    """Respan's routes that read."""

    key_headers = RESPAN_HEADERS
    permission = Permission.READ


class RespanWrite(KeyedRoute):
    """Respan's routes that store, and those of OpenTelemetry."""

    key_headers = RESPAN_HEADERS
    permission = Permission.WRITE


class RespanErase(KeyedRoute):
    """Respan's routes that erase."""

    key_headers = RESPAN_HEADERS
    permission = Permission.ERASE


class StatsRead(KeyedRoute):
    """Our own statistics, under `/api/stats/v1`: keys as on Respan's paths."""

    key_headers = RESPAN_HEADERS
    permission = Permission.READ


class StatsWrite(KeyedRoute):
    """Where these statistics are sent."""

    key_headers = RESPAN_HEADERS
    permission = Permission.WRITE


class RespanAny(KeyedRoute):
    """Respan's routes that any API key may ask, which answer 501."""

    key_headers = RESPAN_HEADERS
    permission = Permission.ANY
