"""Poolers as providers run them: nothing that they refuse is ever sent, or the start says what to set."""

import pytest

from spanstats.database import opened
from spanstats.errors import StartError
from spanstats.settings import Settings
from tests.managed_pooler import managed
from tests.services import Start, environment, start

from .leaks import KEY, assert_nothing_leaked
from .test_database_away import ask, ask_all

__all__ = ["environment", "start"]


SUMMARY = "/api/v2/experiments/e/logs/summary/"
READS: list[tuple[str, str, object]] = [
    ("GET", "/api/parea/v1/experiment/e/stats", None),
    ("POST", SUMMARY, {"filters": {"cost": {"operator": "gte", "value": [0]}}}),
    ("POST", SUMMARY, {"filters": {"metadata__plan": {"operator": "", "value": ["pro"]}}}),
    ("POST", "/api/v2/experiments/e/logs/list/", {}),
    ("POST", "/api/traces/list/", {}),
    ("GET", "/api/stats/v1/experiments", None),
    ("GET", "/api/stats/v1/experiments/e", None),
    ("POST", "/api/stats/v1/compare", {"base": "e", "candidate": "e"}),
    ("GET", "/api/traces/t2/", None),
    ("DELETE", "/api/traces/t2/", None),
    ("DELETE", "/api/v2/experiments/e/", None),
    ("GET", "/metrics", None),
]


@pytest.mark.one_database("shards are reached without such a pooler")
@pytest.mark.parametrize("is_short", [True, False], ids=["for a transaction", "for a session"])
def test_nothing_is_sent_that_a_managed_pooler_refuses(start: Start, database_url: str, is_short: bool) -> None:
    direct = {"SPANSTATS_DATABASE_DIRECT_URL": database_url} if is_short else {}
    with managed(database_url, is_short=is_short) as pooler:
        service = start(SPANSTATS_DATABASE_URL=pooler.url, SPANSTATS_API_KEY=KEY, **direct)
        service.wait_for("/readyz", 200)
        for _ in range(3):
            answers = ask_all(service)
            assert {a.status_code for a in answers} <= {200, 201, 400, 404}, [a.text for a in answers]
        for method, path, body in READS:
            answer = ask(service, (method, path, body))
            assert answer.status_code < 500, (path, answer.text)
        assert service.stop() == 0
        assert pooler.refused == []
    assert_nothing_leaked(service.err)


def test_the_start_says_what_a_managed_pooler_needs(database_url: str) -> None:
    with managed(database_url, is_short=True) as pooler:
        for url, why in (
            (pooler.url, "SPANSTATS_DATABASE_DIRECT_URL"),
            (f"{pooler.url}?options=-c%20geqo%3Doff", "options"),
        ):
            with pytest.raises(StartError, match=why) as raised, opened(Settings(database_url=url)):
                pass
            assert "\n" not in str(raised.value)
