"""Parse the text of an address, in each form that people write, into options by name, as libpq reads it.

Forms: `postgresql://`, `postgres://`, those of SQLAlchemy and JDBC, and libpq's `host=... dbname=...`. An error never
contains a part of the address other than the name of an option.
"""

import re
from urllib.parse import unquote

from .address_options import UNREADABLE

DRIVER = "postgresql+asyncpg"

_SCHEME = re.compile(r"(?:jdbc:)?(postgres(?:ql)?(?:\+\w+)?)://", re.IGNORECASE)

_HOST = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[^:]*))?")

_KEYWORD = re.compile(r"\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?=\s|$)", re.DOTALL)


def _unwrapped(text: str) -> str:
    """Without what comes along when an address is pasted: ends of lines, quotes, the command or variable before it."""
    text = text.strip().lstrip("\ufeff")
    text = re.sub(r"^(?:psql\s+|(?:export\s+)?\w+=(?=[\"'`]?(?:jdbc:)?postgres))", "", text).strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`":
        text = text[1:-1].strip()
    return text


def _url_parts(rest: str) -> dict[str, str]:
    """The parameters of what follows `postgresql://`."""
    before, at, hosts = re.split("[/?]", rest, maxsplit=1)[0].rpartition("@")
    path, _, query = rest[len(before + at + hosts) :].partition("?")
    if "@" in path:
        # Of a password that holds a / or a ?, what follows is no name of a database.
        raise ValueError(UNREADABLE)
    user, _, password = before.partition(":")
    options = {"user": _plain(user)} if user else {}
    if at and ":" in before:
        options["password"] = _plain(password)
    options |= _hosts(hosts)
    if path := path.removeprefix("/"):
        options["dbname"] = _plain(path)
    return options | _query(query)


def _hosts(text: str) -> dict[str, str]:
    if not text:
        return {}
    names, ports = [], []
    for part in text.split(","):
        match = _HOST.fullmatch(part)
        if match is None:
            raise ValueError(UNREADABLE)
        names.append(match["ipv6"] or _plain(match["name"]))
        ports.append(match["port"] or "")
    return {"host": ",".join(names)} | ({"port": ",".join(ports)} if any(ports) else {})


def _query(text: str) -> dict[str, str]:
    options = {}
    for pair in filter(None, re.split("[&;]", text.strip())):
        name, _, value = pair.partition("=")
        value = value.replace("+", " ") if name == "options" else value
        options[_plain(name)] = _plain(value)
    return options


def _keywords(text: str) -> dict[str, str]:
    """`host=a password='it\\'s'`, as libpq reads it."""
    options, end = {}, 0
    while end < len(text):
        match = _KEYWORD.match(text, end)
        if match is None:
            raise ValueError("cannot be read: write name=value, with quotes around a value that has spaces")
        value = match[2][1:-1] if match[2].startswith("'") else match[2]
        options[match[1]] = re.sub(r"\\(.)", r"\1", value)
        end = match.end()
    return options


def _plain(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("has bytes after % that are not UTF-8") from None


def options_of(text: str) -> tuple[dict[str, str], bool]:
    """The options that an address has, and whether it is whole as it is. Raises `ValueError`."""
    text = _unwrapped(text)
    scheme = _SCHEME.match(text)
    if scheme is not None:
        return _url_parts(text[scheme.end() :]), scheme[1].lower() == DRIVER
    if re.match(r"\w+\s*=", text):
        return _keywords(text), False
    raise ValueError(
        "must begin with postgresql://"
        if re.match(r"[\w+.:-]+://", text)
        else "is not an address like postgresql://user:password@host:5432/name"
    )
