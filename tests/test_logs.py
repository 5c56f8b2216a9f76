"""What a line of the log looks like, and that nothing in it can forge another."""

import json
import logging
from collections.abc import Iterator

import pytest

from spanstats import logs
from spanstats.api.observation import REQUEST_ID
from spanstats.errors import Unavailable


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before


def test_control_characters_are_escaped_in_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "text")
    logging.getLogger("x").info("a\nb\x1b[31m\u2028c")
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "a\\x0ab\\x1b[31m\\x2028c" in line


def test_json_has_the_fields_of_the_event_and_the_id_of_its_request(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    token = REQUEST_ID.set("abc")
    try:
        logging.getLogger("x").info("a\nb", extra={"fields": {"status": 200}})
    finally:
        REQUEST_ID.reset(token)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    event = json.loads(lines[0])
    assert (event["message"], event["status"], event["request_id"]) == ("a\nb", 200, "abc")


def test_levels_below_the_one_that_is_set_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "text")
    logging.getLogger("x").info("quiet")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("layout", ["text", "json"])
def test_a_fault_tells_its_kind_and_place_in_one_line_and_nothing_that_was_sent(
    capsys: pytest.CaptureFixture[str], layout: str
) -> None:
    logs.configure("info", layout)

    def broken() -> None:
        try:
            raise ValueError("what a client sent")
        except ValueError as cause:
            raise RuntimeError("SELECT secret\nFROM t") from cause

    try:
        broken()
    except RuntimeError:
        logging.getLogger("x").exception("it broke")
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "RuntimeError at test_logs:" in err
    assert "because of ValueError at test_logs:" in err
    for hidden in ("sent", "SELECT", "Traceback", ".py", "/"):
        assert hidden not in err


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def slowed(clock: Clock) -> None:
    """Log as a service does, by this clock."""
    logs.configure("info", "text")
    logging.getLogger().handlers[-1].filters[:] = [logs.Seldom(10, clock)]


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What was logged since the last look, without the times."""
    return [line.partition(" ")[2] for line in capsys.readouterr().err.splitlines()]


def test_warnings_that_are_alike_are_written_once_in_ten_seconds_with_their_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slowed(clock := Clock())
    log = logging.getLogger("x")
    for n in range(1000):
        log.warning("%s %d: away", "GET", n, extra={"alike": "away"})
        log.warning("rollups wait: %s", n)
    log.warning("GET: busy", extra={"alike": "busy"})
    logging.getLogger("y").warning("GET: away", extra={"alike": "away"})
    assert lines(capsys) == [
        "warning GET 0: away",
        "warning rollups wait: 0",
        "warning GET: busy",
        "warning GET: away",
    ]
    clock.now = 9.9
    log.warning("again", extra={"alike": "away"})
    assert lines(capsys) == []
    clock.now = 12
    log.warning("%s again", "GET", extra={"alike": "away"})
    log.warning("GET: busy", extra={"alike": "busy"})
    assert lines(capsys) == ["warning GET again (and 1000 times more in 12 s)", "warning GET: busy"]
    clock.now = 23
    log.warning("the last", extra={"alike": "away"})
    assert lines(capsys) == ["warning the last"]


def test_outages_that_end_a_stream_are_alike_and_faults_are_each_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slowed(Clock())
    for error in (Unavailable("away"), RuntimeError("a bug")):
        for _ in range(5):
            logging.getLogger("x").error("it broke", exc_info=error)
    logging.getLogger("x").info("told")
    logging.getLogger("x").info("told")
    written = lines(capsys)
    assert [line.count("Unavailable") for line in written] == [1, 0, 0, 0, 0, 0, 0, 0]
    assert [line.count("RuntimeError") for line in written] == [0, 1, 1, 1, 1, 1, 0, 0]
