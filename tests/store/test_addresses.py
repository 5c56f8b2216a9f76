"""Addresses as providers and their users write them: each is read as libpq reads it, or refused by name."""

import re
from pathlib import Path

import pytest

from spanstats.store import addresses
from spanstats.store.address_options import OTHER_NAMES, PASSED_OVER, REFUSED, TAKEN
from spanstats.store.addresses import Host, parse

USUAL = {"host": "db", "port": "6543", "user": "me", "password": "secret", "dbname": "spans"}
AT = "me:secret@db:6543/spans"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://{AT}",
        f"postgres://{AT}",
        f"PostgreSQL://{AT}",
        f"postgresql+asyncpg://{AT}",
        f"postgresql+psycopg2://{AT}",
        f"  postgresql://{AT}\n",
        f"\ufeffpostgresql://{AT}\r\n",
        f'"postgresql://{AT}"',
        f"'postgresql://{AT}'\n",
        f"psql 'postgresql://{AT}'",
        f"DATABASE_URL=postgresql://{AT}",
        f'export SPANSTATS_DATABASE_URL="postgres://{AT}"\n',
        "jdbc:postgresql://db:6543/spans?user=me&password=secret",
        "postgresql://db:6543/spans?user=me&password=secret",
        "postgresql://me:secret@db:6543/?dbname=spans",
        "postgresql://me:secret@/spans?host=db&port=6543",
        "postgresql://?host=db&port=6543&user=me&password=secret&dbname=spans",
        "host=db port=6543 user=me password=secret dbname=spans",
        "host = 'db' port='6543'\nuser=me password='secret' dbname = spans",
        "postgresql://me:%73ecret@d%62:6543/span%73",
        f"postgresql://{AT}?connect_timeout=10&client_encoding=utf8&gssencmode=disable&connection_limit=5",
    ],
)
def test_one_address_is_written_in_many_ways(text: str) -> None:
    assert dict(parse(text).parameters) == USUAL


