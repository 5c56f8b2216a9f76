"""Requests that offer to go on in another protocol: served whole, as if nothing was offered (RFC 9110, 7.8)."""

import itertools
import json
import re
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.api.test_hostile import routes
from tests.conftest import fresh_database
from tests.dialects.recorded import as_protobuf
from tests.services import Service, environment_in, starting

from .leaks import KEY

OFFERS = {
    "as Java's HttpClient": "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ",
    "in odd case": "cOnNeCtIoN: keep-alive,UPGRADE\r\nUPGRADE: H2C",
    "several, in one header": "Connection: upgrade\r\nUpgrade: HTTP/2.0, SHTTP/1.3, IRC/6.9",
    "several, in several headers": "Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: TLS/1.2",
    "TLS": "Upgrade: TLS/1.2\r\nConnection: Upgrade",
    "websocket": "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13",
    "not named under Connection": "Upgrade: h2c",
    "without naming one": "Connection: Upgrade",
    "no name at all": "Connection: Upgrade\r\nUpgrade:",
}
OFFER = OFFERS["as Java's HttpClient"]
START = 1_767_225_600_000_000_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, server_url: str, template: str) -> Iterator[Service]:
    """One for all tests here: each writes into an experiment of its own."""
    folder = tmp_path_factory.mktemp("service")
    with fresh_database(server_url, template) as url, starting(folder, environment_in(folder)) as start:
        started = start(SPANSTATS_DATABASE_URL=url, SPANSTATS_API_KEY=KEY, SPANSTATS_BODY_WAIT_S="2")
        started.wait_for("/readyz", 200)
        yield started


@pytest.fixture
def experiment() -> str:
    return f"experiment-{next(_numbers)}"


