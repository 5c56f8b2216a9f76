"""Certificates made by openssl: an authority of the tests' own, what it signed, and what another one signed."""

import subprocess
from pathlib import Path

KEY_PASSWORD = "of-the-key"  # noqa: S105

_CONFIGURATION = """
[ca]
default_ca = own
[own]
database = {place}/index.txt
default_md = sha256
default_crl_days = 30
"""


def make(place: Path) -> None:
    """Fills `place`: ca.crt, other.crt, server.crt and .key (for 127.0.0.1 and db.test), client.crt, .key, .locked.key,
    none.crl and, with the server's certificate revoked, server.crl.
    """
    _authority(place, "ca")
    _authority(place, "other")
    _signed(place, "server", "db.test", "subjectAltName=DNS:db.test,IP:127.0.0.1")
    _signed(place, "client", "certified", "basicConstraints=CA:false")
    _openssl(place, "pkey -in client.key -aes256 -out client.locked.key -passout", f"pass:{KEY_PASSWORD}")
    (place / "index.txt").touch()
    (place / "ca.cnf").write_text(_CONFIGURATION.format(place=place))
    signer = "ca -config ca.cnf -keyfile ca.key -cert ca.crt"
    _openssl(place, f"{signer} -gencrl -out none.crl")
    _openssl(place, f"{signer} -revoke server.crt")
    _openssl(place, f"{signer} -gencrl -out server.crl")


def _authority(place: Path, name: str) -> None:
    new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30"
    _openssl(place, f"{new} -subj /CN={name} -keyout {name}.key -out {name}.crt")


def _signed(place: Path, name: str, subject: str, extension: str) -> None:
    new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    _openssl(place, f"{new} -subj /CN={subject} -keyout {name}.key -out {name}.csr")
    (place / f"{name}.ext").write_text(extension)
    sign = "x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 30"
    _openssl(place, f"{sign} -in {name}.csr -extfile {name}.ext -out {name}.crt")


def _openssl(place: Path, arguments: str, *more: str) -> None:
    done = subprocess.run(["openssl", *arguments.split(), *more], cwd=place, capture_output=True, text=True)  # noqa: S607
    assert done.returncode == 0, done.stderr
