"""Clients that ask for a long answer and then read none of it: others are served, and what they held comes back."""

import socket

import httpx

from tests.services import Start

from .leaks import KEY

STATS = "/api/parea/v1/experiment/long/stats"
TRACES, REASON = 3000, "r" * 4000


def unread(port: int) -> socket.socket:
    """A request for the stats by a client that takes nothing of the answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {STATS} HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\n\r\n".encode())
    assert client.recv(1)
    return client


def test_clients_that_do_not_read_leave_connections_to_the_others(start: Start, database_url: str) -> None:
    service = start(
        SPANSTATS_DATABASE_URL=database_url,
        SPANSTATS_API_KEY=KEY,
        SPANSTATS_POOL_SIZE="4",
        SPANSTATS_POOL_TIMEOUT_S="1",
    )
    service.wait_for("/readyz", 200)
    with httpx.Client(base_url=f"http://127.0.0.1:{service.port}", headers={"x-api-key": KEY}, timeout=30) as client:
        for n in range(0, TRACES, 1000):
            output = {"quality": {"primary_score": 1, "reason": REASON}}
            ids = [{"trace_unique_id": f"t{i}", "span_unique_id": f"t{i}"} for i in range(n, n + 1000)]
            spans = [{**own, "experiment_id": "long", "log_type": "score", "output": output} for own in ids]
            assert client.post("/api/v1/traces/ingest", json=spans).json()["rejected"] == []
        whole = client.get(STATS)
        assert len(whole.json()["parent_trace_stats"]) == TRACES
        idle = [unread(service.port) for _ in range(2)]
        for method, path, body in (
            ("GET", "/readyz", None),
            ("GET", "/api/v2/experiments/long/logs/summary/", None),
            ("GET", "/api/request-logs/list/", None),
            ("POST", "/api/parea/v1/trace_log", {"trace_id": "t"}),
            ("POST", "/api/logs/t/scores/", {"evaluator_slug": "q", "numerical_value": 1}),
        ):
            assert client.request(method, path, json=body).is_success, path
        refused = client.get(STATS)
        assert refused.status_code == 503, refused.status_code
        assert int(refused.headers["retry-after"]) >= 1
        for connection in idle:
            connection.close()
        assert client.get(STATS).content == whole.content
    assert service.stop() == 0
