"""Pages and orders of Respan's lists. A page beyond the last is empty, since clients read on until one is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ...errors import invalid

DEFAULT_SIZE, MAX_SIZE = 100, 1_000
_MAX_PAGE = 10**9


@dataclass(frozen=True, slots=True)
class Paging:
    """`page` counts from 1."""

    page: int = 1
    size: int = DEFAULT_SIZE

    @property
    def offset(self) -> int:
        """How many entries are before the page."""
        return (self.page - 1) * self.size


def read_paging(page: str | None, page_size: str | None, max_size: int = MAX_SIZE) -> Paging:
    """Raises `InvalidInput` for what is no page, and for a size outside 1 to `max_size`."""
    default = min(DEFAULT_SIZE, max_size)
    return Paging(_whole(page, "page", 1, _MAX_PAGE), _whole(page_size, "page_size", default, max_size))


def _whole(text: str | None, field: str, default: int, maximum: int) -> int:
    if text is None or text == "":
        return default
    value = int(text) if text.isascii() and text.isdecimal() and len(text) <= 12 else 0
    if not 1 <= value <= maximum:
        raise invalid(f"must be a whole number from 1 to {maximum}", field, code="out_of_range")
    return value


def read_sort(sort_by: str | None, names: Mapping[str, str], default: str) -> tuple[str, bool]:
    """(what to sort by, descending) for `name` or `-name`. Raises `InvalidInput` for an unknown name."""
    text = sort_by or default
    descending, name = text.startswith("-"), text.removeprefix("-")
    if name not in names:
        raise invalid(f"unknown field {name[:100]!r}", "query", "sort_by", code="unknown_field")
    return names[name], descending


def read_preview(preview_length: str | None) -> int | None:
    """How many characters of content are shown; everything that is no positive number means all."""
    text = preview_length or ""
    return (int(text) or None) if text.isascii() and text.isdecimal() and len(text) <= 9 else None


def read_flag(text: str | None) -> bool:
    """`1` and `true` are yes."""
    return (text or "").lower() in ("1", "true", "yes")


def envelope(count: int, paging: Paging, results: list[Any], url: str, filters: Any = None) -> dict[str, Any]:
    """The answer of a list; `count` is that of all pages."""
    more = paging.offset + paging.size < count
    return {
        "count": count,
        "next": _neighbour(url, paging.page + 1) if more else None,
        "previous": _neighbour(url, paging.page - 1) if paging.page > 1 else None,
        "results": results,
        "current_filters": filters if isinstance(filters, dict) else {},
    }


def _neighbour(url: str, page: int) -> str:
    parts = urlsplit(url)
    query = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k != "page"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("page", str(page))])))
