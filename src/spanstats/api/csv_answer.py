"""Tables as CSV: RFC 4180 in UTF-8, safe to open in a spreadsheet."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from decimal import Decimal
from typing import Any

import msgspec
from fastapi import Request, Response

CSV = "text/csv; charset=utf-8"

Row = Sequence[Any]

# A spreadsheet takes what begins so for a formula, also behind a tab or a line break.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_QUALITY = re.compile(r";\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)")


def wants_csv(request: Request) -> bool:
    """Whether the client's `Accept` asks for CSV rather than for JSON."""
    quality: dict[str, float] = {}
    for part in ",".join(request.headers.getlist("accept")).lower().split(","):
        match = _QUALITY.search(part)
        quality[part.partition(";")[0].strip()] = float(match[1]) if match else 1.0
    return quality.get("text/csv", 0.0) > quality.get("application/json", 0.0)


def csv_answer(columns: Row, rows: Iterable[Row], name: str) -> Response:
    """A table that is there already, as a file of this name."""
    return Response(csv_text(columns, *rows), headers=csv_headers(name), media_type=CSV)


def csv_headers(name: str) -> dict[str, str]:
    """What browsers save the file as: letters, digits and dashes of the name, and `.csv`."""
    safe = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:100] or "table"
    return {"Content-Disposition": f'attachment; filename="{safe}.csv"', "Vary": "Accept"}


async def csv_fragments(columns: Row, pages: AsyncIterator[Iterable[Row]]) -> AsyncGenerator[bytes, None]:
    """The table fragment by fragment, for a streamed answer; the first fragment has the header and the first page."""
    before = csv_text(columns)
    closing: Any = pages
    async with aclosing(closing):
        async for page in pages:
            yield before + await asyncio.to_thread(_text_of, page)
            before = b""
    if before:
        yield before


def _text_of(page: Iterable[Row]) -> bytes:
    """A page may be put together only as it is read."""
    return csv_text(*page)


def csv_text(*rows: Row) -> bytes:
    """The rows as lines, each ended by CR LF."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """Numbers as JSON has them, no value as an empty cell; a text that looks like a formula begins with `'`."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return value
        case Decimal():
            return format(value, "f")
        case float():
            return msgspec.json.encode(value).decode()
        case list() | dict() | Mapping():
            return _cell(msgspec.json.encode(value).decode())
        case _:
            return f"'{value}" if str(value).startswith(_FORMULA) else str(value)
