"""HTTP that is broken on the wire: lies about lengths, bodies that never come, endless heads. Nobody else notices."""

import socket

from tests.services import Service, Start

from .leaks import KEY, assert_nothing_leaked

PATH = "/api/parea/v1/trace_log"
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\n".encode()
LOG = b'{"trace_id": "t", "start_timestamp": "2026-01-01T00:00:00Z"}'


HANGS_S = 30
"""A service that has not answered by then never will."""


def say(service: Service, content: bytes) -> bytes:
    """What comes back until the connection is closed or falls silent."""
    received = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=HANGS_S) as connection:
        try:
            connection.sendall(content)
            while part := connection.recv(65536):
                received += part
                if b"\r\n\r\n" in received:
                    connection.settimeout(0.3)
        except OSError:
            pass
    return received


def status(answer: bytes) -> int:
    assert_nothing_leaked(answer.decode("latin-1").replace("\r", ""))
    return int(answer.split()[1]) if answer else 0


def test_what_is_broken_on_the_wire_is_refused_and_harms_nobody(start: Start, database_url: str) -> None:
    service = start(SPANSTATS_DATABASE_URL=database_url, SPANSTATS_API_KEY=KEY, SPANSTATS_BODY_WAIT_S="1")
    service.wait_for("/readyz", 200)

    def length(n: object) -> bytes:
        return HEAD + f"Content-Length: {n}\r\n\r\n".encode()

    assert status(say(service, length(len(LOG)) + LOG)) == 200
    # Less than announced: the rest is waited for, not for ever.
    assert status(say(service, length(len(LOG) + 5) + LOG)) == 408
    # More than announced: the rest is no request.
    assert status(say(service, length(len(LOG) - 1) + LOG)) in (400, 422)
    # A length beyond the limit is refused before anything of it was sent.
    assert status(say(service, length(10**12))) == 413
    for announced in ("-1", "1e3", "x", "0x10", "", "1, 1"):
        assert status(say(service, length(announced) + LOG)) in (0, 400, 408, 413, 422), announced
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    assert status(say(service, chunked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(LOG), LOG))) == 200
    # Fields behind the body are no headers, though they come in one packet with them (RFC 9110, 6.5.1).
    for field in (f"x-api-key: {KEY}", "Authorization: Bearer x", "Content-Encoding: gzip", "Expect: 100-continue"):
        behind = b"%x\r\n%b\r\n0\r\n%b\r\n\r\n" % (len(LOG), LOG, field.encode())
        assert status(say(service, chunked + behind)) == 200, field
        assert status(say(service, chunked.replace(b"x-api-key", b"x-other") + behind)) == 401, field
    assert status(say(service, chunked + b"zz\r\n")) in (0, 400, 408)
    assert status(say(service, chunked + b"5\r\nabc")) in (400, 408)
    assert status(say(service, HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab")) in (0, 400, 408, 422)
    assert status(say(service, b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 1_000_000 + b"\r\n\r\n")) in (
        0,
        400,
        404,
        431,
    )
    assert status(say(service, b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")) in (0, 400, 404, 414)
    assert status(say(service, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20)) in (0, 400)
    assert status(say(service, HEAD + b"bad header line\r\n\r\n")) in (0, 400)
    # Heads and bodies that just stop, held open all at once.
    idle = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(200)]
    for connection in idle:
        connection.sendall(length(100) + b"{")
    assert service.status("/readyz") == 200
    assert status(say(service, length(len(LOG)) + LOG)) == 200
    for connection in idle:
        connection.close()
    assert service.stop() == 0
