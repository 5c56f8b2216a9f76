"""The options of a database's address: which have an effect, which are ignored, which are refused.

Names are libpq's (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS) and names that other
drivers and providers put into the addresses that people paste. `docs/operations.md` has the same table in words.
"""

import re
from collections.abc import Mapping

UNREADABLE = "cannot be read: escape @ : / ? # & and % in the password (%40 %3A %2F %3F %23 %26 %25)"

OTHER_NAMES = {
    "database": "dbname",
    "username": "user",
    "currentSchema": "schema",
    "search_path": "schema",
    "ApplicationName": "application_name",
    "tcpKeepAlive": "keepalives",
    "targetServerType": "target_session_attrs",
    "loadBalanceHosts": "load_balance_hosts",
}
"""Other drivers' names of libpq's parameters."""

TAKEN = frozenset(
    {
        *(
            "host",
            "hostaddr",
            "port",
            "dbname",
            "user",
            "password",
            "passfile",
            "application_name",
            "options",
            "schema",
        ),
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslcrldir", "sslnegotiation"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version", "channel_binding"),
        *("target_session_attrs", "load_balance_hosts", "pgbouncer"),
        *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
    }
)
"""What has an effect."""

PASSED_OVER = frozenset(
    {
        # The service has settings of its own.
        *("connect_timeout", "connectTimeout", "loginTimeout", "socketTimeout", "socket_timeout", "pool_timeout"),
        *("connection_limit", "fallback_application_name", "prepared_statement_cache_size", "statement_cache_size"),
        *("prepareThreshold", "reWriteBatchedInserts"),
        # It always does what these ask for, or they ask for something else (`_ONLY`).
        *("client_encoding", "gssencmode", "sslcompression", "sslsni", "sslcertmode", "krbsrvname", "gsslib"),
        *("min_protocol_version", "max_protocol_version"),
        # Notes of providers to other programs.
        *("uselibpqcompat", "supa", "workaround"),
    }
)
"""What has none, unless its value asks for what is not done (`_ONLY`)."""

REFUSED = {
    "service": "write out what the service file says",
    "servicefile": "write out what the service file says",
    "require_auth": "the server's rules (pg_hba.conf) decide how a password is proved",
    "replication": "the service needs an ordinary connection",
    "requirepeer": "who runs the server behind a socket is not looked at",
    "sslidentity": "use sslcert and sslkey",
    "sslfactory": "use sslmode and sslrootcert",
    "scram_client_key": "use a password",
    "scram_server_key": "use a password",
    "gssdelegation": "GSSAPI is not supported",
    "sslkeylogfile": "keys of connections are not written to a file",
    **dict.fromkeys(
        ("oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope"), "use a password or a certificate"
    ),
}
"""What libpq or another driver takes and the service cannot do, with what to do instead."""

_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_SSL = {"true": "require", "1": "require", "false": "disable", "0": "disable", "no-verify": "require"}
_ON = {"true": "1", "on": "1", "1": "1", "false": "0", "off": "0", "0": "0"}
_PRIMARY = {"any": "any", "primary": "primary", "master": "primary", "read-write": "read-write"}

_TLS = {name: name for name in ("TLSv1.2", "TLSv1.3")} | {"tlsv1.2": "TLSv1.2", "tlsv1.3": "TLSv1.3"}

_ONLY: dict[str, Mapping[str, str]] = {
    "sslmode": {mode: mode for mode in _MODES} | {"no-verify": "require", "verify_ca": "verify-ca"},
    "target_session_attrs": _PRIMARY,
    "channel_binding": {"disable": "disable", "prefer": "prefer", "require": "require"},
    "sslnegotiation": {"postgres": "postgres", "direct": "direct"},
    "load_balance_hosts": {"disable": "disable", "random": "random", "false": "disable", "true": "random"},
    "pgbouncer": _ON,
    "keepalives": _ON,
    "client_encoding": dict.fromkeys(("utf8", "utf-8", "UTF8", "UTF-8", "unicode", "auto", "'utf8'"), ""),
    "gssencmode": {"disable": "", "prefer": ""},
    "sslcompression": {"0": ""},
    "sslsni": {"1": ""},
    "sslcertmode": {"allow": ""},
    "min_protocol_version": {"3.0": ""},
    "max_protocol_version": {"3.0": "", "3.2": "", "latest": ""},
    # An older one is the least that is asked for; the service asks for more.
    "ssl_min_protocol_version": {"tlsv1": "TLSv1.2", "tlsv1.1": "TLSv1.2", **_TLS},
    "ssl_max_protocol_version": _TLS,
}
_WHY = {
    "target_session_attrs": "the service writes, so it must reach a primary: any, primary or read-write",
    "client_encoding": "the service speaks UTF8",
    "gssencmode": "GSSAPI is not supported: disable or prefer",
    "ssl_max_protocol_version": "TLSv1.2 or TLSv1.3",
    "min_protocol_version": "the driver speaks version 3.0 of PostgreSQL's protocol",
}
_NUMBERS = ("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")


def understood(options: Mapping[str, str]) -> dict[str, str]:
    """The options with an effect, by libpq's names. Raises `ValueError`, which names a refused option."""
    parameters = {OTHER_NAMES.get(name, name): value for name, value in options.items()}
    for rename in (_ssl, _requiressl, _sslaccept):
        rename(parameters)
    _refuse_unknown(parameters)
    checked = {name: _checked(name, value) for name, value in parameters.items()}
    return {name: value for name, value in checked.items() if name in TAKEN and value != ""} | (
        {"password": parameters["password"]} if "password" in parameters else {}
    )


def _ssl(parameters: dict[str, str]) -> None:
    """What `ssl` means to JDBC, node-postgres and asyncpg; libpq reads the first as this does."""
    if (value := parameters.pop("ssl", None)) is not None:
        parameters.setdefault("sslmode", _SSL.get(value.lower(), value))


def _requiressl(parameters: dict[str, str]) -> None:
    if parameters.pop("requiressl", "0") == "1":
        parameters.setdefault("sslmode", "require")


def _sslaccept(parameters: dict[str, str]) -> None:
    """Prisma: `strict` checks the certificate, by default; its `sslcert` is the authority's."""
    if (value := parameters.pop("sslaccept", None)) is None:
        return
    if value == "strict":
        parameters["sslmode"] = "verify-full"
        if "sslkey" not in parameters and "sslcert" in parameters:
            parameters.setdefault("sslrootcert", parameters.pop("sslcert"))


def _refuse_unknown(parameters: Mapping[str, str]) -> None:
    for name in sorted(parameters.keys() & REFUSED.keys()):
        raise ValueError(f"has an option that is not supported: {name}: {REFUSED[name]}")
    unknown = sorted(parameters.keys() - TAKEN - PASSED_OVER)
    if not unknown:
        return
    # Of an address that was cut in the wrong way, a part of the password may look like a name.
    if any(not re.fullmatch("[A-Za-z_]{2,40}", name) for name in unknown) or any("@" in v for v in parameters.values()):
        raise ValueError(UNREADABLE)
    raise ValueError(f"has options that are not supported: {', '.join(unknown)}")


def _checked(name: str, value: str) -> str:
    if (allowed := _ONLY.get(name)) is not None:
        if value not in allowed and (value := value.lower()) not in allowed:
            why = _WHY.get(name) or f"one of {', '.join(key for key in allowed if allowed[key] or key)}"
            raise ValueError(f"has a value of {name} that is not supported: {why}")
        return allowed[value]
    if name in _NUMBERS and not re.fullmatch("[0-9]{1,9}", value):
        raise ValueError(f"has a {name} that is no number")
    return value
