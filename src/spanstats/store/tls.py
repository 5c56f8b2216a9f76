"""TLS to the database: the `SSLContext` for libpq's parameters."""

import os
import ssl
from collections.abc import Callable, Mapping
from functools import lru_cache

_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir")
_SYSTEM = "system"
# PostgreSQL 17 and later take a connection that begins with TLS only with this.
_PROTOCOL = "postgresql"


class TlsError(Exception):
    """The TLS options of an address cannot be used; the text names the option and says what to do."""


def mode(parameters: Mapping[str, str]) -> str:
    """`sslmode`, as strict as the other parameters make it.

    The driver cannot bind a channel to a password's proof, which protects against an attacker between them who shows
    another certificate; the certificate is checked instead. As in libpq, an authority that is named is used.
    """
    sslmode = parameters.get("sslmode", "prefer")
    if parameters.get("channel_binding") == "require":
        return "verify-full"
    if sslmode == "require" and parameters.get("sslrootcert"):
        return "verify-ca"
    return sslmode


def context(parameters: Mapping[str, str]) -> ssl.SSLContext:
    """The TLS context of a connection with these parameters. Raises `TlsError`."""
    files = {name: parameters[name] for name in _FILES if parameters.get(name) not in (None, _SYSTEM)}
    # Certificates are renewed while the service runs.
    changed = tuple(_changed(name, file) for name, file in files.items())
    return _context(tuple(sorted(parameters.items())), changed)


def _changed(name: str, file: str) -> float:
    try:
        return os.stat(file).st_mtime
    except OSError as error:
        raise TlsError(f"{name} cannot be read: {error.strerror}") from error


@lru_cache(maxsize=16)
def _context(parameters: tuple[tuple[str, str], ...], _changed: tuple[float, ...]) -> ssl.SSLContext:
    options = dict(parameters)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    strict = mode(options)
    context.check_hostname = strict == "verify-full"
    if strict not in ("verify-ca", "verify-full"):
        context.verify_mode = ssl.CERT_NONE
    else:
        _trust(context, strict, options)
    _show_own(context, options)
    context.minimum_version = _version(options.get("ssl_min_protocol_version", "TLSv1.2"))
    if "ssl_max_protocol_version" in options:
        context.maximum_version = _version(options["ssl_max_protocol_version"])
    context.set_alpn_protocols([_PROTOCOL])
    return context


def _trust(context: ssl.SSLContext, strict: str, options: Mapping[str, str]) -> None:
    root = options.get("sslrootcert")
    if root == _SYSTEM or (root is None and strict == "verify-full"):
        if strict != "verify-full":
            raise TlsError("sslrootcert=system needs sslmode=verify-full")
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    elif root is None:
        raise TlsError("sslmode=verify-ca needs sslrootcert, a file with the certificate of the authority")
    else:
        _load("sslrootcert", lambda: context.load_verify_locations(cafile=root))
    if (revoked := options.get("sslcrl")) is not None:
        _load("sslcrl", lambda: context.load_verify_locations(cafile=revoked))
    if (folder := options.get("sslcrldir")) is not None:
        _load("sslcrldir", lambda: context.load_verify_locations(capath=folder))
    if revoked or folder:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN


def _show_own(context: ssl.SSLContext, options: Mapping[str, str]) -> None:
    certificate, key = options.get("sslcert"), options.get("sslkey")
    if certificate is None:
        if key is not None:
            raise TlsError("sslkey needs sslcert")
        return
    if key is None:
        raise TlsError("sslcert needs sslkey")
    # An empty one keeps OpenSSL from asking at the terminal.
    password = options.get("sslpassword", "")
    _load("sslcert or sslkey", lambda: context.load_cert_chain(certificate, key, password))


def _load(name: str, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "not in PEM, or another password"
        raise TlsError(f"{name} cannot be used: {reason}") from error


def _version(name: str) -> ssl.TLSVersion:
    return ssl.TLSVersion[name.replace(".", "_")]
