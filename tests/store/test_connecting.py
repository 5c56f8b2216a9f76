"""What an address says of TLS, hosts and sessions holds against a real server with TLS, rules and passwords."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from tests import certificates
from tests.conftest import run_sql
from tests.installed import installed
from tests.servers import Server, initialise, servers

from spanstats.errors import Unavailable
from spanstats.store.account import account
from spanstats.store.addresses import parse
from spanstats.store.refusals import refusal_of
from spanstats.store.session import Database, Kind, create_engine

# The embedded server has no TLS.
INSTALLED = max(installed(), default=None)
pytestmark = pytest.mark.skipif(
    INSTALLED is None or shutil.which("openssl") is None, reason="needs an installed PostgreSQL with TLS, and openssl"
)

_RULES = """
local all all trust
host all postgres 127.0.0.1/32 trust
hostssl all certified 127.0.0.1/32 cert
hostnossl all plain 127.0.0.1/32 trust
hostssl all encrypted 127.0.0.1/32 trust
host all app,odd 127.0.0.1/32 scram-sha-256
"""
ODD = 'p@ss:w/r?d%41#é "q"+&=\'\\'


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificates."""
    folder = tmp_path_factory.mktemp("certificates")
    certificates.make(folder)
    return folder


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    assert INSTALLED is not None
    with servers(binaries=INSTALLED[1]) as (own_server,):
        initialise(own_server)
        files = {"ssl_cert_file": "server.crt", "ssl_key_file": "server.key", "ssl_ca_file": "ca.crt"}
        for file in files.values():
            copy = shutil.copy(place / file, own_server.directory)
            shutil.chown(copy, account().uid)
            Path(copy).chmod(0o600)
        (own_server.directory / "data" / "pg_hba.conf").write_text(_RULES)
        own_server.start(ssl="on", **{name: f"'{own_server.directory / file}'" for name, file in files.items()})
        for statement in (
            "CREATE ROLE certified LOGIN",
            "CREATE ROLE plain LOGIN",
            "CREATE ROLE encrypted LOGIN",
            "CREATE ROLE app LOGIN PASSWORD 'app'",
            f"CREATE ROLE odd LOGIN PASSWORD {_text(ODD)}",
            "CREATE SCHEMA own AUTHORIZATION app",
            "CREATE DATABASE readers",
            "ALTER DATABASE readers SET default_transaction_read_only = on",
        ):
            run_sql(own_server.url, statement)
        yield own_server


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def refusal(url: str) -> tuple[str | None, bool]:
    """As the start of the service sees it: why there is no connection, and whether it is in vain to wait."""

    async def run() -> tuple[str | None, bool]:
        try:
            return await refusal_of(url, 3)
        finally:
            # The driver closes what it gave up a moment later.
            await asyncio.sleep(0.02)

    return asyncio.run(run())


def shown(url: str) -> tuple[bool, str, str]:
    """Of a session: whether it is encrypted, its first schema, its name."""

    async def run() -> tuple[bool, str, str]:
        engine = create_engine(parse(url).url(), connect_timeout_s=3)
        statement = (
            "SELECT ssl, current_schema, application_name FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
            "WHERE pid = pg_backend_pid()"
        )
        try:
            async with Database(engine).transaction(Kind.READ) as tx:
                return tuple(await tx.driver.fetchrow(statement))
        finally:
            await engine.dispose()
            await asyncio.sleep(0.02)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("user", "options", "encrypted"),
    [
        ("app:app", "", True),
        ("app:app", "sslmode=disable", False),
        ("app:app", "sslmode=allow", False),
        ("app:app", "sslmode=prefer", True),
        ("app:app", "sslmode=require", True),
        ("app:app", "sslmode=no-verify", True),
        ("app:app", "ssl=true", True),
        ("app:app", "sslmode=verify-ca&sslrootcert={ca}", True),
        ("app:app", "sslmode=verify-full&sslrootcert={ca}", True),
        ("app:app", "sslmode=require&sslrootcert={ca}", True),
        ("app:app", "sslmode=require&channel_binding=require&sslrootcert={ca}", True),
        ("app:app", "sslmode=verify-full&sslrootcert={ca}&sslcrl={place}/none.crl", True),
        ("app:app", "sslmode=require&ssl_min_protocol_version=TLSv1.3", True),
        ("plain", "sslmode=prefer", False),
        ("encrypted", "sslmode=allow", True),
        ("certified", "sslmode=require&sslcert={place}/client.crt&sslkey={place}/client.key", True),
        (
            "certified",
            "sslmode=prefer&sslcert={place}/client.crt&sslkey={place}/client.locked.key&sslpassword=of-the-key",
            True,
        ),
        ("", "user=app&password=app&keepalives=1&keepalives_idle=30&tcp_user_timeout=9000", True),
        ("app:app", "keepalives=0&connect_timeout=10&client_encoding=utf8&gssencmode=disable&connection_limit=3", True),
        (f"odd:{quote(ODD, safe='')}", "", True),
    ],
)
def test_a_session_is_as_the_address_says(
    server: Server, place: Path, user: str, options: str, encrypted: bool
) -> None:
    options = options.format(place=place, ca=place / "ca.crt")
    at = f"{user}@" if user else ""
    assert shown(f"postgresql://{at}127.0.0.1:{server.port}/postgres?{options}")[0] is encrypted


