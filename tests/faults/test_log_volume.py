"""What an outage and a flood of nonsense do to the log: a few lines that say how often, not one for each request."""

import re
from concurrent.futures import ThreadPoolExecutor

from tests.services import Start

from .leaks import KEY
from .proxy import proxy_to
from .test_database_away import QUICK, REQUESTS, ask, assert_up
from .test_wire import say

COUNT = 400


def test_an_outage_is_told_a_few_times_and_every_request_in_the_access_log(start: Start, database_url: str) -> None:
    # The id of an experiment is a client's to choose: a key in its place must not be written down either.
    careless = ("GET", f"/api/parea/v1/experiment/{KEY}/stats", None)
    requests = [careless, *(request for request in REQUESTS if request[1] != "/readyz")]
    with proxy_to(database_url) as proxy:
        service = start(SPANSTATS_DATABASE_URL=proxy.url, SPANSTATS_ACCESS_LOG="true", **QUICK)
        assert_up(service)
        proxy.refuse()
        with ThreadPoolExecutor(16) as pool:
            each = [requests[n % len(requests)] for n in range(COUNT)]
            statuses = [answer.status_code for answer in pool.map(lambda request: ask(service, request), each)]
        assert statuses == [503] * COUNT
        proxy.accept()
        assert_up(service)
        for _ in range(COUNT):
            say(service, b"nonsense\r\n\r\n")
        assert service.stop() == 0
    lines = service.err.splitlines()
    assert len([line for line in lines if " info " in line and "status=503" in line]) >= COUNT
    problems = [line for line in lines if re.search(" (warning|error) ", line)]
    assert 1 <= len([line for line in problems if "database is away" in line]) <= 20
    assert 1 <= len([line for line in problems if "Invalid HTTP" in line]) <= 20
    assert len(problems) <= 40, problems
