from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.domain import times
from spanstats.errors import InvalidInput

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)), st.integers(-1439, 1439))
def test_a_time_is_the_same_instant_in_every_zone(naive: datetime, offset_minutes: int) -> None:
    moment = naive.replace(tzinfo=UTC)
    expected = (moment - EPOCH) // timedelta(microseconds=1)
    shifted = naive + timedelta(minutes=offset_minutes)
    sign, minutes = "+-"[offset_minutes < 0], abs(offset_minutes)
    text = f"{shifted.isoformat()}{sign}{minutes // 60:02}:{minutes % 60:02}"
    assert times.instant(text, "t") == expected
    assert times.instant(naive.isoformat(), "t") == times.instant(naive.isoformat() + "Z", "t") == expected
    assert times.instant(times.iso(expected), "t") == expected


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-01-02", "2026-01-02T00:00:00Z"),
        ("2026-01-02 03:04:05", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02T03:04:05.1234569Z", "2026-01-02T03:04:05.123456Z"),
        ("2026-01-02T03:04:05 05:30", "2026-01-02T03:04:05+05:30"),
        (" 2026-01-02T03:04:05Z ", "2026-01-02T03:04:05Z"),
    ],
)
def test_every_form_of_time_that_clients_send_is_read(text: str, same: str) -> None:
    assert times.instant(text, "t") == times.instant(same, "t")
    assert times.instant(text, "t") is not None


@pytest.mark.parametrize(
    "junk",
    [
        "now",
        "2026-13-01",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+14:00",
        "1969-12-31T23:59:59.999999Z",
        "2200-01-01T00:00:01Z",
        5,
        True,
        [],
        "2026-01-01" + "0" * 100,
    ],
)
def test_what_is_no_time_in_range_is_refused(junk: Any) -> None:
    with pytest.raises(InvalidInput):
        times.instant(junk, "t")


def test_counts_since_1970_are_cut_and_zero_is_absent() -> None:
    assert times.epoch(1_767_225_600_123.4567, "t", 1000) == 1_767_225_600_123_456
    assert times.epoch("1767225600", "t", 1) == 1_767_225_600_000_000
    assert times.epoch(0, "t", 1) is times.epoch("0", "t", 1) is times.epoch(None, "t", 1) is None
    for junk in (-1, 10**300, "x", True):
        with pytest.raises(InvalidInput):
            times.epoch(junk, "t", 1000)
