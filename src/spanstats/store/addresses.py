"""The address of a database: its hosts and options, with libpq's variables. `address_texts.py` parses the text."""

import getpass
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from .address_defaults import defaults
from .address_options import UNREADABLE, understood
from .address_texts import DRIVER, options_of


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
    options, is_whole = options_of(text)
    environment = {} if is_whole or environment is None else environment
    address = Address(_complete(understood(options), understood(defaults(environment))))
    # Checked here, so that what is wrong with them is reported when settings are read.
    _ = address.hosts
    return address


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


def _port(text: str) -> int:
    if text == "":
        return 5432
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise ValueError(f"has a port that is no number, or {UNREADABLE}")
    return int(text)