@pytest.mark.parametrize(
    ("user", "options", "why"),
    [
        ("app:app", "sslmode=verify-full", "certificate"),
        ("app:app", "sslmode=verify-full&sslrootcert=system", "certificate"),
        ("app:app", "sslmode=require&channel_binding=require", "channel_binding"),
        ("app:app", "sslmode=verify-ca&sslrootcert={place}/other.crt", "certificate"),
        ("app:app", "sslmode=verify-ca&sslrootcert=system", "sslrootcert"),
        ("app:app", "sslmode=verify-ca", "sslrootcert"),
        ("app:app", "sslmode=verify-full&sslrootcert=/no/such/file", "sslrootcert"),
        ("app:app", "sslmode=verify-full&sslrootcert={place}/server.key", "sslrootcert"),
        ("app:app", "sslmode=verify-full&sslrootcert={ca}&sslcrl={place}/server.crl", "certificate"),
        ("app:app", "sslmode=require&sslcert={place}/client.crt", "sslkey"),
        ("app:app", "sslmode=require&sslkey={place}/client.key", "sslcert"),
        ("app:app", "sslmode=require&sslcert={place}/client.crt&sslkey={place}/client.locked.key", "sslkey"),
        ("certified", "sslmode=require", "certificate"),
        ("plain", "sslmode=require", "pg_hba"),
        ("app:nope-secret", "", "password authentication failed"),
        ("app", "", "password"),
        ("app:app", "options=endpoint%3Dx", "endpoint=x"),
        ("app:app", "options=-c%20nonsense%3D1", "nonsense"),
    ],
)
def test_what_cannot_be_reached_is_told_at_once_by_name(
    server: Server, place: Path, user: str, options: str, why: str
) -> None:
    options = options.format(place=place, ca=place / "ca.crt")
    url = parse(f"postgresql://{user}@127.0.0.1:{server.port}/postgres?{options}", {}).url()
    reason, lasting = refusal(url)
    assert why in str(reason)
    assert lasting
    assert "\n" not in str(reason)
    assert "secret" not in str(reason)


def test_the_name_of_the_server_is_compared_where_that_is_asked_for(server: Server, place: Path) -> None:
    for host, mode, reached in (("localhost", "verify-full", False), ("localhost", "verify-ca", True)):
        url = f"postgresql://app:app@{host}:{server.port}/postgres?sslmode={mode}&sslrootcert={place / 'ca.crt'}"
        reason, lasting = refusal(parse(url).url())
        assert (reason is None) is reached, reason
        assert lasting is not reached


def test_a_socket_needs_no_tls_whatever_is_asked_for(server: Server) -> None:
    directory = quote(str(server.directory), safe="")
    for url in (
        f"postgresql://app:app@{directory}:{server.port}/postgres?sslmode=require",
        f"postgresql://app:app@/postgres?host={directory}&port={server.port}&sslmode=verify-full",
        f"host={server.directory} port={server.port} user=app dbname=postgres",
    ):
        assert shown(url)[0] is False


def test_the_first_host_that_fits_is_taken(server: Server) -> None:
    silent, fit = "127.0.0.1:1", f"127.0.0.1:{server.port}"
    for options in ("", "?target_session_attrs=read-write", "?load_balance_hosts=random"):
        assert shown(f"postgresql://app:app@{silent},{fit}/postgres{options}")[0]
    assert shown(f"postgresql://postgres@{fit}/readers?target_session_attrs=any")[0]
    with pytest.raises(Unavailable, match="read-only"):
        shown(f"postgresql://postgres@{fit}/readers?target_session_attrs=read-write")


def test_schema_options_and_name_are_of_every_session(server: Server) -> None:
    at = f"postgresql://app:app@127.0.0.1:{server.port}/postgres"
    assert shown(f"{at}?schema=own&application_name=mine")[1:] == ("own", "mine")
    assert shown(f"{at}?options=-csearch_path%3Down")[1:] == ("own", "spanstats")
    assert shown(at)[1:] == ("public", "spanstats")


def test_a_password_file_is_looked_into(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "pass"
    file.write_text(f"127.0.0.1:{server.port}:*:app:app\n")
    os.chmod(file, 0o600)
    assert shown(f"postgresql://app@127.0.0.1:{server.port}/postgres?passfile={file}")[0]