@pytest.mark.parametrize(
    ("text", "password"),
    [
        ("postgresql://odd:p%40ss%3Aw%2Fr%3Fd%2541%23%C3%A9%20%22q%22%2B%26%3D@h/odd", 'p@ss:w/r?d%41#é "q"+&='),
        ("postgresql://odd:p@ss@h/odd", "p@ss"),
        ("postgresql://odd:a#b@h/odd", "a#b"),
        ("postgresql://odd:a:b@h/odd", "a:b"),
        ("postgresql://odd:100%@h/odd", "100%"),
        ("postgresql://h/odd?user=odd&password=a+b", "a+b"),
        (r"host=h user=odd dbname=odd password='it\'s \\ fine'", r"it's \ fine"),
        ("postgresql://odd:@h/odd", ""),
    ],
)
def test_odd_passwords_are_read_as_they_are(text: str, password: str) -> None:
    assert parse(text).get("password") == password


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("postgresql://u@[::1]:5/d", [Host("::1", 5)]),
        ("postgresql://u@a:1,b,[::1]:3/d", [Host("a", 1), Host("b", 5432), Host("::1", 3)]),
        ("postgresql://u@a,b/d?port=7", [Host("a", 7), Host("b", 7)]),
        ("postgresql://u@/d?host=/var/run/lab&port=54321", [Host("/var/run/lab", 54321)]),
        ("postgresql://u@%2Ftmp%2Fpg:54321/d", [Host("/tmp/pg", 54321)]),  # noqa: S108
        ("postgresql://u@/d", [Host("/var/run/postgresql", 5432)]),
        ("host=a,b hostaddr=10.0.0.1,10.0.0.2 user=u dbname=d", [Host("10.0.0.1", 5432), Host("10.0.0.2", 5432)]),
    ],
)
def test_hosts_are_names_addresses_and_sockets(text: str, hosts: list[Host]) -> None:
    assert list(parse(text).hosts) == hosts


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ("sslmode=no-verify", {"sslmode": "require"}),
        ("ssl=true", {"sslmode": "require"}),
        ("ssl=verify-full", {"sslmode": "verify-full"}),
        ("sslmode=require&channel_binding=require", {"sslmode": "require", "channel_binding": "require"}),
        ("sslrootcert=system", {"sslrootcert": "system", "sslmode": "verify-full"}),
        ("sslaccept=strict&sslcert=ca.pem", {"sslmode": "verify-full", "sslrootcert": "ca.pem"}),
        ("pgbouncer=true&connection_limit=1", {"pgbouncer": "1"}),
        ("currentSchema=a&ApplicationName=x", {"schema": "a", "application_name": "x"}),
        ("targetServerType=primary&tcpKeepAlive=true", {"target_session_attrs": "primary", "keepalives": "1"}),
        ("options=endpoint%3Dx", {"options": "endpoint=x"}),
        ("options=-c+search_path%3Da", {"options": "-c search_path=a"}),
        ("keepalives=1&keepalives_idle=30", {"keepalives": "1", "keepalives_idle": "30"}),
        ("ssl_min_protocol_version=tlsv1.3", {"ssl_min_protocol_version": "TLSv1.3"}),
        ("ssl_min_protocol_version=TLSv1", {"ssl_min_protocol_version": "TLSv1.2"}),
        ("min_protocol_version=3.0&max_protocol_version=latest", {}),
    ],
)
def test_options_go_by_the_names_of_libpq(options: str, parameters: dict[str, str]) -> None:
    assert parse(f"postgresql://{AT}?{options}").parameters == USUAL | parameters


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mysql://u:hunter2@h/d", "must begin with postgresql://"),
        ("hunter2", "not an address"),
        ("postgresql://u:hunter2@h", "names no database"),
        ("postgresql://u:hunter2@h:x/d", "port"),
        ("postgresql://u:hunter2@h:70000/d", "port"),
        ("postgresql://u:hunter2@h:1,h:2/d?port=1,2,3", "as many ports as hosts"),
        ("postgresql://u:5/hunter2@h/d", "escape"),
        ("postgresql://u:1?hunter2@h/d", "escape"),
        ("postgresql://u:1?hun=ter2&at=x@h/d", "escape"),
        ("postgresql://u:a@b/hunter2@h/d", "escape"),
        ("postgresql://u:hunter2@[::1/d", "escape"),
        ("postgresql://u:%ff@h/hunter2", "UTF-8"),
        ("host=h password=hunter2 'x", "quotes"),
        ("postgresql://u:hunter2@h/d?target_session_attrs=standby", "target_session_attrs.*primary"),
        ("postgresql://u:hunter2@h/d?sslmode=maybe", "sslmode.*verify-full"),
        ("postgresql://u:hunter2@h/d?keepalives_idle=hunter2", "keepalives_idle"),
        ("postgresql://u:hunter2@h/d?gssencmode=require", "gssencmode"),
        ("postgresql://u:hunter2@h/d?client_encoding=latin1", "client_encoding"),
        ("postgresql://u:hunter2@h/d?nonsense=hunter2", "nonsense"),
        ("postgresql://u:hunter2@h/d?ssl_max_protocol_version=TLSv1.1", "ssl_max_protocol_version.*TLSv1.2"),
        ("postgresql://u:hunter2@h/d?min_protocol_version=3.2", "min_protocol_version.*3.0"),
        *((f"postgresql://u:hunter2@h/d?{name}=hunter2", name) for name in REFUSED),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_without_a_secret(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        parse(text)
    assert not re.search("hunter2|ter2|hun|sword=", str(refused.value).replace("password", ""))


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://{AT}?sslmode=verify-full&sslrootcert=/a%20b/c.pem&options=-c%20x%3Dy",
        "postgresql://u:p%40%2F%3F%25@[::1]:5/d%2Fe",
        "postgresql://u@/d?host=/a,b&port=1,2&target_session_attrs=read-write",
        "postgresql://u:@/d?host=%2Fvar%2Frun",
        "host=h hostaddr=10.0.0.1 user=u dbname=d",
    ],
)
def test_an_address_that_is_written_out_is_read_as_the_same(text: str) -> None:
    address = parse(text)
    assert parse(address.url()) == address
    assert "p@" not in repr(address) + address.host_and_name


def test_variables_of_libpq_stand_in_for_what_an_address_does_not_say(tmp_path: Path) -> None:
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").touch()
    environment = {
        "PGSSLMODE": "verify-full",
        "PGPASSWORD": "p",
        "PGPORT": "7",
        "PGHOST": "elsewhere",
        "HOME": str(tmp_path),
    }
    address = parse("postgresql://u@h/d", environment)
    assert (address.hosts, address.get("password")) == ((Host("h", 7),), "p")
    assert address.get("sslrootcert") == str(tmp_path / ".postgresql" / "root.crt")
    assert parse("postgresql://u:q@h:8/d?sslmode=disable", environment).get("password") == "q"
    # An address of this program for itself is whole.
    assert parse("postgresql+asyncpg://u@h/d", environment).parameters == {"host": "h", "user": "u", "dbname": "d"}


def test_variables_made_of_files_end_where_their_line_ends() -> None:
    environment = {"PGPASSWORD": "p w \r\n", "PGHOST": "h\n", "PGPORT": "7\n", "PGUSER": "u\n", "PGSSLMODE": "\n"}
    address = parse("postgresql:///d", environment)
    assert (address.hosts, address.user, address.get("password")) == ((Host("h", 7),), "u", "p w ")
    assert address.get("sslmode") is None


def test_every_option_stands_in_the_documentation() -> None:
    text = (Path(addresses.__file__).parents[3] / "docs" / "operations.md").read_text()
    documented = set(re.findall(r"`([A-Za-z_]+)(?:=[^`]*)?`", text))
    assert TAKEN | PASSED_OVER | REFUSED.keys() | OTHER_NAMES.keys() <= documented
