"""Defaults of an address, as libpq finds them: in variables of the environment and in files of the home directory."""

from collections.abc import Mapping
from pathlib import Path

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


def defaults(environment: Mapping[str, str]) -> dict[str, str]:
    """The options, by libpq's names."""
    # Secrets of Kubernetes are often made of files, with the end of their last line.
    variables = {name: environment.get(variable, "").rstrip("\r\n") for variable, name in _VARIABLES.items()}
    options = {name: value for name, value in variables.items() if value}
    home = Path(environment.get("HOME") or "/nonexistent") / ".postgresql"
    return {name: str(home / file) for name, file in _HOME.items() if (home / file).is_file()} | options