def talk(service: Service, *fragments: bytes, answers: int = 1) -> list[tuple[int, bytes]]:
    """(status, body) of each answer that comes back to the fragments, which are sent one after another."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
        for number, fragment in enumerate(fragments):
            if number:
                time.sleep(0.01)
            connection.sendall(fragment)
        stream = connection.makefile("rb")
        return [answer for answer in (_answer(stream) for _ in range(answers)) if answer is not None]


def _answer(stream: Any) -> tuple[int, bytes] | None:
    start = stream.readline()
    if not start:
        return None
    headers = dict(iter(lambda: _header(stream.readline()), None))
    status = int(start.split()[1])
    return _answer(stream) if status == 100 else (status, stream.read(int(headers.get(b"content-length", 0))))


def _header(line: bytes) -> tuple[bytes, bytes] | None:
    name, colon, value = line.partition(b":")
    return (name.lower(), value.strip()) if colon else None


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", f"x-api-key: {KEY}", *lines, "", ""]).encode()


def sized(method: str, path: str, body: bytes, *lines: str) -> bytes:
    return head(method, path, *lines, f"Content-Length: {len(body)}") + body


def chunked(body: bytes) -> bytes:
    half = len(body) // 2
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:])) + b"0\r\n\r\n"


DELIVERIES = ("one packet", "head, then body", "the head in two", "the body in two", "chunked", "chunked, split")


def delivered(how: str, method: str, path: str, body: bytes, *lines: str) -> Sequence[bytes]:
    """One request in the fragments in which it comes over the connection."""
    whole = sized(method, path, body, *lines)
    start = len(whole) - len(body)
    chunks, parts = head(method, path, *lines, "Transfer-Encoding: chunked"), chunked(body)
    return {
        "one packet": [whole],
        "head, then body": [whole[:start], body],
        "the head in two": [whole[:40], whole[40:]],
        "the body in two": [whole[: start + 5], whole[start + 5 :]],
        "chunked": [chunks + parts],
        "chunked, split": [chunks, parts[:7], parts[7:]],
    }[how]


_numbers = itertools.count(1)


def export(experiment: str) -> dict[str, Any]:
    number = next(_numbers)
    attribute = {"key": "experiment_id", "value": {"stringValue": experiment}}
    times = {"startTimeUnixNano": str(START), "endTimeUnixNano": str(START + 10**9)}
    span = {"traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "s", "attributes": [attribute], **times}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def writes(experiment: str) -> list[tuple[str, str, bytes]]:
    """(path, content type, body) of one new trace, at each kind of route that stores spans."""
    number, at = next(_numbers), "2026-01-01T00:00:00Z"
    flat = {"trace_unique_id": f"f{number}", "span_unique_id": f"f{number}", "metadata": {"experiment_id": experiment}}
    log = {"trace_id": f"p{number}", "experiment_uuid": experiment, "start_timestamp": at}
    return [
        ("/v1/traces", "application/json", json.dumps(export(experiment)).encode()),
        ("/api/v2/traces", "application/x-protobuf", as_protobuf(export(experiment))),
        ("/api/v1/traces/ingest", "application/json", json.dumps([flat]).encode()),
        ("/api/parea/v1/trace_log", "application/json", json.dumps(log).encode()),
    ]


def count(service: Service, experiment: str, *lines: str) -> int:
    """How many traces a summary without filters finds."""
    [(status, body)] = talk(service, sized("GET", f"/api/v2/experiments/{experiment}/logs/summary/", b"", *lines))
    assert status == 200, body
    total: int = json.loads(body)["total_count"]
    return total


def test_a_write_with_an_offer_is_stored_however_it_comes(service: Service) -> None:
    for number, (offer, how) in enumerate(itertools.product(OFFERS.values(), DELIVERIES)):
        for path, content_type, body in writes(f"e{number}"):
            fragments = delivered(how, "POST", path, body, offer, f"Content-Type: {content_type}")
            [(status, answer)] = talk(service, *fragments)
            assert status == 200, (offer, how, path, answer)
        assert count(service, f"e{number}") == 4, (offer, how)


def test_a_filter_with_an_offer_is_applied(service: Service, experiment: str) -> None:
    for path, content_type, body in writes(experiment):
        talk(service, sized("POST", path, body, f"Content-Type: {content_type}"))
    filters = json.dumps({"filters": {"cost": {"operator": "gt", "value": [5]}}}).encode()
    for offer, how in itertools.product(OFFERS.values(), DELIVERIES):
        fragments = delivered(how, "POST", f"/api/v2/experiments/{experiment}/logs/summary/", filters, offer)
        [(status, answer)] = talk(service, *fragments)
        assert (status, json.loads(answer)["total_count"]) == (200, 0), (offer, how)
    for offer in OFFERS.values():
        assert count(service, experiment, offer) == 4


def test_a_connection_goes_on_after_an_offer(service: Service, experiment: str) -> None:
    [first, second, third] = writes(experiment)[:3]
    requests = [
        sized("POST", path, body, line, f"Content-Type: {content_type}")
        for (path, content_type, body), line in ((first, OFFER), (second, "X: y"), (third, OFFER))
    ]
    summary = sized("GET", f"/api/v2/experiments/{experiment}/logs/summary/", b"", OFFER)
    for fragments in ([*requests, summary], [b"".join([*requests, summary])]):
        answers = talk(service, *fragments, answers=4)
        assert [status for status, _ in answers] == [200] * 4
        assert json.loads(answers[3][1])["total_count"] == 3


def test_every_route_answers_an_offer_as_it_answers_without(service: Service) -> None:
    for (method, path), body in itertools.product(routes(), (b"", b"{}", b"[]")):
        path = re.sub(r"{[^}]*}", "1", path)
        plain, offered = (talk(service, sized(method, path, body, line)) for line in ("X: y", OFFER))
        assert plain
        assert [status for status, _ in plain] == [status for status, _ in offered], (method, path, body)


def test_a_client_that_waits_to_be_asked_for_the_body_is_asked(service: Service, experiment: str) -> None:
    for offer in ("X: y", *OFFERS.values()):
        path, _, body = writes(experiment)[0]
        fragments = delivered("head, then body", "POST", path, body, offer, "Expect: 100-continue")
        assert [status for status, _ in talk(service, *fragments, *fragments, answers=2)] == [200, 200], offer
    assert count(service, experiment) == 1 + len(OFFERS)


def test_a_client_that_is_refused_before_it_sends_the_body_is_cut_off(service: Service) -> None:
    """Else its next request would be read as the body that it never sent."""
    refused = head("POST", "/v1/traces", "Expect: 100-continue", f"Content-Length: {10**9}")
    answers = talk(service, refused, sized("GET", "/healthz", b""), answers=2)
    assert [status for status, _ in answers] == [413]


@pytest.mark.parametrize("preface", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_other_protocols_are_refused_and_the_connection_closed(service: Service, preface: bytes) -> None:
    [(status, answer)] = talk(service, preface + bytes(20), answers=2)
    assert status == 400
    assert b"HTTP/1.1" in answer


def test_a_body_that_ends_early_stores_nothing(service: Service) -> None:
    for offer in ("X: y", OFFER):
        for path, content_type, body in writes("early"):
            for how in ("one packet", "chunked"):
                [whole] = delivered(how, "POST", path, body, offer, f"Content-Type: {content_type}")
                with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
                    connection.sendall(whole[:-6])
                    connection.shutdown(socket.SHUT_WR)
                    assert not connection.recv(100).startswith(b"HTTP/1.1 2")
    [(status, _)] = talk(service, sized("GET", "/api/v2/experiments/early/logs/summary/", b""))
    assert status == 404


def test_what_is_no_request_never_takes_the_place_of_an_answer(service: Service, experiment: str) -> None:
    path, content_type, body = writes(experiment)[0]
    answers = talk(service, sized("POST", path, body, f"Content-Type: {content_type}") + b"\0\0\r\n", answers=2)
    assert [status for status, _ in answers] == [200]
    assert count(service, experiment) == 1
