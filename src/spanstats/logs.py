"""Logs on standard error: one line of text, or one JSON object, for each event; control characters are escaped.

Events of a request carry its id. Fields that an event has (`extra={"fields": ...}`) are members of its JSON object.
"""

import json
import logging
import sys
from datetime import UTC, datetime

from .api.observation import REQUEST_ID

_ESCAPED = {c: f"\\x{c:02x}" for c in (*range(32), 127, *range(128, 160), 0x2028, 0x2029)}


def configure(level: str, layout: str) -> None:
    """Send everything to standard error from `level` up; `layout` is `text` or `json`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if layout == "json" else _Text())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Alembic tells each of its steps; SQL of the pool is of no interest.
    for noisy in ("alembic", "sqlalchemy", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{_time(record)} {record.levelname.lower()} {_message(record)}"
        if (request_id := REQUEST_ID.get()) is not None:
            line += f" request_id={request_id}"
        return line if not record.exc_info else f"{line}\n{_traceback(self, record)}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request_id := REQUEST_ID.get()) is not None:
            event["request_id"] = request_id
        event |= getattr(record, "fields", {})
        if record.exc_info:
            event["exception"] = _traceback(self, record)
        return json.dumps(event)


def _message(record: logging.LogRecord) -> str:
    return record.getMessage().translate(_ESCAPED)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
