"""The address of a database as people write it, read as libpq reads it.

Forms: `postgresql://`, `postgres://`, those of SQLAlchemy and JDBC, and libpq's `host=... dbname=...`. No text of an
error holds a part of the address but the name of an option.
"""

import getpass
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, unquote

from .address_options import UNREADABLE, understood

DRIVER = "postgresql+asyncpg"
_SCHEME = re.compile(r"(?:jdbc:)?(postgres(?:ql)?(?:\+\w+)?)://", re.IGNORECASE)
_HOST = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[^:]*))?")
_KEYWORD = re.compile(r"\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?=\s|$)", re.DOTALL)

_VARIABLES = {
    "PGHOST": "host",
    "PGPORT": "port",
    "PGUSER": "user",
    "PGPASSWORD": "password",
    "PGPASSFILE": "passfile",
    "PGSSLMODE": "sslmode",
    "PGSSLROOTCERT": "sslrootcert",
    "PGSSLCERT": "sslcert",
    "PGSSLKEY": "sslkey",
    "PGSSLCRL": "sslcrl",
    "PGSSLCRLDIR": "sslcrldir",
    "PGSSLNEGOTIATION": "sslnegotiation",
    "PGCHANNELBINDING": "channel_binding",
    "PGOPTIONS": "options",
    "PGTARGETSESSIONATTRS": "target_session_attrs",
    "PGSSLMINPROTOCOLVERSION": "ssl_min_protocol_version",
    "PGSSLMAXPROTOCOLVERSION": "ssl_max_protocol_version",
}
"""Libpq's variables for what an address leaves out."""
_HOME = {"sslrootcert": "root.crt", "sslcrl": "root.crl", "sslcert": "postgresql.crt", "sslkey": "postgresql.key"}
"""What libpq finds in `.postgresql` at home."""


@dataclass(frozen=True, slots=True)
class Host:
    """A server's name or address, or the directory of its socket where it begins with `/`."""

    name: str
    port: int

    @property
    def is_local(self) -> bool:
        """Whether it is the directory of a Unix socket."""
        return self.name.startswith("/")


@dataclass(frozen=True)
class Address:
    """Where a database is and how it is reached. `parameters` have libpq's names."""

    parameters: Mapping[str, str]

    def __repr__(self) -> str:
        return "Address(...)"

    def get(self, name: str) -> str | None:
        """The value of an option; `None` where it is absent."""
        return self.parameters.get(name)

    @property
    def user(self) -> str:
        """The user that connects."""
        return self.parameters["user"]

    @property
    def database(self) -> str:
        """The database that is connected to."""
        return self.parameters["dbname"]

    @property
    def is_pooled(self) -> bool:
        """Whether a pooler lends a server for one transaction, so that nothing of a session lasts."""
        return self.get("pgbouncer") == "1"

    @cached_property
    def hosts(self) -> tuple[Host, ...]:
        """The hosts in the order of the address."""
        names = (self.get("hostaddr") or self.get("host") or "/var/run/postgresql").split(",")
        ports = (self.get("port") or "5432").split(",")
        if len(ports) == 1:
            ports *= len(names)
        if len(ports) != len(names):
            raise ValueError("names as many ports as hosts, or one")
        return tuple(Host(name, _port(port)) for name, port in zip(names, ports, strict=True))

    @property
    def servers(self) -> str:
        """The hosts with their ports."""
        return ",".join(f"[{h.name}]:{h.port}" if ":" in h.name else f"{h.name}:{h.port}" for h in self.hosts)

    @property
    def host_and_name(self) -> str:
        """Where the database is, without a user or a password."""
        return f"{self.servers}/{self.database}"

    def with_parameters(self, **more: str) -> "Address":
        """The same address with these options."""
        return Address({**self.parameters, **more})

    def url(self) -> str:
        """The address again, for `parse` in another process and for SQLAlchemy."""
        rest = dict(self.parameters)
        user, database, password = rest.pop("user"), rest.pop("dbname"), rest.pop("password", None)
        authority = quote(user, safe="") + (f":{quote(password, safe='')}" if password is not None else "") + "@"
        if len(self.hosts) == 1 and not self.hosts[0].is_local and "hostaddr" not in rest:
            del rest["host"]
            rest.pop("port", None)
            authority += self.servers
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in rest.items())
        return f"{DRIVER}://{authority}/{quote(database, safe='')}{'?' if query else ''}{query}"


def parse(text: str, environment: Mapping[str, str] | None = None) -> Address:
    """Read an address; what it leaves out comes from libpq's variables in `environment`. Raises `ValueError`.

    An address for `postgresql+asyncpg` is whole as it is.
    """
    text = _unwrapped(text)
    scheme = _SCHEME.match(text)
    if scheme is None and re.match(r"\w+\s*=", text):
        options = _keywords(text)
    elif scheme is None:
        raise ValueError(
            "must begin with postgresql://"
            if re.match(r"[\w+.:-]+://", text)
            else "is not an address like postgresql://user:password@host:5432/name"
        )
    else:
        options = _url_parts(text[scheme.end() :])
        if scheme[1].lower() == DRIVER:
            environment = None
    address = Address(_complete(understood(options), understood(_defaults(environment or {}))))
    # Checked here, so that what is wrong with them is reported when settings are read.
    _ = address.hosts
    return address


def _defaults(environment: Mapping[str, str]) -> dict[str, str]:
    # Secrets of Kubernetes are often made of files, with the end of their last line.
    variables = {name: environment.get(variable, "").rstrip("\r\n") for variable, name in _VARIABLES.items()}
    defaults = {name: value for name, value in variables.items() if value}
    home = Path(environment.get("HOME") or "/nonexistent") / ".postgresql"
    return {name: str(home / file) for name, file in _HOME.items() if (home / file).is_file()} | defaults


def _complete(options: dict[str, str], defaults: dict[str, str]) -> dict[str, str]:
    if not options.get("dbname"):
        raise ValueError("names no database: put /name at its end")
    if "host" in options or "hostaddr" in options:
        defaults.pop("host", None)
    if "sslmode" not in options and "sslmode" not in defaults and options.get("sslrootcert") == "system":
        options["sslmode"] = "verify-full"
    whole = defaults | options
    whole.setdefault("user", "")
    whole["user"] = whole["user"] or _own_name()
    whole.setdefault("host", "/var/run/postgresql")
    return whole


def _own_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise ValueError("names no user: put user:password@ before the host") from None


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


def _port(text: str) -> int:
    if text == "":
        return 5432
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise ValueError(f"has a port that is no number, or {UNREADABLE}")
    return int(text)
